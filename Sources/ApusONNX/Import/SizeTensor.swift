import ApusIR
import ApusTensor

/// A small tensor of integers that are known or made of symbolic sizes: what arithmetic on shapes works with.
struct SizeTensor {
  /// More elements than any shape's arithmetic has.
  static let maximumCount = 4_096
  /// More elements than there are in conditions on sizes, or in attributes that sizes define.
  static let maximumOpenCount = 16

  var dims: [Dim]
  var shape: [Int]
  var element: ElementType
  /// What all elements are divided by; only floats are fractions.
  var denominator = 1

  init(_ dims: [Dim], shape: [Int], _ element: ElementType) {
    precondition(shape.reduce(1, *) == dims.count, "\(dims.count) sizes for the shape \(shape)")
    self.dims = dims
    self.shape = shape
    self.element = element
  }

  /// nil where an element is no integer.
  init?(_ tensor: Tensor) {
    guard tensor.count <= Self.maximumCount else { return nil }
    var dims: [Dim] = []
    for index in 0..<tensor.count {
      switch tensor.scalar(at: index) {
      case .signed(let value): dims.append(.constant(Int(value)))
      case .unsigned(let value):
        guard let value = Int(exactly: value) else { return nil }
        dims.append(.constant(value))
      case .float(let value):
        guard let value = Int(exactly: value) else { return nil }
        dims.append(.constant(value))
      case .bool(let value): dims.append(.constant(value ? 1 : 0))
      }
    }
    self.init(dims, shape: tensor.shape, tensor.elementType)
  }

  var imported: Imported { denominator == 1 ? .sizes(dims, shape: shape, element) : .fractions(self) }

  /// The elements repeated as operands of elementwise operators are; nil where the shapes do not go together.
  static func together(_ tensors: [SizeTensor]) -> (shape: [Int], operands: [[Dim]])? {
    let rank = tensors.map(\.shape.count).max() ?? 0
    var shape = Array(repeating: 1, count: rank)
    for tensor in tensors {
      for (axis, size) in zip((rank - tensor.shape.count)..<rank, tensor.shape) where size != 1 {
        guard shape[axis] == 1 || shape[axis] == size else { return nil }
        shape[axis] = size
      }
    }
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, product <= maximumCount || shape.contains(0) else { return nil }
      count = product
    }
    return (shape, tensors.map { $0.repeated(to: shape) })
  }

  private func repeated(to target: [Int]) -> [Dim] {
    guard shape != target else { return dims }
    let count = target.reduce(1, *)
    return (0..<count).map { flat in
      var rest = flat
      var own = 0
      var stride = 1
      for axis in target.indices.reversed() {
        let index = rest % target[axis]
        rest /= target[axis]
        let mine = axis - (target.count - shape.count)
        guard mine >= 0 else { continue }
        if shape[mine] != 1 { own += index * stride }
        stride *= shape[mine]
      }
      return dims[own]
    }
  }
}

extension Imported {
  /// Whether it is made of sizes that are not known yet.
  var hasOpenSizes: Bool {
    switch self {
    case .sizes(let dims, _, _): dims.contains { $0.constantValue == nil }
    case .fractions: true
    case .value, .constant, .narrow, .sequence, .absent, .poison: false
    }
  }
}

extension ModelImport {
  /// Integers that are known or made of sizes; nil for anything else.
  func sizeTensor(of imported: Imported) -> SizeTensor? {
    if case .sizes(let dims, let shape, let element) = imported { return SizeTensor(dims, shape: shape, element) }
    return constant(of: imported).flatMap { SizeTensor($0) }
  }

  /// The outputs of a node that computes sizes from sizes, as sizes; nil where it does more than that.
  ///
  /// So what a model computes from shapes stays symbolic until some operator takes it as a shape.
  func symbolic(_ rule: OperatorRule, _ translation: NodeTranslation) throws -> [Imported]? {
    guard rule.domain.isEmpty, translation.inputs.contains(where: \.hasOpenSizes) else { return nil }
    if let movement = SizeMovement(rule.name, translation, self) { return try movement.outputs(rule) }
    if let result = try SizeArithmetic(translation).result() { return [result] }
    return try FractionArithmetic(translation)?.result().map { [$0] }
  }
}
