import ApusSupport
import ApusTensor

/// An op whose value is a constant of the table at the end of the file.
struct ConstantUse {
  var name: String
  var range: Range<Int>
  var function: FunctionID
  var op: OpID
  var isResolved = false
}

extension IRParser {
  /// The table stands behind the functions, so a value in it is filled in later.
  mutating func deferConstant(named name: String, at range: Range<Int>, _ element: ElementType) -> Attribute {
    deferredConstant = (name, range)
    return .scalar(.zero(element))
  }

  private struct Entry {
    var name: String
    var file: String
    var offset: Int
    var length: Int
    var hash: String
    var range: Range<Int>
  }

  /// Reads `constants { @w = "w.bin", 0, 400, sha256 "…" }` and fills in the ops that use them.
  mutating func constantTable(_ loader: some ConstantLoader) {
    tokens.advance()
    guard tokens.expect(.leftBrace) != nil else { return tokens.skipStatement() }
    var uses: [String: [Int]] = [:]
    for (index, use) in constantUses.enumerated() where !use.isResolved { uses[use.name, default: []].append(index) }
    var seen: [String: Range<Int>] = [:]
    var files: [String: TensorStorage?] = [:]
    while !tokens.at(.rightBrace), !tokens.at(.endOfFile), !tokens.diagnostics.isFull {
      if tokens.accept(.semicolon) || tokens.accept(.comma) { continue }
      guard let entry = entry() else {
        tokens.skipStatement()
        continue
      }
      if let first = seen.updateValue(entry.range, forKey: entry.name) {
        let note = Diagnostic.Note("it is defined here", at: tokens.place(first))
        tokens.error("name.redefined", "'@\(entry.name)' is defined twice", at: entry.range, notes: [note])
        continue
      }
      let users = uses[entry.name] ?? []
      for index in users { constantUses[index].isResolved = true }
      guard let first = users.first, let bytes = bytes(of: entry, loader, &files, usedAt: constantUses[first].range)
      else { continue }
      for index in users { fill(constantUses[index], entry, bytes) }
    }
    tokens.expect(.rightBrace)
  }

  private mutating func entry() -> Entry? {
    guard let name = tokens.expect(.symbol, "'@' and the name of a constant"), tokens.expect(.equal) != nil,
      let file = tokens.expect(.string, "the name of a file in quotes"), tokens.expect(.comma) != nil,
      let offset = tokens.signedInteger(), tokens.expect(.comma) != nil,
      let length = tokens.signedInteger(), tokens.expect(.comma) != nil
    else { return nil }
    _ = tokens.accept(word: "sha256")
    guard let hash = tokens.expect(.string, "64 hexadecimal digits in quotes") else { return nil }
    let range = name.range.lowerBound..<tokens.previousEnd
    guard offset >= 0, length >= 0 else {
      tokens.error("constant.range", "an offset or a length is negative", at: range)
      return nil
    }
    return Entry(
      name: tokens.name(name), file: tokens.name(file), offset: offset, length: length, hash: tokens.name(hash),
      range: range)
  }

  /// The bytes of the entry, checked against its length and hash before anything uses them.
  private mutating func bytes(
    of entry: Entry, _ loader: some ConstantLoader, _ files: inout [String: TensorStorage?], usedAt use: Range<Int>
  ) -> TensorStorage? {
    let storage: TensorStorage
    if let known = files[entry.file] {
      guard let known else { return nil }
      storage = known
    } else {
      do throws(DiagnosticError) {
        storage = try loader.load(entry.file)
      } catch {
        report(error, usedAt: use, entry)
        files[entry.file] = .some(nil)
        return nil
      }
      files[entry.file] = storage
    }
    let (end, overflow) = entry.offset.addingReportingOverflow(entry.length)
    guard !overflow, end <= storage.byteCount else {
      tokens.error(
        "constant.range", "'\(entry.file)' has \(storage.byteCount) bytes; '@\(entry.name)' lies beyond them",
        at: entry.range)
      return nil
    }
    let part = TensorStorage(entry.offset..<end, of: storage)
    let digest = part.withUnsafeBytes { SHA256.digest(of: $0) }.description
    guard digest == entry.hash else {
      tokens.error(
        "constant.hash", "the bytes of '@\(entry.name)' are not those that the text was written for", at: entry.range,
        hint: "their SHA-256 is \(digest)")
      return nil
    }
    return part
  }

  /// What the loader says, at the op that needs the file.
  private mutating func report(_ error: DiagnosticError, usedAt use: Range<Int>, _ entry: Entry) {
    for var diagnostic in error.diagnostics {
      diagnostic.place = tokens.place(use)
      diagnostic.notes.append(
        Diagnostic.Note("'@\(entry.name)' lies in '\(entry.file)'", at: tokens.place(entry.range)))
      tokens.diagnostics.add(diagnostic)
    }
  }

  private mutating func fill(_ use: ConstantUse, _ entry: Entry, _ bytes: TensorStorage) {
    guard use.function.index < module.functions.count, module[use.function].resultCount(of: use.op) > 0 else { return }
    let type = module[use.function].type(of: module[use.function].result(of: use.op))
    guard let shape = type.constantShape else {
      tokens.error("constant.shape", "the sizes of a constant with elements must be known", at: use.range)
      return
    }
    let isTruth = type.element != .bool || bytes.withUnsafeBytes { $0.allSatisfy { $0 <= 1 } }
    guard isTruth else {
      tokens.error("literal.range", "a byte of '@\(entry.name)' is no bool: neither 0 nor 1", at: use.range)
      return
    }
    do throws(DiagnosticError) {
      let tensor = try Tensor(type.element, shape: shape, storage: bytes)
      let origin = ConstantTensor.Origin(file: entry.file, name: entry.name, offset: entry.offset)
      module[use.function].setAttribute("value", .tensor(ConstantTensor(tensor, origin: origin)), of: use.op)
    } catch {
      for diagnostic in error.diagnostics {
        tokens.error("constant.count", diagnostic.message, at: use.range)
      }
    }
  }
}
