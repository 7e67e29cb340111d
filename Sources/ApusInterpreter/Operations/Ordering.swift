import ApusSupport
import ApusTensor

extension Operation {
  func argument(isLargest: Bool) throws -> Tensor {
    let (x, axis) = (operands[0], int("axis"))
    let takesLast = bool("last")
    let length = x.shape[axis]
    let shape = reducedShape(x.shape, [axis])
    let count = elementCount(shape)
    guard length > 0 || count == 0 else {
      throw DiagnosticError(id: "\(code.name).C1", "\(code.name): axis \(axis) is empty")
    }
    let lined = try movingToEnd(axis, of: x)
    func found<T>(_ values: [T], _ isBetter: (T, T) -> Bool) -> [Int64] {
      (0..<count).map { line in
        let base = line * length
        var best = base
        for index in base..<(base + length) {
          let isPicked = takesLast ? !isBetter(values[best], values[index]) : isBetter(values[index], values[best])
          if isPicked { best = index }
        }
        return Int64(best - base)
      }
    }
    let indices: [Int64]
    switch Elements(lined) {
    case .floats(let values):
      // NaN counts as the best there is.
      indices = found(values) { a, b in !b.isNaN && (a.isNaN || (isLargest ? a > b : a < b)) }
    case .integers(let values):
      let type = x.elementType
      indices = found(values) { a, b in
        isLargest ? ordered(a, of: type) > ordered(b, of: type) : ordered(a, of: type) < ordered(b, of: type)
      }
    }
    return try tensor(.integers(indices), results[0].element, shape)
  }

  func sort() throws -> [Tensor] {
    let axis = int("axis")
    return try firstInOrder(operands[0].shape[axis], axis, isDescending: bool("descending"))
  }

  func topK() throws -> [Tensor] {
    let (axis, count) = (int("axis"), ints("k")[0])
    try require(
      0 <= count && count <= operands[0].shape[axis],
      "\(count) elements are wanted of axis \(axis) of size \(operands[0].shape[axis])")
    return try firstInOrder(count, axis, isDescending: bool("largest"))
  }

  /// The first `kept` elements in order along an axis, and their indices. Ties keep their order.
  private func firstInOrder(_ kept: Int, _ axis: Int, isDescending: Bool) throws -> [Tensor] {
    let x = operands[0]
    let length = x.shape[axis]
    let lined = try movingToEnd(axis, of: x)
    let lines = elementCount(lined.shape.dropLast())
    func inOrder<T>(_ values: [T], _ precedes: (T, T) -> Bool) -> [Int] {
      var order: [Int] = []
      order.reserveCapacity(lines * kept)
      for line in 0..<lines {
        let sorted = ((line * length)..<((line + 1) * length)).sorted { a, b in
          if precedes(values[a], values[b]) { return true }
          return precedes(values[b], values[a]) ? false : a < b
        }
        order += sorted.prefix(kept)
      }
      return order
    }
    let order: [Int]
    let chosen: Elements
    switch Elements(lined) {
    case .floats(let values):
      order = inOrder(values) { a, b in
        // NaN counts as the largest.
        isDescending ? (a.isNaN ? !b.isNaN : a > b) : (b.isNaN ? !a.isNaN : a < b)
      }
      chosen = .floats(order.map { values[$0] })
    case .integers(let values):
      let type = x.elementType
      order = inOrder(values) { a, b in
        let (a, b) = (ordered(a, of: type), ordered(b, of: type))
        return isDescending ? a > b : a < b
      }
      chosen = .integers(order.map { values[$0] })
    }
    let shape = lined.shape.dropLast() + [kept]
    let indices = Elements.integers(order.map { Int64($0 % max(length, 1)) })
    return [
      try movingFromEnd(axis, of: try tensor(chosen, x.elementType, Array(shape))),
      try movingFromEnd(axis, of: try tensor(indices, .s64, Array(shape))),
    ]
  }
}
