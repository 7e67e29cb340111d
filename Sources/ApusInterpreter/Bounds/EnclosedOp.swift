import ApusIR
import ApusSupport
import ApusTensor

/// One op without regions on enclosures.
struct EnclosedOp {
  let code: OpCode
  let operands: [Enclosure]
  let attributes: [NamedAttribute]
  /// Result types with every size that is known as a constant.
  let types: [TensorType]
  let limits: Limits

  func run() throws -> [Enclosure] {
    let values = try evaluate(operands.map(\.value), types)
    let isCertain = operands.allSatisfy(\.isPinned)
    switch OpFamily.of(code) {
    case .unary(let op): return [unary(op, values[0])]
    case .binary(let op): return [binary(op, values[0])]
    case .comparison(let op): return [comparison(op, values[0])]
    case .select: return [select(values[0])]
    case .convert: return [convert(values[0])]
    case .bitcast: return [bits(values[0])]
    case .fma, .quantize, .dequantize: return [elementwise(values[0]) { _ in nil }]
    case .movement: return [try moved(values[0])]
    case .indexing(let indexing): return [try indexed(indexing, values[0])]
    case .fold(let fold): return [try folded(fold, values[0])]
    case .reduceWindow:
      guard case .name(let kind)? = attributes.first(where: { $0.name == "kind" })?.value else { throw Uncertain() }
      return [try folded(Fold(name: kind), values[0])]
    case .matmul, .conv: return [try contracted(values[0])]
    case .sort, .topK: return try sorted(values)
    case .argument, .scan: return [isCertain ? Enclosure(pinned: values[0]) : Enclosure(open: values[0])]
    case .source: return values.map { Enclosure(pinned: $0) }
    case .control, .memory, .composite: preconditionFailure("\(code.name) is not run by itself")
    }
  }

  /// The op itself on tensors, perhaps of another element type.
  func evaluate(_ tensors: [Tensor], _ types: [TensorType]) throws -> [Tensor] {
    try Interpreter.evaluate(code, operands: tensors, attributes: attributes, resultTypes: types, limits: limits)
  }

  /// The elements of a result one by one: pinned where those of all operands are, open where one is, else bounded by `bound`.
  func elementwise(_ value: Tensor, _ bound: (Int) -> (Double, Double)?) -> Enclosure {
    if operands.allSatisfy(\.isPinned) { return Enclosure(pinned: value) }
    var result = Enclosure(open: value)
    var (certainty, lower, upper) = (result.certainty, result.lower, result.upper)
    for index in certainty.indices {
      let worst = operands.map { $0.certainty[index] }.max() ?? .pinned
      if worst == .pinned {
        certainty[index] = .pinned
      } else if worst == .bounded, let (low, high) = bound(index), low <= high, !lower.isEmpty {
        (certainty[index], lower[index], upper[index]) = (.bounded, low, high)
      }
    }
    result = Enclosure(value, certainty, lower, upper)
    return result
  }

  /// The bits of elements. Those of a NaN are not known: a NaN is pinned whatever its payload and sign.
  private func bits(_ value: Tensor) -> Enclosure {
    let result = elementwise(value) { _ in nil }
    guard operands[0].value.elementType.isFloat else { return result }
    let numbers = Elements(operands[0].value).floats
    guard numbers.contains(where: \.isNaN) else { return result }
    let certainty = zip(result.certainty, numbers).map { $1.isNaN ? .open : $0 }
    return Enclosure(value, certainty, result.lower, result.upper)
  }

  // MARK: Movement

  /// An op that moves elements: bounds and certainty move along.
  func moved(_ value: Tensor) throws -> Enclosure { try moved(value, data: Array(operands.indices)) }

  /// As `moved`, where `data` are the operands whose elements move; the others are certain.
  func moved(_ value: Tensor, data: [Int]) throws -> Enclosure {
    if operands.allSatisfy(\.isPinned) { return Enclosure(pinned: value) }
    func apply(_ type: ElementType, _ elements: (Enclosure) -> Elements) throws -> Tensor {
      var tensors = operands.map(\.value)
      for index in data { tensors[index] = try tensor(elements(operands[index]), type, tensors[index].shape) }
      return try evaluate(tensors, types.map { $0.with(element: type) })[0]
    }
    let codes = try apply(.u8) { .integers($0.certainty.map { Int64($0.rawValue) }) }
    let certainty = Elements(codes).integers.map { Enclosure.Certainty(rawValue: UInt8($0)) ?? .open }
    guard value.elementType.isFloat else { return Enclosure(value, certainty, [], []) }
    let lower = Elements(try apply(.f64) { .floats($0.lower) }).floats
    let upper = Elements(try apply(.f64) { .floats($0.upper) }).floats
    return Enclosure(value, certainty, lower, upper)
  }

  private func indexed(_ indexing: Indexing, _ value: Tensor) throws -> Enclosure {
    let data: [Int]
    switch indexing {
    case .gather, .gatherElements, .gatherND, .dynamicSlice: data = [0]
    case .dynamicUpdateSlice: data = [0, 1]
    case .scatterElements, .scatterND: data = [0, 2]
    case .nonZero: data = []
    }
    // An index that is not certain may also be one that fails.
    for index in operands.indices where !data.contains(index) && !operands[index].isPinned { throw Uncertain() }
    if operands.allSatisfy(\.isPinned) { return Enclosure(pinned: value) }
    if case .name(let reduction)? = attributes.first(where: { $0.name == "reduction" })?.value, reduction != "none" {
      return Enclosure(open: value)
    }
    return try moved(value, data: data)
  }

  /// The k-th smallest of lower bounds is a lower bound of the k-th smallest.
  private func sorted(_ values: [Tensor]) throws -> [Enclosure] {
    let x = operands[0]
    if x.isPinned { return values.map { Enclosure(pinned: $0) } }
    let hasOrder = x.certainty.indices.allSatisfy { x.certainty[$0] != .open && !x.lower.isEmpty && !x.lower[$0].isNaN }
    guard hasOrder else { return values.map { Enclosure(open: $0) } }
    let types = [types[0].with(element: .f64), types[1]]
    let lower = Elements(try evaluate([try tensor(.floats(x.lower), .f64, x.value.shape)], types)[0]).floats
    let upper = Elements(try evaluate([try tensor(.floats(x.upper), .f64, x.value.shape)], types)[0]).floats
    return [Enclosure(values[0], bounds: zip(lower, upper).map { ($0, $1) }), Enclosure(open: values[1])]
  }

  func tensor(_ elements: Elements, _ type: ElementType, _ shape: [Int]) throws -> Tensor {
    var tensor = try Tensor.uninitialized(type, shape: shape)
    tensor.withUnsafeMutableBytes { elements.store(to: $0, as: type) }
    return tensor
  }
}
