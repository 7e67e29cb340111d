import ApusIR
import ApusTensor

/// A node that computes numbers from numbers, on sizes. What depends on the sizes' values is left to the run.
struct SizeArithmetic {
  private let n: NodeTranslation
  private let operands: [SizeTensor?]

  init(_ translation: NodeTranslation) {
    n = translation
    operands = translation.inputs.map { translation.context.sizeTensor(of: $0) }
  }

  /// nil where the operator is none of these, or where its result is no integer that sizes define.
  func result() throws -> Imported? {
    switch n.node.op {
    case "Add", "Sum": try folded { try n.sum($0, $1) }
    case "Sub": try folded { try n.difference($0, $1) }
    case "Mul": try folded { try n.product($0, $1) }
    case "Min": try folded { try n.smaller($0, $1) }
    case "Max": try folded { try n.larger($0, $1) }
    case "Div": try folded(quotient)
    case "Mod": try folded(remainder)
    case "Equal": compared { n.areEqual($0, $1) }
    case "LessOrEqual": compared { symbols.lessOrEqual($0, $1) }
    case "GreaterOrEqual": compared { symbols.lessOrEqual($1, $0) }
    case "Less": compared { symbols.lessOrEqual($1, $0).negated }
    case "Greater": compared { symbols.lessOrEqual($0, $1).negated }
    case "Neg": try each { try n.difference(0, $0) }
    case "Abs": try each { try n.larger($0, n.difference(0, $0)) }
    case "Relu": try each { try n.larger($0, 0) }
    case "Floor", "Ceil", "Round": try each { $0 }
    case "Sign": try each { symbols.lessOrEqual(1, $0) == .yes ? 1 : nil }
    case "Clip": try clipped()
    case "Cast": try converted(ElementType(onnx: Int32(clamping: n.int("to", 0))))
    case "CastLike": try converted(n.inputType(1).element)
    case "ReduceProd": try reduced(1) { try n.product($0, $1) }
    case "ReduceSum": try reduced(0) { try n.sum($0, $1) }
    case "ReduceMax": try reduced(nil) { try n.larger($0, $1) }
    case "ReduceMin": try reduced(nil) { try n.smaller($0, $1) }
    default: nil
    }
  }

  private var symbols: SymbolTable { n.context.emitter.function.symbols }

  // MARK: Element by element

  private func folded(_ operation: (Dim, Dim) throws -> Dim?) throws -> Imported? {
    let known = operands.compactMap { $0 }
    guard known.count == operands.count, let (shape, columns) = SizeTensor.together(known) else { return nil }
    var result = columns[0]
    for column in columns.dropFirst() {
      for index in result.indices {
        guard let dim = try operation(result[index], column[index]) else { return nil }
        result[index] = dim
      }
    }
    return SizeTensor(result, shape: shape, known[0].element).imported
  }

  private func each(_ operation: (Dim) throws -> Dim?) throws -> Imported? {
    guard operands.count == 1, let x = operands[0] else { return nil }
    var result: [Dim] = []
    for dim in x.dims {
      guard let dim = try operation(dim) else { return nil }
      result.append(dim)
    }
    return SizeTensor(result, shape: x.shape, x.element).imported
  }

  private func compared(_ relation: (Dim, Dim) -> Trilean) -> Imported? {
    guard operands.count == 2, let a = operands[0], let b = operands[1], let (shape, columns) = SizeTensor.together([a, b])
    else { return nil }
    var result: [Bool] = []
    for (x, y) in zip(columns[0], columns[1]) {
      switch relation(x, y) {
      case .yes: result.append(true)
      case .no: result.append(false)
      case .unknown: return nil
      }
    }
    return .constant(Tensor(result, shape: shape))
  }

  private func isNonNegative(_ dim: Dim) -> Bool { symbols.lessOrEqual(0, dim) == .yes }

  /// Sizes divide rounding down, numbers towards zero: the same where neither is negative. Floats have to divide exactly.
  private func quotient(_ a: Dim, _ b: Dim) throws -> Dim? {
    if let exact = try? a.exactQuotient(by: b) { return exact }
    guard b != 0, operands[0]?.element.isInteger == true, isNonNegative(a), isNonNegative(b) else { return nil }
    return try n.quotient(a, b)
  }

  private func remainder(_ a: Dim, _ b: Dim) throws -> Dim? {
    guard b != 0, isNonNegative(a), isNonNegative(b) else { return nil }
    return try n.difference(a, n.product(b, n.quotient(a, b)))
  }

  private func clipped() throws -> Imported? {
    guard let x = operands[0], n.attribute("min") == nil, n.attribute("max") == nil else { return nil }
    var dims = x.dims
    if n.has(1) {
      guard let low = operands[1]?.dims.first else { return nil }
      dims = try dims.map { try n.larger($0, low) }
    }
    if n.has(2) {
      guard let high = operands[2]?.dims.first else { return nil }
      dims = try dims.map { try n.smaller($0, high) }
    }
    return SizeTensor(dims, shape: x.shape, x.element).imported
  }

  /// To types that hold all sizes.
  private func converted(_ element: ElementType?) throws -> Imported? {
    guard let x = operands[0], let element else { return nil }
    switch element {
    case .s64, .s32, .u64, .u32, .f64, .f32: return SizeTensor(x.dims, shape: x.shape, element).imported
    case .s8, .s16, .u8, .u16, .f16, .bf16, .bool: return nil
    }
  }

  // MARK: Reductions

  /// All elements become one.
  private func reduced(_ start: Dim?, _ operation: (Dim, Dim) throws -> Dim) throws -> Imported? {
    guard let x = operands[0] else { return nil }
    var axes = try n.ints("axes")
    if n.has(1) {
      guard let known = n.constantIfKnown(1) else { return nil }
      axes = (0..<known.count).map { known.integer(at: $0) }
    }
    if axes.isEmpty {
      if try n.flag("noop_with_empty_axes") { return x.imported }
      axes = Array(x.shape.indices)
    }
    guard Set(try n.axes(axes, rank: x.shape.count)).count == x.shape.count, let first = start ?? x.dims.first else { return nil }
    let rest = start == nil ? x.dims.dropFirst() : x.dims[...]
    let total = try rest.reduce(first, operation)
    let keeps = try n.flag("keepdims", true)
    return SizeTensor([total], shape: keeps ? x.shape.map { _ in 1 } : [], x.element).imported
  }
}

extension Trilean {
  fileprivate var negated: Trilean {
    switch self {
    case .yes: .no
    case .no: .yes
    case .unknown: .unknown
    }
  }
}
