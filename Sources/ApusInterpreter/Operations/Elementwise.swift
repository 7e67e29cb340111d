import ApusTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Ops of one operand.
enum UnaryOp: Sendable {
  case abs, neg, sign, floor, ceil, round, trunc, sqrt, not
  case elementary(ElementaryFunction)
}

/// Ops of two operands of one type, and of that type.
enum BinaryOp: Sendable {
  case add, sub, mul, div, rem, pow, max, min, and, or, xor, shiftLeft, shiftRight
}

/// Ops of two operands of one type that yield bool.
enum Comparison: Sendable {
  case equal, notEqual, less, lessEqual, greater, greaterEqual
}

extension UnaryOp {
  /// The op on each element of type `type`.
  func apply(_ x: Elements, _ type: ElementType) -> Elements {
    switch x {
    case .floats(let values): .floats(mapped(values, onFloats(type))).rounded(to: type)
    case .integers(let values): .integers(mapped(values, onIntegers(type))).rounded(to: type)
    }
  }

  private func onFloats(_ type: ElementType) -> (Double) -> Double {
    switch self {
    case .abs: { $0.magnitude }
    case .neg: { -$0 }
    case .sign: floatSign
    case .floor: { $0.rounded(.down) }
    case .ceil: { $0.rounded(.up) }
    case .round: { $0.rounded(.toNearestOrEven) }
    case .trunc: { $0.rounded(.towardZero) }
    case .sqrt: { $0.squareRoot() }
    case .elementary(let function): function.function(on: type)
    case .not: preconditionFailure("\(self) of \(type)")
    }
  }

  private func onIntegers(_ type: ElementType) -> (Int64) -> Int64 {
    switch self {
    case .abs: type.isSignedInteger ? { $0 < 0 ? 0 &- $0 : $0 } : { $0 }
    case .neg: { 0 &- $0 }
    case .sign: integerSign(type)
    case .not: type == .bool ? { 1 - $0 } : { ~$0 }
    case .floor, .ceil, .round, .trunc, .sqrt, .elementary: preconditionFailure("\(self) of \(type)")
    }
  }
}

extension BinaryOp {
  /// The op on the elements, of type `type`, at each index.
  func apply(_ x: Elements, _ y: Elements, _ type: ElementType) -> Elements {
    switch x {
    case .floats(let values): .floats(mapped(values, y.floats, onFloats(type))).rounded(to: type)
    case .integers(let values): .integers(mapped(values, y.integers, onIntegers(type))).rounded(to: type)
    }
  }

  /// The op on floats; the result has yet to be rounded to `type`. In f64 the basic operations on narrower floats
  /// are so accurate that rounding twice gives the correctly rounded result.
  func onFloats(_ type: ElementType) -> (Double, Double) -> Double {
    switch self {
    case .add: { $0 + $1 }
    case .sub: { $0 - $1 }
    case .mul: { $0 * $1 }
    case .div: { $0 / $1 }
    case .rem: floatRemainder
    case .pow: power(on: type)
    case .max: floatMaximum
    case .min: floatMinimum
    case .and, .or, .xor, .shiftLeft, .shiftRight: preconditionFailure("\(self) of \(type)")
    }
  }

  /// The op on integers; the result has yet to be wrapped to `type`.
  func onIntegers(_ type: ElementType) -> (Int64, Int64) -> Int64 {
    switch self {
    case .add: { $0 &+ $1 }
    case .sub: { $0 &- $1 }
    case .mul: { $0 &* $1 }
    case .div: integerQuotient(type)
    case .rem: integerRemainder(type)
    case .pow: integerPower(type)
    case .max: integerMaximum(type)
    case .min: integerMinimum(type)
    case .and: { $0 & $1 }
    case .or: { $0 | $1 }
    case .xor: { $0 ^ $1 }
    case .shiftLeft: shiftedLeft(type)
    case .shiftRight: shiftedRight(type)
    }
  }
}

extension Comparison {
  /// Compares the elements, of type `type`, at each index; the result holds 0 and 1.
  func apply(_ x: Elements, _ y: Elements, _ type: ElementType) -> Elements {
    switch x {
    case .floats(let values): .integers(mapped(values, y.floats, onFloats))
    case .integers(let values): .integers(mapped(values, y.integers, onIntegers(type)))
    }
  }

  private var onFloats: (Double, Double) -> Int64 {
    switch self {
    case .equal: { $0 == $1 ? 1 : 0 }
    case .notEqual: { $0 != $1 ? 1 : 0 }
    case .less: { $0 < $1 ? 1 : 0 }
    case .lessEqual: { $0 <= $1 ? 1 : 0 }
    case .greater: { $0 > $1 ? 1 : 0 }
    case .greaterEqual: { $0 >= $1 ? 1 : 0 }
    }
  }

  private func onIntegers(_ type: ElementType) -> (Int64, Int64) -> Int64 {
    switch self {
    case .equal: { $0 == $1 ? 1 : 0 }
    case .notEqual: { $0 != $1 ? 1 : 0 }
    case .less: { ordered($0, of: type) < ordered($1, of: type) ? 1 : 0 }
    case .lessEqual: { ordered($0, of: type) <= ordered($1, of: type) ? 1 : 0 }
    case .greater: { ordered($0, of: type) > ordered($1, of: type) ? 1 : 0 }
    case .greaterEqual: { ordered($0, of: type) >= ordered($1, of: type) ? 1 : 0 }
    }
  }
}

/// The left element where the condition holds, else the right one.
func selected(_ condition: [Int64], _ left: Elements, _ right: Elements) -> Elements {
  switch left {
  case .floats(let values):
    let others = right.floats
    return .floats(condition.indices.map { condition[$0] != 0 ? values[$0] : others[$0] })
  case .integers(let values):
    let others = right.integers
    return .integers(condition.indices.map { condition[$0] != 0 ? values[$0] : others[$0] })
  }
}

/// x · y + z with one rounding to `type`.
func fusedMultiplyAdd(_ x: Elements, _ y: Elements, _ z: Elements, _ type: ElementType) -> Elements {
  let (x, y, z) = (x.floats, y.floats, z.floats)
  switch type {
  case .f64: return .floats(x.indices.map { fma(x[$0], y[$0], z[$0]) })
  case .f32: return .floats(x.indices.map { widened(fma(Float(x[$0]), Float(y[$0]), Float(z[$0]))) })
  case .f16, .bf16:
    return Elements.floats(x.indices.map { roundedToOdd(x[$0] * y[$0], z[$0]) }).rounded(to: type)
  case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: preconditionFailure("fma of \(type)")
  }
}

/// a + b, rounded to odd so that a second rounding to a much narrower type is correct.
private func roundedToOdd(_ a: Double, _ b: Double) -> Double {
  let sum = a + b
  guard sum.isFinite else { return sum }
  let back = sum - a
  let error = (a - (sum - back)) + (b - back)
  if error == 0 || sum.bitPattern & 1 == 1 { return sum }
  return error > 0 ? sum.nextUp : sum.nextDown
}

extension Operation {
  func unary(_ op: UnaryOp) throws -> Tensor {
    try tensor(op.apply(Elements(operands[0]), elementType(0)), elementType(0), operands[0].shape)
  }

  func binary(_ op: BinaryOp) throws -> Tensor {
    let shape = try commonShape()
    return try tensor(op.apply(Elements(operands[0]), Elements(operands[1]), elementType(0)), elementType(0), shape)
  }

  func compare(_ op: Comparison) throws -> Tensor {
    let shape = try commonShape()
    return try tensor(op.apply(Elements(operands[0]), Elements(operands[1]), elementType(0)), .bool, shape)
  }

  func select() throws -> Tensor {
    let shape = try commonShape()
    let chosen = selected(Elements(operands[0]).integers, Elements(operands[1]), Elements(operands[2]))
    return try tensor(chosen, elementType(1), shape)
  }

  func fma() throws -> Tensor {
    let shape = try commonShape()
    let sum = fusedMultiplyAdd(Elements(operands[0]), Elements(operands[1]), Elements(operands[2]), elementType(0))
    return try tensor(sum, elementType(0), shape)
  }

  func convert() throws -> Tensor {
    let target = results[0].element
    return try tensor(converted(Elements(operands[0]), from: elementType(0), to: target), target, operands[0].shape)
  }

  /// The same bytes under another element type.
  func bitcast() throws -> Tensor {
    try Tensor(results[0].element, shape: operands[0].shape, storage: operands[0].storage)
  }
}
