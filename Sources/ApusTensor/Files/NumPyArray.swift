import ApusSupport

/// `.npy` files.
///
/// Read are versions 1.0 to 3.0, C and Fortran order, both byte orders, and every element type of Apus; bf16, which
/// NumPy lacks, is `<V2` as `ml_dtypes.bfloat16` saves it. Written is version 1.0, C order, little-endian.
public enum NumPyArray {
  /// Reads an array; its bytes stay in the mapped file where order and alignment allow it.
  ///
  /// Throws `file.missing`, `file.unreadable`, `file.not-regular`, `npy.header`, `npy.type`, `npy.truncated`,
  /// `npy.size` when bytes follow the array, `npy.bool` for a bool that is neither 0 nor 1, and `tensor.too-large`.
  public static func read(path: String) throws(DiagnosticError) -> Tensor { try read(FileBytes(path: path)) }

  /// Reads an array from bytes at hand; otherwise as ``read(path:)``.
  public static func read(_ file: FileBytes) throws(DiagnosticError) -> Tensor {
    let header = try NumPyHeader(of: file)
    let needed = try file.byteCount(of: header.elementType, shape: header.shape)
    let present = file.count - header.dataOffset
    guard present >= needed else {
      throw file.error("npy.truncated", "its shape \(header.shape) takes \(needed) bytes, but only \(present) follow")
    }
    guard present == needed, let data = file.slice(header.dataOffset..<file.count) else {
      throw file.error("npy.size", "\(present - needed) bytes follow the array of shape \(header.shape)")
    }
    let shape = header.isFortranOrder ? header.shape.reversed() : header.shape
    let tensor = try data.tensor(header.elementType, shape: shape)
    if header.elementType == .bool { try file.checkBools(tensor, id: "npy.bool") }
    guard header.isFortranOrder || header.isBigEndian else { return tensor }
    return try tensor.inNativeOrder(header)
  }

  /// Writes an array; the file appears whole or not at all.
  ///
  /// Throws `file.unwritable`, and `npy.rank` over 64 dimensions, which NumPy cannot read.
  public static func write(_ tensor: Tensor, path: String) throws(DiagnosticError) {
    let header = try header(of: tensor, place: .file(path))
    try OutputFile.write(path: path) { file throws(DiagnosticError) in
      try file.write(header)
      try tensor.withUnsafeBytes { bytes throws(DiagnosticError) in try file.write(bytes) }
    }
  }

  /// The bytes before the elements, a multiple of 64.
  static func header(of tensor: Tensor, place: Place) throws(DiagnosticError) -> [UInt8] {
    guard tensor.rank <= NumPyHeader.rankLimit else {
      throw DiagnosticError(
        .unsupported, id: "npy.rank", "NumPy has at most \(NumPyHeader.rankLimit) dimensions, not \(tensor.rank)",
        at: place)
    }
    return NumPyHeader(elementType: tensor.elementType, shape: tensor.shape).encoded()
  }
}

extension FileBytes {
  /// ``Tensor/byteCount(of:shape:)`` with this file in the diagnostic.
  func byteCount(of type: ElementType, shape: [Int]) throws(DiagnosticError) -> Int {
    do {
      return try Tensor.byteCount(of: type, shape: shape)
    } catch {
      throw self.error(
        error.diagnostics.first?.id ?? "tensor.too-large", error.diagnostics.first?.message ?? "it is too large")
    }
  }

  /// All these bytes as a tensor, shared when they are aligned for the element type, else copied.
  func tensor(_ type: ElementType, shape: [Int]) throws(DiagnosticError) -> Tensor {
    try Tensor(type, shape: shape, storage: storage).aligned(to: type.byteCount)
  }

  /// Generated code relies on every bool being 0 or 1.
  func checkBools(_ tensor: Tensor, id: String) throws(DiagnosticError) {
    guard let at = tensor.withUnsafeBytes({ bytes in bytes.firstIndex { $0 > 1 } }) else { return }
    throw error(id, "element \(at) is neither true nor false")
  }
}

extension Tensor {
  /// Undoes the byte order and the axis order of a file; the receiver's shape is the file's, innermost last.
  fileprivate func inNativeOrder(_ header: NumPyHeader) throws(DiagnosticError) -> Tensor {
    switch elementType.byteCount {
    case 1: try reordered(UInt8.self, header)
    case 2: try reordered(UInt16.self, header)
    case 4: try reordered(UInt32.self, header)
    case 8: try reordered(UInt64.self, header)
    default: preconditionFailure("elements have 1, 2, 4 or 8 bytes")
    }
  }

  private func reordered<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ header: NumPyHeader
  ) throws(DiagnosticError) -> Tensor {
    var result = try Tensor.uninitialized(elementType, shape: header.shape)
    let strides = header.isFortranOrder ? columnMajorStrides(header.shape) : rowMajorStrides(header.shape)
    let (count, extents, swaps) = (count, header.shape, header.isBigEndian)
    let size = MemoryLayout<Word>.size
    withUnsafeBytes { source in
      result.withUnsafeMutableBytes { target in
        var index = [Int](repeating: 0, count: extents.count)
        var from = 0
        for to in 0..<count {
          let word = source.loadUnaligned(fromByteOffset: from * size, as: Word.self)
          target.storeBytes(of: swaps ? word.byteSwapped : word, toByteOffset: to * size, as: Word.self)
          for axis in extents.indices.reversed() {
            index[axis] += 1
            from += strides[axis]
            if index[axis] < extents[axis] { break }
            from -= strides[axis] * extents[axis]
            index[axis] = 0
          }
        }
      }
    }
    return result
  }
}

private func columnMajorStrides(_ shape: [Int]) -> [Int] {
  var stride = 1
  return shape.map { extent in
    defer { stride *= extent }
    return stride
  }
}

private func rowMajorStrides(_ shape: [Int]) -> [Int] { columnMajorStrides(shape.reversed()).reversed() }
