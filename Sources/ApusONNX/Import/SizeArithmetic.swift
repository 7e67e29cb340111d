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
    case "Min": try folded(keepsMagnitudes: true) { try n.smaller($0, $1) }
    case "Max": try folded(keepsMagnitudes: true) { try n.larger($0, $1) }
    case "Div": try folded(quotient)
    case "Mod": try folded(remainder)
    case "Equal": try compared(.equal)
    case "LessOrEqual": try compared(.lessOrEqual)
    case "GreaterOrEqual": try compared(.lessOrEqual, isSwapped: true)
    case "Less": try compared(.lessOrEqual, isSwapped: true, isNegated: true)
    case "Greater": try compared(.lessOrEqual, isNegated: true)
    case "And": try conditions { try n.product($0, $1) }
    case "Or": try conditions { try n.larger($0, $1) }
    case "Xor": try conditions { try n.difference(n.larger($0, $1), n.product($0, $1)) }
    case "Not": try each { try negated($0) }
    case "Where": try selected()
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

  private func folded(
    keepsMagnitudes: Bool = false, _ operation: (Dim, Dim) throws -> Dim?
  ) throws -> Imported? {
    let known = operands.compactMap { $0 }
    guard known.count == operands.count, let (shape, columns) = SizeTensor.together(known) else { return nil }
    var result = columns[0]
    for column in columns.dropFirst() {
      for index in result.indices {
        guard let dim = try operation(result[index], column[index]) else { return nil }
        // The least and the largest integer stand for what has no bounds: sums with them are left to the run.
        if !keepsMagnitudes, dim.constantValue == nil, isVast(result[index]) || isVast(column[index]) { return nil }
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

  /// A comparison; where the sizes leave it open, the sizes that are 1 where it holds.
  private func compared(_ relation: Obligation.Relation, isSwapped: Bool = false, isNegated: Bool = false) throws -> Imported? {
    guard operands.count == 2, let a = operands[isSwapped ? 1 : 0], let b = operands[isSwapped ? 0 : 1],
      let (shape, columns) = SizeTensor.together([a, b])
    else { return nil }
    var result: [Dim] = []
    for (x, y) in zip(columns[0], columns[1]) {
      let answer = relation == .equal ? n.areEqual(x, y) : symbols.lessOrEqual(x, y)
      switch answer {
      case .yes: result.append(isNegated ? 0 : 1)
      case .no: result.append(isNegated ? 1 : 0)
      case .unknown:
        guard columns[0].count <= SizeTensor.maximumOpenCount, !isVast(x), !isVast(y) else { return nil }
        let condition = SizeCondition(relation: relation, lhs: x, rhs: y)
        guard let size = try? condition.indicator(n) else { return nil }
        n.context.conditions[size] = condition
        result.append(isNegated ? try negated(size) : size)
      }
    }
    return SizeTensor(result, shape: shape, .bool).imported
  }

  private func conditions(_ operation: (Dim, Dim) throws -> Dim) throws -> Imported? {
    guard operands.allSatisfy({ $0?.element == .bool }) else { return nil }
    return try folded(operation)
  }

  private func negated(_ condition: Dim) throws -> Dim { try n.difference(1, condition) }

  /// One size or another, by conditions that are open.
  private func selected() throws -> Imported? {
    guard operands.count == 3, let test = operands[0], let a = operands[1], let b = operands[2],
      let (shape, columns) = SizeTensor.together([test, a, b]), columns[0].count <= SizeTensor.maximumOpenCount
    else { return nil }
    var result: [Dim] = []
    for index in columns[0].indices {
      let (x, y) = (columns[1][index], columns[2][index])
      guard x == y || !isVast(x) && !isVast(y) else { return nil }
      result.append(x == y ? x : try n.sum(y, n.product(columns[0][index], n.difference(x, y))))
    }
    return SizeTensor(result, shape: shape, a.element).imported
  }

  /// Whether a number is so large that a sum of it and a size may leave 64 bits.
  private func isVast(_ dim: Dim) -> Bool { dim.constantValue.map { $0.magnitude > 1 << 53 } ?? false }

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

  /// Whether each is other than 0.
  private func truth(of x: SizeTensor) throws -> Imported? {
    guard x.dims.count <= SizeTensor.maximumOpenCount else { return nil }
    let zeros = try x.dims.map { dim in
      switch n.areEqual(dim, 0) {
      case .yes: return Dim.constant(1)
      case .no: return 0
      case .unknown:
        let condition = SizeCondition(relation: .equal, lhs: dim, rhs: 0)
        let size = try condition.indicator(n)
        n.context.conditions[size] = condition
        return size
      }
    }
    return SizeTensor(try zeros.map { try negated($0) }, shape: x.shape, .bool).imported
  }

  /// To types that hold all sizes.
  private func converted(_ element: ElementType?) throws -> Imported? {
    guard let x = operands[0], let element else { return nil }
    switch element {
    case .s64, .s32, .u64, .u32, .f64, .f32: return SizeTensor(x.dims, shape: x.shape, element).imported
    case .bool: return x.element == .bool ? x.imported : try truth(of: x)
    case .s8, .s16, .u8, .u16, .f16, .bf16: return nil
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
