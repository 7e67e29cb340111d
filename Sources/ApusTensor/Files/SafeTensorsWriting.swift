import ApusSupport

extension SafeTensors {
  /// Writes tensors under their names: widest elements first, then by name, so that each is aligned for its type.
  /// The file appears whole or not at all.
  ///
  /// Throws `safetensors.name` for the reserved name `__metadata__`, `safetensors.duplicate`, `safetensors.header`
  /// for a header over the format's 100 MB, or `file.unwritable`.
  public static func write(
    _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], path: String
  ) throws(DiagnosticError) {
    let ordered = tensors.sorted { a, b in
      let (x, y) = (a.tensor.elementType.byteCount, b.tensor.elementType.byteCount)
      return x != y ? x > y : a.name < b.name
    }
    var names: Set<String> = []
    for (name, _) in ordered {
      guard name != "__metadata__" else {
        throw DiagnosticError(id: "safetensors.name", "the name '__metadata__' is reserved", at: .file(path))
      }
      guard names.insert(name).inserted else {
        throw DiagnosticError(id: "safetensors.duplicate", "two tensors have the name \(quoted(name))", at: .file(path))
      }
    }
    let header = header(ordered, metadata)
    guard header.count <= headerLimit else {
      throw DiagnosticError(id: "safetensors.header", "the header takes \(header.count) bytes", at: .file(path))
    }
    try OutputFile.write(path: path) { file throws(DiagnosticError) in
      try file.write(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) })
      try file.write(header)
      for (_, tensor) in ordered {
        try tensor.withUnsafeBytes { bytes throws(DiagnosticError) in try file.write(bytes) }
      }
    }
  }

  /// The JSON, padded with spaces so that the bytes after it begin at a multiple of 64.
  private static func header(
    _ tensors: [(name: String, tensor: Tensor)], _ metadata: [String: String]
  ) -> [UInt8] {
    var fields: [String] = []
    if !metadata.isEmpty {
      let notes = metadata.sorted { $0.key < $1.key }.map { "\($0.key.jsonQuoted):\($0.value.jsonQuoted)" }
      fields.append("\"__metadata__\":{\(notes.joined(separator: ","))}")
    }
    var offset = 0
    for (name, tensor) in tensors {
      guard let type = types.first(where: { $0.type == tensor.elementType })?.name else {
        preconditionFailure("every element type has a name")
      }
      let shape = tensor.shape.map { "\($0)" }.joined(separator: ",")
      let end = offset + tensor.byteCount
      let place = "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]"
      fields.append("\(name.jsonQuoted):{\"dtype\":\"\(type)\",\(place)}")
      offset = end
    }
    var text = Array("{\(fields.joined(separator: ","))}".utf8)
    text += [UInt8](repeating: 0x20, count: (64 - (8 + text.count) % 64) % 64)
    return text
  }
}
