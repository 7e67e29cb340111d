import ApusIR
import ApusTensor

extension Operators {
  /// What shapes are, and what is counted by them.
  static var shapeQueries: [OperatorRule] {
    [
      OperatorRule("Shape", folds: false) { n in
        let dims = try n.inputType(0).dims
        func bound(_ name: String, _ standard: Int) throws -> Int {
          let bound = try n.int(name, standard)
          return min(max(bound < 0 ? bound + dims.count : bound, 0), dims.count)
        }
        let start = try bound("start", 0)
        return [.shape(Array(dims[start..<max(start, try bound("end", dims.count))]))]
      },
      OperatorRule("Size", folds: false) { n in
        [SizeTensor([try n.product(n.inputType(0).dims)], shape: [], .s64).imported]
      },
      OperatorRule("Range", folds: false) { n in [try range(n)] },
    ]
  }

  private static func range(_ n: NodeTranslation) throws -> Imported {
    let element = try n.inputType(0).element
    if element.isInteger, n.constantIfKnown(0) == nil || n.constantIfKnown(1) == nil { return try symbolicRange(n, element) }
    let bounds = try ["the start", "the limit", "the step"].enumerated().map { index, what in try n.constant(index, what) }
    guard bounds.allSatisfy({ $0.count == 1 }) else { throw n.error("onnx.operand", "a bound of the range is no number") }
    if element.isInteger {
      let (start, limit, step) = (bounds[0].integer(at: 0), bounds[1].integer(at: 0), bounds[2].integer(at: 0))
      guard step != 0 else { throw n.error("onnx.operand", "the step of the range is 0") }
      let count = try count(n, from: start, to: limit, by: step)
      guard count <= maximumListed else { return .value(try counted(n, .integer(start), .integer(step), .constant(count), element)) }
      return .constant(try listed(n, (0..<count).map { .signed(Int64(start &+ $0 &* step)) }, element))
    }
    let (start, limit, step) = (bounds[0].number(at: 0), bounds[1].number(at: 0), bounds[2].number(at: 0))
    let length = ((limit - start) / step).rounded(.up)
    guard step != 0, length < 1e15 else { throw n.error("onnx.operand", "the range has no end") }
    let count = Int(max(length, 0))
    guard count <= maximumListed else { return .value(try counted(n, .number(start), .number(step), .constant(count), element)) }
    return .constant(try listed(n, (0..<count).map { .float(start + Double($0) * step) }, element))
  }

  /// How many integers the range has; their distance need not fit in one. Throws `onnx.operand` where their number does not.
  private static func count(_ n: NodeTranslation, from start: Int, to limit: Int, by step: Int) throws -> Int {
    guard start != limit, (step > 0) == (limit > start) else { return 0 }
    let distance = UInt(bitPattern: step > 0 ? limit &- start : start &- limit)
    guard let count = Int(exactly: (distance - 1) / step.magnitude + 1) else {
      throw n.error("onnx.operand", "the range has more elements than can be counted")
    }
    return count
  }

  /// More elements than this are computed when the model runs.
  private static let maximumListed = 1 << 16

  private static func listed(_ n: NodeTranslation, _ values: [Scalar], _ element: ElementType) throws -> Tensor {
    var tensor = try Tensor.uninitialized(element, shape: [values.count])
    for (index, value) in values.enumerated() { tensor.setScalar(value, at: index) }
    return tensor
  }

  /// A range of integers between bounds that sizes define.
  private static func symbolicRange(_ n: NodeTranslation, _ element: ElementType) throws -> Imported {
    let start = try n.sizes(0, "the start of the range")
    let limit = try n.sizes(1, "the limit of the range")
    let steps = try n.integers(2, "the step of the range")
    guard start.count == 1, limit.count == 1, let step = steps.first, step != 0, step != .min else {
      throw n.error("onnx.operand", "a bound of the range is no number, or its step is 0 or has no opposite")
    }
    let distance = step > 0 ? try n.difference(limit[0], start[0]) : try n.difference(start[0], limit[0])
    let rounded = try n.sum(distance, .constant(abs(step) - 1))
    let count = try n.quotient(rounded, .constant(abs(step)))
    let length = n.isAtMost(0, count) == .yes ? count : try n.larger(0, count)
    return .value(try counted(n, .size(start[0]), .integer(step), length, element))
  }

  private static func counted(
    _ n: NodeTranslation, _ start: Meaning, _ step: Meaning, _ count: Dim, _ element: ElementType
  ) throws -> ValueID {
    let index = try n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([count]), "to": .elementType(element)])
    return try n.call(.add, [.value(try n.call(.mul, [.value(index), step])), start])
  }
}

extension Tensor {
  /// An element as a number.
  func number(at index: Int) -> Double {
    switch scalar(at: index) {
    case .float(let value): value
    case .signed(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .bool(let value): value ? 1 : 0
    }
  }
}
