import Apus
import ApusSupport

/// Reads what `--input` and `--expect` name: a file, an array of one, or values.
enum InputText {
  /// Throws `input.values` for values that do not fit their type, and what the readers of files throw.
  static func tensor(_ entry: NamedText, byteLimit: Int) throws(DiagnosticError) -> Tensor {
    if let values = try values(entry, byteLimit: byteLimit) { return values }
    if let colon = entry.text.lastIndex(of: ":"), entry.text[..<colon].contains(".") {
      let array = String(entry.text[entry.text.index(after: colon)...])
      return try TensorFile.load(path: String(entry.text[..<colon]), name: array, byteLimit: byteLimit)
    }
    let file = try TensorFile(path: entry.text, byteLimit: byteLimit)
    return try file.tensor(named: file.names.contains(entry.name) ? entry.name : nil)
  }

  /// `2x3xf32=1,2,3,4,5,6`, or one value for all elements; nil for anything else.
  private static func values(_ entry: NamedText, byteLimit: Int) throws(DiagnosticError) -> Tensor? {
    guard let equals = entry.text.firstIndex(of: "=") else { return nil }
    var parts = entry.text[..<equals].split(separator: "x", omittingEmptySubsequences: false)
    guard let name = parts.popLast(), let type = ElementType(name: name) else { return nil }
    var shape: [Int] = []
    for part in parts {
      guard let size = Int(part), size >= 0 else { return nil }
      shape.append(size)
    }
    let bytes = try Tensor.byteCount(of: type, shape: shape)
    guard bytes <= byteLimit else {
      throw DiagnosticError(id: "limit.memory", "input '\(entry.name)' takes \(bytes) bytes: the limit is \(byteLimit)")
    }
    let count = bytes / type.byteCount
    let texts = entry.text[entry.text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false)
    var scalars: [Scalar] = []
    for text in texts where !(count == 0 && text.isEmpty) {
      guard let scalar = scalar(text.trimmingPrefix { $0 == " " }, type) else {
        throw DiagnosticError(id: "input.values", "input '\(entry.name)': '\(text)' is no \(type)")
      }
      scalars.append(scalar)
    }
    guard scalars.count == count || (scalars.count == 1 && count > 0) else {
      throw DiagnosticError(
        id: "input.values", "input '\(entry.name)': \(scalars.count) values are given for \(count) elements")
    }
    var tensor = try Tensor.zeros(type, shape: shape)
    for index in 0..<count { tensor.setScalar(scalars[scalars.count == 1 ? 0 : index], at: index) }
    return tensor
  }

  private static func scalar(_ text: Substring, _ type: ElementType) -> Scalar? {
    if type == .bool {
      switch text {
      case "true", "1": return .bool(true)
      case "false", "0": return .bool(false)
      case _: return nil
      }
    }
    if type.isFloat { return Double(text).map { .float($0) } }
    let bits = type.bitWidth
    if type.isSignedInteger {
      guard let value = Int64(text), value >= Int64.min >> (64 - bits), value <= Int64.max >> (64 - bits) else { return nil }
      return .signed(value)
    }
    guard let value = UInt64(text), value <= UInt64.max >> (64 - bits) else { return nil }
    return .unsigned(value)
  }
}
