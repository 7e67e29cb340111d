import ApusIR
import ApusTensor

/// Interval arithmetic, element by element. A result that is rounded once lies within one spacing of its exact bounds.
extension EnclosedOp {
  func unary(_ op: UnaryOp, _ value: Tensor) -> Enclosure {
    if case .elementary(let function) = op { return elementary(function, value) }
    let (x, type) = (operands[0], value.elementType)
    return elementwise(value) { index in
      let (low, high) = (x.lower[index], x.upper[index])
      switch op {
      case .neg: return (-high, -low)
      case .abs: return low > 0 ? (low, high) : high < 0 ? (-high, -low) : (0, max(-low, high))
      case .sign: return (floatSign(low), floatSign(high))
      case .floor: return (low.rounded(.down), high.rounded(.down))
      case .ceil: return (low.rounded(.up), high.rounded(.up))
      case .round: return (low.rounded(.toNearestOrEven), high.rounded(.toNearestOrEven))
      case .trunc: return (low.rounded(.towardZero), high.rounded(.towardZero))
      case .sqrt: return low < 0 ? nil : type.widened(low.squareRoot(), high.squareRoot(), steps: 1)
      case .not, .elementary: return nil
      }
    }
  }

  /// A function that is within its declared error of the exact value; the interpreter's is rounded too.
  private func elementary(_ function: ElementaryFunction, _ value: Tensor) -> Enclosure {
    let (x, type) = (operands[0], value.elementType)
    let steps = max(code.info.maxULP ?? 1, 1) + 1
    let exact = function.function(on: .f64)
    let values = Elements(value).floats
    let bounds = x.certainty.indices.map { index -> (Double, Double)? in
      if x.certainty[index] == .open { return nil }
      let (low, high) = (x.lower[index], x.upper[index])
      let found: (Double, Double)?
      if x.certainty[index] == .pinned {
        found = (values[index], values[index])
      } else {
        found = function.image(of: low, high, exact)
      }
      guard let (a, b) = found, !a.isNaN, !b.isNaN else { return nil }
      let wide = type.widened(a, b, steps: steps)
      let range = function.range
      return (max(wide.0, range.lowerBound), min(wide.1, range.upperBound))
    }
    var result = Enclosure(value, bounds: bounds)
    // Where the operand is special, so is the result.
    var certainty = result.certainty
    for index in certainty.indices where x.certainty[index] == .pinned {
      let operand = x.lower[index]
      if values[index].isNaN || operand.isInfinite || (operand == 0 && (values[index] == 0 || values[index] == 1))
        || (values[index].isInfinite && operand.magnitude <= 1)
      {
        certainty[index] = .pinned
      }
    }
    result = Enclosure(
      value, certainty, zip(result.lower, values).enumerated().map { certainty[$0] == .pinned ? $1.1 : $1.0 },
      zip(result.upper, values).enumerated().map { certainty[$0] == .pinned ? $1.1 : $1.0 })
    return result
  }

  func binary(_ op: BinaryOp, _ value: Tensor) -> Enclosure {
    let type = value.elementType
    guard type.isFloat else { return elementwise(value) { _ in nil } }
    let (x, y) = (operands[0], operands[1])
    if case .pow = op { return power(value) }
    return elementwise(value) { index in
      let (a, b, c, d) = (x.lower[index], x.upper[index], y.lower[index], y.upper[index])
      switch op {
      case .add: return rounded(type, [a + c, a + d, b + c, b + d])
      case .sub: return rounded(type, [a - c, a - d, b - c, b - d])
      case .mul:
        // 0 times infinity is NaN, also where the zero lies within the bounds.
        let isNaN = [a, b].contains { $0.isInfinite } && c <= 0 && d >= 0
          || [c, d].contains { $0.isInfinite } && a <= 0 && b >= 0
        return isNaN ? nil : rounded(type, [a * c, a * d, b * c, b * d])
      case .div:
        let isNaN = [a, b].contains { $0.isInfinite } && [c, d].contains { $0.isInfinite }
        return (c > 0 || d < 0) && !isNaN ? rounded(type, [a / c, a / d, b / c, b / d]) : nil
      case .max: return ordered(floatMaximum(a, c), floatMaximum(b, d))
      case .min: return ordered(floatMinimum(a, c), floatMinimum(b, d))
      case .rem, .pow, .and, .or, .xor, .shiftLeft, .shiftRight: return nil
      }
    }
  }

  private func rounded(_ type: ElementType, _ corners: [Double]) -> (Double, Double)? {
    guard corners.allSatisfy({ !$0.isNaN }), let low = corners.min(), let high = corners.max() else { return nil }
    return type.widened(low, high, steps: 1)
  }

  private func ordered(_ low: Double, _ high: Double) -> (Double, Double)? {
    low.isNaN || high.isNaN ? nil : (low, high)
  }

  private func power(_ value: Tensor) -> Enclosure {
    let (x, y, type) = (operands[0], operands[1], value.elementType)
    let steps = max(code.info.maxULP ?? 1, 1) + 1
    let exact = ApusInterpreter.power(on: .f64)
    let values = Elements(value).floats
    var pinned: [Bool] = []
    let bounds = values.indices.map { index -> (Double, Double)? in
      let isCertain = x.certainty[index] == .pinned && y.certainty[index] == .pinned
      let (a, b, c, d) = (x.lower[index], x.upper[index], y.lower[index], y.upper[index])
      // Of an ordinary base and exponent only the error is open; the rest follows the rules for special values.
      let isSpecial = values[index].isNaN || a == 0 || c == 0 || a == 1 || a.isInfinite || c.isInfinite
      pinned.append(isCertain && isSpecial)
      if isCertain { return type.widened(values[index], values[index], steps: steps) }
      guard a > 0, x.certainty[index] != .open, y.certainty[index] != .open else { return nil }
      let corners = [exact(a, c), exact(a, d), exact(b, c), exact(b, d)]
      guard corners.allSatisfy({ !$0.isNaN }), let low = corners.min(), let high = corners.max() else { return nil }
      return type.widened(low, high, steps: steps)
    }
    let result = Enclosure(value, bounds: bounds)
    return Enclosure(
      value, zip(result.certainty, pinned).map { $1 ? .pinned : $0 },
      values.indices.map { pinned[$0] ? values[$0] : result.lower[$0] },
      values.indices.map { pinned[$0] ? values[$0] : result.upper[$0] })
  }

  // MARK: Decisions

  /// A comparison is certain where the bounds do not meet.
  func comparison(_ op: Comparison, _ value: Tensor) -> Enclosure {
    let (x, y) = (operands[0], operands[1])
    let certainty = value.count == 0 ? [] : (0..<value.count).map { index -> Enclosure.Certainty in
      switch max(x.certainty[index], y.certainty[index]) {
      case .pinned: return .pinned
      case .open: return .open
      case .bounded:
        if x.lower[index].isNaN || y.lower[index].isNaN { return .pinned }
        return x.upper[index] < y.lower[index] || y.upper[index] < x.lower[index] ? .pinned : .open
      }
    }
    return Enclosure(value, certainty, [], [])
  }

  func select(_ value: Tensor) -> Enclosure {
    let conditions = Elements(operands[0].value).integers
    var certainty: [Enclosure.Certainty] = []
    var (lower, upper) = ([Double](), [Double]())
    for index in conditions.indices {
      let chosen = operands[conditions[index] != 0 ? 1 : 2]
      certainty.append(operands[0].certainty[index] == .pinned ? chosen.certainty[index] : .open)
      guard value.elementType.isFloat else { continue }
      lower.append(chosen.lower[index])
      upper.append(chosen.upper[index])
    }
    return Enclosure(value, certainty, lower, upper)
  }

  func convert(_ value: Tensor) -> Enclosure {
    let (x, target) = (operands[0], value.elementType)
    guard x.value.elementType.isFloat, !x.isPinned else { return elementwise(value) { _ in nil } }
    let round = target.isFloat ? rounding(to: target) : { $0 }
    let result = elementwise(value) { (round(x.lower[$0]), round(x.upper[$0])) }
    guard !target.isFloat else { return result }
    func whole(_ bounds: [Double]) -> [Int64] {
      converted(.floats(bounds), from: .f64, to: target).integers
    }
    let (low, high) = (whole(x.lower), whole(x.upper))
    let certainty = value.count == 0 ? [] : (0..<value.count).map { index -> Enclosure.Certainty in
      guard x.certainty[index] == .bounded else { return x.certainty[index] }
      // True on both sides of 0 says nothing of what lies between.
      let isBetween = target == .bool && x.lower[index] <= 0 && x.upper[index] >= 0 && x.lower[index] != x.upper[index]
      return low[index] == high[index] && !isBetween ? .pinned : .open
    }
    return Enclosure(value, certainty, [], [])
  }
}

extension ElementaryFunction {
  /// The least and the greatest value over an interval, but for rounding; `nil` where the function has a pole or ends.
  fileprivate func image(of low: Double, _ high: Double, _ f: (Double) -> Double) -> (Double, Double)? {
    switch self {
    case .exp, .expm1, .sinh, .tanh, .asinh, .atan, .erf, .logistic: return (f(low), f(high))
    case .log: return low < 0 ? nil : (f(low), f(high))
    case .log1p: return low < -1 ? nil : (f(low), f(high))
    case .asin, .atanh: return low < -1 || high > 1 ? nil : (f(low), f(high))
    case .acos: return low < -1 || high > 1 ? nil : (f(high), f(low))
    case .acosh: return low < 1 ? nil : (f(low), f(high))
    case .cosh:
      let ends = (f(low), f(high))
      return (low <= 0 && high >= 0 ? 1 : min(ends.0, ends.1), max(ends.0, ends.1))
    case .sin, .cos:
      // Neither is steeper than 1.
      let width = high - low
      guard width.isFinite else { return nil }
      return (f(low) - width, f(low) + width)
    case .tan: return nil
    }
  }

  /// What no value lies beyond.
  fileprivate var range: ClosedRange<Double> {
    switch self {
    case .exp, .cosh, .acosh, .acos: 0 ... .infinity
    case .logistic: 0 ... 1
    case .log, .log1p, .tan, .asin, .atan, .sinh, .asinh, .atanh, .expm1, .sin, .cos, .tanh, .erf:
      -.infinity ... .infinity
    }
  }
}
