import ApusSupport

/// `.safetensors` files (the format of github.com/huggingface/safetensors): a length, a JSON header, the bytes.
///
/// Opening reads and checks the whole header; a tensor's bytes stay in the mapped file where they are aligned for
/// its element type. Tensors of types that Apus lacks (f8 and the like) are listed but cannot be read.
public struct SafeTensors: Sendable {
  /// The reference implementation's own limit on a header.
  static let headerLimit = 100_000_000

  /// The tensors in the order of their bytes.
  public let names: [String]
  /// What the writer noted under `__metadata__`.
  public let metadata: [String: String]
  private let entries: [String: Entry]
  private let data: FileBytes

  /// Reads and checks the header.
  ///
  /// Throws `file.missing`, `file.unreadable`, `file.not-regular`, `safetensors.truncated`, `safetensors.header`,
  /// `safetensors.offsets` when the tensors do not cover the bytes without gap or overlap, `safetensors.size`
  /// when a shape and its bytes disagree, and `tensor.too-large`.
  public init(path: String) throws(DiagnosticError) { try self.init(FileBytes(path: path)) }

  /// As ``init(path:)``, from bytes at hand.
  public init(_ file: FileBytes) throws(DiagnosticError) {
    guard let length = file.integer(at: 0, as: UInt64.self) else {
      throw file.error("safetensors.truncated", "it ends within its header's length")
    }
    guard length <= UInt64(Self.headerLimit) else {
      throw file.error("safetensors.header", "the header claims \(length) bytes, over the limit of \(Self.headerLimit)")
    }
    let start = 8 + Int(length)
    guard let text = file.copied(8..<start), let data = file.slice(start..<file.count) else {
      throw file.error("safetensors.truncated", "it ends within its header")
    }
    let header: JSONValue
    do throws(JSONText.Fault) { header = try JSONText.parse(text, depthLimit: 8) } catch {
      throw file.error("safetensors.header", "the header is no valid JSON at byte \(8 + error.offset): \(error.reason)")
    }
    guard text.first == UInt8(ascii: "{"), case .object(let members) = header else {
      throw file.error("safetensors.header", "the header is no JSON object")
    }
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for member in members {
      if member.key == "__metadata__" {
        metadata = try Self.metadata(member.value, in: file)
      } else {
        entries[member.key] = try Entry(member.value, name: member.key, in: file)
      }
    }
    let ordered = entries.sorted { a, b in
      (a.value.range.lowerBound, a.value.range.upperBound, a.key)
        < (b.value.range.lowerBound, b.value.range.upperBound, b.key)
    }
    try Self.checkCover(ordered.map { ($0.key, $0.value.range) }, of: data)
    names = ordered.map(\.key)
    self.entries = entries
    self.metadata = metadata
    self.data = data
  }

  /// Reads one tensor.
  ///
  /// Throws `safetensors.missing-array`, `safetensors.type`, and `safetensors.bool` for a bool that is neither
  /// 0 nor 1.
  public func tensor(named name: String) throws(DiagnosticError) -> Tensor {
    guard let entry = entries[name] else {
      throw data.error(
        "safetensors.missing-array", "it has no tensor \(quoted(name))",
        hint: names.isEmpty ? "it has no tensors at all" : "it has \(listed(names))")
    }
    guard let type = entry.elementType else {
      throw data.error(
        "safetensors.type", "elements of type \(quoted(entry.typeName)) are not supported", array: name,
        severity: .unsupported)
    }
    guard let bytes = data.slice(entry.range, array: name) else {
      preconditionFailure("the header was checked against the bytes")
    }
    let tensor = try bytes.tensor(type, shape: entry.shape)
    if type == .bool { try bytes.checkBools(tensor, id: "safetensors.bool") }
    return tensor
  }
}

extension SafeTensors {
  private struct Entry: Sendable {
    var typeName: String
    /// Nil for a type that Apus lacks.
    var elementType: ElementType?
    var shape: [Int]
    /// Counted from the end of the header.
    var range: Range<Int>

    init(_ value: JSONValue, name: String, in file: FileBytes) throws(DiagnosticError) {
      func malformed(_ what: String) -> DiagnosticError { file.error("safetensors.header", what, array: name) }
      guard case .object(let members) = value else { throw malformed("its entry is no JSON object") }
      func field(_ key: String) -> JSONValue? { members.first { $0.key == key }?.value }
      guard case .string(let typeName) = field("dtype") else { throw malformed("its 'dtype' is missing or no string") }
      guard case .array(let extents) = field("shape") else { throw malformed("its 'shape' is missing or no array") }
      guard case .array(let bounds) = field("data_offsets"), bounds.count == 2,
        let begin = bounds[0].count, let end = bounds[1].count
      else { throw malformed("its 'data_offsets' are missing or no pair of byte counts") }
      shape = []
      for extent in extents {
        guard let count = extent.count else { throw malformed("its 'shape' has something else than sizes") }
        shape.append(count)
      }
      guard begin <= end else { throw file.error("safetensors.offsets", "it ends before it begins", array: name) }
      range = begin..<end
      self.typeName = typeName
      elementType = SafeTensors.types.first { $0.name == typeName }?.type
      guard let elementType else { return }
      let named = FileBytes(name: file.name, array: name, storage: file.storage)
      let needed = try named.byteCount(of: elementType, shape: shape)
      guard needed == range.count else {
        throw named.error("safetensors.size", "\(typeName) of shape \(shape) takes \(needed) bytes, not \(range.count)")
      }
    }
  }

  static let types: [(name: String, type: ElementType)] = [
    ("F64", .f64), ("F32", .f32), ("F16", .f16), ("BF16", .bf16),
    ("I64", .s64), ("I32", .s32), ("I16", .s16), ("I8", .s8),
    ("U64", .u64), ("U32", .u32), ("U16", .u16), ("U8", .u8), ("BOOL", .bool),
  ]

  private static func metadata(_ value: JSONValue, in file: FileBytes) throws(DiagnosticError) -> [String: String] {
    guard case .object(let members) = value else {
      throw file.error("safetensors.header", "'__metadata__' is no JSON object")
    }
    var metadata: [String: String] = [:]
    for member in members {
      guard case .string(let text) = member.value else {
        throw file.error("safetensors.header", "'__metadata__' holds something else than strings")
      }
      metadata[member.key] = text
    }
    return metadata
  }

  private static func checkCover(
    _ ranges: [(name: String, range: Range<Int>)], of data: FileBytes
  ) throws(DiagnosticError) {
    var covered = 0
    for (name, range) in ranges {
      guard range.upperBound <= data.count else {
        throw data.error(
          "safetensors.offsets", "its bytes end at \(range.upperBound), but only \(data.count) follow the header",
          array: name)
      }
      guard range.lowerBound == covered else {
        let what = range.lowerBound < covered ? "overlap the tensor before" : "leave a gap before them"
        throw data.error("safetensors.offsets", "its bytes \(what)", array: name)
      }
      covered = range.upperBound
    }
    guard covered == data.count else {
      throw data.error("safetensors.offsets", "\(data.count - covered) bytes at its end belong to no tensor")
    }
  }
}
