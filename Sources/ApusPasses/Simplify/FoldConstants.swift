import ApusIR
import ApusInterpreter
import ApusTensor

/// Computes what depends on constants alone.
///
///     %1 = constant [1, 2]
///     %2 = constant [3, 4]      →      %3 = constant [4, 6]
///     %3 = add %1, %2
///
/// The interpreter computes, so that the result is the one that defines the op. Results of more than
/// `limit` bytes, and ops of more work than computing at run time is likely to cost, stay; so do ops
/// that would fail, and a `broadcast` to more than `FoldLimits.repeated` bytes unless others are folded with it: whoever reads it
/// repeats it for nothing. Runs after `canonicalize`, which folds splats of any shape.
public let foldConstants = RewritePass(
  "fold-constants", "computes what depends on constants alone",
  parameters: [PassParameter("limit", "bytes of the largest result", default: .int(FoldLimits.bytes))],
  roots: { $0.isPure && !$0.info.isComposite && $0 != .constant && !$0.traits.contains(.dataDependentShape) }
) { f, op, arguments in
  let types = f.results(of: op).map { f.type(of: $0) }
  guard f.regionCount(of: op) == 0, f.operandCount(of: op) > 0,
    types.allSatisfy({ f.fits($0, in: arguments.int("limit")) }),
    f.work(of: op) <= FoldLimits.work, !f.isBetterRepeated(op),
    f.attributes(of: op).allSatisfy(\.value.isConstant)
  else { return .unchanged }
  var operands: [Tensor] = []
  for operand in f.operands(of: op) {
    guard let tensor = f.constantValue(of: operand) else { return .unchanged }
    operands.append(tensor)
  }
  guard
    let results = try? Interpreter.evaluate(
      f.opcode(of: op), operands: operands, attributes: f.attributes(of: op), resultTypes: types)
  else { return .unchanged }
  return .replaced(
    zip(results, types).map { tensor, type in
      if let element = tensor.repeatedElement { return f.insertSplat(element, type, before: op) }
      let value = Attribute.tensor(ConstantTensor(tensor))
      return f.insert(.constant, [], [NamedAttribute("value", value)], type, before: op)
    })
}

enum FoldLimits {
  /// Bytes of a result: a folded weight should not be much larger than what it came from.
  static let bytes = 4 << 20
  /// Bytes of a broadcast that is written out for its own sake.
  static let repeated = 4 << 10
  /// Multiplications or element computations: a few hundred milliseconds of the interpreter.
  static let work = 1 << 22
}

extension Function {
  fileprivate func fits(_ type: TensorType, in limit: Int) -> Bool {
    guard let shape = type.constantShape, let bytes = try? Tensor.byteCount(of: type.element, shape: shape) else {
      return false
    }
    return bytes <= limit
  }

  /// Whether an op makes a large constant of a small one, which something reads that is no constant itself.
  fileprivate func isBetterRepeated(_ op: OpID) -> Bool {
    guard opcode(of: op) == .broadcast, !fits(type(of: result(of: op)), in: FoldLimits.repeated),
      let before = type(of: operand(0, of: op)).constantShape.flatMap(Self.product),
      let after = type(of: result(of: op)).constantShape.flatMap(Self.product), after > before
    else { return false }
    return !uses(of: result(of: op)).allSatisfy { user, _ in
      !opcode(of: user).isTerminator && operands(of: user).allSatisfy(isConstantOrRepeated)
    }
  }

  private func isConstantOrRepeated(_ value: ValueID) -> Bool {
    guard let op = definingOp(of: value) else { return false }
    switch opcode(of: op) {
    case .constant: return true
    case .broadcast: return definingOp(of: operand(0, of: op)).map { opcode(of: $0) == .constant } ?? false
    case _: return false
    }
  }

  /// The elements that an op computes or looks at, times the terms of each sum.
  fileprivate func work(of op: OpID) -> Int {
    var elements = 0
    for value in operands(of: op) + results(of: op) {
      guard let shape = type(of: value).constantShape, let count = Self.product(shape) else { return .max }
      elements = Swift.max(elements, count)
    }
    var terms: [Int] = []
    switch opcode(of: op) {
    case .matmul, .matmulInteger: terms = type(of: operand(0, of: op)).constantShape?.suffix(1) ?? []
    case .conv, .convInteger: terms = Array(type(of: operand(1, of: op)).constantShape?.dropFirst() ?? [])
    case .reduceWindow: terms = ints("window", of: op) ?? []
    case _: break
    }
    return Self.product([elements] + terms) ?? .max
  }

  private static func product(_ factors: [Int]) -> Int? {
    factors.reduce(1 as Int?) { product, factor in
      guard let product else { return nil }
      let (result, overflow) = product.multipliedReportingOverflow(by: factor)
      return overflow ? nil : result
    }
  }

  /// The elements of a constant, written out if they are all the same.
  fileprivate func constantValue(of value: ValueID) -> Tensor? {
    if let tensor = constantTensor(of: value) { return tensor.tensor }
    let type = type(of: value)
    guard let element = splat(of: value), fits(type, in: FoldLimits.bytes), let shape = type.constantShape else {
      return nil
    }
    return try? Tensor(repeating: element, type.element, shape: shape)
  }
}

extension Attribute {
  /// Whether no symbol occurs in it.
  fileprivate var isConstant: Bool {
    guard case .dims(let dims) = self else { return true }
    return dims.allSatisfy { $0.constantValue != nil }
  }
}
