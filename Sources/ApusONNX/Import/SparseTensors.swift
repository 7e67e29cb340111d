import ApusSupport
import ApusTensor

extension SparseTensorProto {
  /// Elements of a sparse tensor that is written out, at most: its file may be small however large it is.
  private static let elementLimit = 1 << 28

  /// The tensor with its zeros.
  ///
  /// Throws `onnx.sparse` for indices that are out of bounds, unordered or repeated, and for tensors of another form.
  func tensor(_ externalData: ExternalData) throws(DiagnosticError) -> Tensor {
    guard let values, indices != nil else {
      throw DiagnosticError(id: "onnx.sparse", "a sparse tensor lacks its values or its indices")
    }
    func wrong(_ message: String) -> DiagnosticError { DiagnosticError(id: "onnx.sparse", message, at: values.place) }
    guard !dims.isEmpty, dims.count <= 64, dims.allSatisfy({ $0 > 0 }) else {
      throw wrong("the sizes \(dims) are not those of a sparse tensor")
    }
    let found = try externalData.tensor(values)
    guard found.rank == 1 else { throw wrong("the values of a sparse tensor are a vector, not \(found.shape)") }
    var count = 1
    for size in dims {
      let (product, overflow) = count.multipliedReportingOverflow(by: Int(size))
      guard !overflow, product <= Self.elementLimit else {
        throw wrong("a sparse tensor of sizes \(dims) has more than \(Self.elementLimit) elements, the most that is written out")
      }
      count = product
    }
    let places = try linearIndices(externalData, count: found.count)
    var tensor = try Tensor.zeros(found.elementType, shape: dims.map { Int($0) })
    let width = found.elementType.byteCount
    var last = -1
    for (index, place) in places.enumerated() {
      guard place > last, place < count else {
        throw wrong(place < count ? "index \(index) of a sparse tensor is not above the one before" : "index \(index) is out of bounds")
      }
      last = place
      found.withUnsafeBytes { source in
        tensor.withUnsafeMutableBytes { target in
          for byte in 0..<width { target[place * width + byte] = source[index * width + byte] }
        }
      }
    }
    return tensor
  }

  /// The place of each value in the tensor, written `[count]` or, axis by axis, `[count, rank]`.
  private func linearIndices(_ externalData: ExternalData, count: Int) throws(DiagnosticError) -> [Int] {
    guard let values, let indices else { return [] }
    func wrong(_ message: String) -> DiagnosticError { DiagnosticError(id: "onnx.sparse", message, at: values.place) }
    let found = try externalData.tensor(indices)
    guard found.elementType == .s64, found.shape == [count] || found.shape == [count, dims.count] else {
      throw wrong("the indices of a sparse tensor are \(found.elementType)\(found.shape), for \(count) values of rank \(dims.count)")
    }
    let numbers = found.values(as: Int64.self)
    if found.rank == 1 {
      guard numbers.allSatisfy({ $0 >= 0 }) else { throw wrong("an index of a sparse tensor is negative") }
      return numbers.map { Int($0) }
    }
    var places: [Int] = []
    for row in 0..<count {
      var place = 0
      for (axis, size) in dims.enumerated() {
        let index = numbers[row * dims.count + axis]
        guard index >= 0, index < size else {
          throw wrong("index \(index) of a sparse tensor is out of bounds for axis \(axis) of size \(size)")
        }
        place = place * Int(size) + Int(index)
      }
      places.append(place)
    }
    return places
  }
}
