import ApusSupport

/// Elements of narrow types as files have them: one after another without gaps, from the low bits of a byte on.
extension NarrowType {
  /// The bytes that so many elements take.
  package func byteCount(_ count: Int) -> Int { count / 8 * bitCount + (count % 8 * bitCount + 7) / 8 }

  /// A tensor of the carrier. `packed` has at least the bytes that its elements take.
  package func unpacked(_ packed: UnsafeRawBufferPointer, shape: [Int]) throws(DiagnosticError) -> Tensor {
    var tensor = try Tensor.uninitialized(carrier, shape: shape)
    let count = tensor.count
    precondition(packed.count >= byteCount(count), "\(packed.count) bytes for \(count) elements of \(name)")
    let values = (0..<1 << bitCount).map { carried(UInt8($0)) }
    let (width, isWide) = (bitCount, carrier.byteCount == 2)
    tensor.withUnsafeMutableBytes { target in
      for index in 0..<count {
        let (byte, shift) = ((index / 8) * width + (index % 8 * width) / 8, (index % 8 * width) % 8)
        var code = packed[byte] >> UInt8(shift)
        if shift + width > 8 { code |= packed[byte + 1] << UInt8(8 - shift) }
        let value = values[Int(code) & (values.count - 1)]
        if isWide {
          target.storeBytes(of: value, toByteOffset: 2 * index, as: UInt16.self)
        } else {
          target[index] = UInt8(truncatingIfNeeded: value)
        }
      }
    }
    return tensor
  }

  /// The elements of a tensor of the carrier, packed; bits that are left over are 0.
  package func packed(_ tensor: Tensor) -> [UInt8] {
    precondition(tensor.elementType == carrier, "\(name) is carried in \(carrier), not in \(tensor.elementType)")
    var bytes = [UInt8](repeating: 0, count: byteCount(tensor.count))
    forEach(in: tensor) { index, bits in
      let code = code(bits)
      let (byte, shift) = ((index / 8) * bitCount + (index % 8 * bitCount) / 8, (index % 8 * bitCount) % 8)
      bytes[byte] |= code << UInt8(shift)
      if shift + bitCount > 8 { bytes[byte + 1] |= code >> UInt8(8 - shift) }
    }
    return bytes
  }

  /// The place of the first element of a tensor of the carrier that is no value of the type.
  package func firstMisfit(in tensor: Tensor) -> Int? {
    precondition(tensor.elementType == carrier, "\(name) is carried in \(carrier), not in \(tensor.elementType)")
    var found: Int?
    forEach(in: tensor) { index, bits in
      if found == nil, !fits(bits) { found = index }
    }
    return found
  }

  private func fits(_ bits: UInt16) -> Bool {
    guard let integers else { return holds(bits) }
    let byte = UInt8(truncatingIfNeeded: bits)
    return integers.contains(carrier == .s8 ? Int(Int8(bitPattern: byte)) : Int(byte))
  }

  private func forEach(in tensor: Tensor, _ body: (Int, UInt16) -> Void) {
    let isWide = carrier.byteCount == 2
    tensor.withUnsafeBytes { source in
      for index in 0..<tensor.count {
        body(index, isWide ? source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self) : UInt16(source[index]))
      }
    }
  }
}

extension TensorProto {
  /// The elements in the carrier of their type. Throws `onnx.dims` and `onnx.data`.
  func unpacked(_ type: NarrowType, _ external: FileBytes?) throws(DiagnosticError) -> Tensor {
    let shape = try self.shape()
    let count: Int
    do {
      count = try Tensor.byteCount(of: type.carrier, shape: shape) / type.carrier.byteCount
    } catch {
      throw DiagnosticError(id: "onnx.dims", "the sizes \(shape) are more than memory can hold", at: place)
    }
    let needed = type.byteCount(count)
    if external == nil, raw?.isEmpty ?? true, !typed.isEmpty {
      let bytes = try entries(type, count, needed)
      let result: Result<Tensor, DiagnosticError> = bytes.withUnsafeBytes { packed in
        Result { () throws(DiagnosticError) in try type.unpacked(packed, shape: shape) }
      }
      return try result.get()
    }
    var found = external
    if external == nil, let raw { found = file.slice(raw) }
    guard let found else {
      guard needed == 0 else { throw wrongSize(raw?.count ?? 0, needed) }
      return try Tensor.zeros(type.carrier, shape: shape)
    }
    guard found.count == needed else { throw wrongSize(found.count, needed) }
    return try type.unpacked(found.storage.bytes, shape: shape)
  }

  /// The packed bytes from `int32_data`, where an entry is one byte: of one element, of two, or of four.
  private func entries(_ type: NarrowType, _ count: Int, _ needed: Int) throws(DiagnosticError) -> [UInt8] {
    let fields = typed.filter { $0.field == 5 }
    // Elements of 6 bits are the only ones that do not fill a byte and still have an entry each.
    let isAlone = type.bitCount == 6
    let entryCount = isAlone ? count : needed
    let available = fields.reduce(0) { $0 + $1.range.count }
    guard available >= entryCount else {
      throw DiagnosticError(id: "onnx.data", "it has at most \(available) entries of data for its \(count) elements", at: place)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entryCount)
    for part in fields {
      var reader = WireReader(file, part.range)
      while !reader.isAtEnd {
        let entry = UInt8(truncatingIfNeeded: try reader.varint())
        guard bytes.count < entryCount else {
          throw DiagnosticError(id: "onnx.data", "it has entries of data for more than its \(count) elements", at: place)
        }
        bytes.append(entry)
      }
    }
    guard bytes.count == entryCount else {
      throw DiagnosticError(
        id: "onnx.data", "it has \(bytes.count) of the \(entryCount) entries of data that its \(count) elements take", at: place)
    }
    guard isAlone else { return bytes }
    var packed = [UInt8](repeating: 0, count: needed)
    for (index, code) in bytes.enumerated() {
      let (byte, shift) = (index * 6 / 8, index * 6 % 8)
      packed[byte] |= (code & 63) << UInt8(shift)
      if shift > 2 { packed[byte + 1] |= (code & 63) >> UInt8(8 - shift) }
    }
    return packed
  }
}
