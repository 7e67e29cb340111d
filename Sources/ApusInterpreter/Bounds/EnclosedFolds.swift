import ApusIR
import ApusTensor

/// Folds and contractions, whose order is free: S4.2, S4.3, S5.1.
extension EnclosedOp {
  /// A reduction, or one of each window.
  func folded(_ fold: Fold, _ value: Tensor) throws -> Enclosure {
    let x = operands[0]
    let isFloat = value.elementType.isFloat
    if x.isPinned, !isFloat || fold.isChoice { return Enclosure(pinned: value) }
    let worst = try certainties(of: value)
    let values = isFloat ? Elements(value).floats : []
    guard isFloat else { return Enclosure(value, worst.map { $0 == .pinned ? .pinned : .open }, [], []) }
    if fold.isChoice {
      let (lower, upper) = (try apply(x.lower), try apply(x.upper))
      let certainty = values.indices.map { worst[$0] == .bounded && values[$0].isNaN ? .pinned : worst[$0] }
      return Enclosure(value, certainty, lower, upper)
    }
    switch fold {
    case .sum: return try summed(value, worst, values)
    case .prod: return try multiplied(value, worst, values)
    case .max, .min, .and, .or: return Enclosure(open: value)
    }
  }

  private func summed(_ value: Tensor, _ worst: [Enclosure.Certainty], _ values: [Double]) throws -> Enclosure {
    let x = operands[0]
    let finite = x.lower.indices.map { index -> Double in
      let largest = max(x.lower[index].magnitude, x.upper[index].magnitude)
      return largest.isFinite ? largest : 0
    }
    let infinite = x.lower.indices.map { x.lower[$0].isFinite && x.upper[$0].isFinite ? 0.0 : 1.0 }
    let sum = EnclosedOp.sum(like: self)
    let (magnitude, wild) = (try sum.apply(finite), try sum.apply(infinite))
    let (lower, upper) = (try sum.apply(x.lower), try sum.apply(x.upper))
    let grain = try EnclosedOp.folding(like: self, .reduceMax, "max").apply(x.lower.map(Self.grain))
    let terms = termCount(value)
    return enclosed(value, worst, values, terms, magnitude, grain, wild, lower, upper)
  }

  /// How many of the coarsest unit that a number is a multiple of make 1; 0 for 0, which is a multiple of every unit.
  private static func grain(_ x: Double) -> Double {
    guard x.isFinite, x != 0 else { return 0 }
    return Double(sign: .plus, exponent: x.significandWidth - Int(x.exponent), significand: 1)
  }

  /// - Parameters:
  ///   - terms: how many numbers are added.
  ///   - magnitude: the sum of the magnitudes of finite terms.
  ///   - grain: all terms are multiples of one over it. Where their magnitudes add up to no more such units than the accumulator
  ///     counts, every partial sum is exact in every order; a sum of 0 is +0 then, unless all terms are zeros.
  ///   - wild: not 0 where a term is not finite.
  private func enclosed(
    _ value: Tensor, _ worst: [Enclosure.Certainty], _ values: [Double], _ terms: Int, _ magnitude: [Double],
    _ grain: [Double], _ wild: [Double], _ lower: [Double], _ upper: [Double]
  ) -> Enclosure {
    let type = value.elementType
    let accumulator = accumulator(of: type)
    let unit = accumulator.spacing(at: 1) / 2
    let finest = accumulator == .f64 ? 0x1p1000 : 0x1p149
    var (certainty, low, high) = (worst, values, values)
    for index in values.indices where worst[index] != .open {
      // A partial sum may overflow in one order and not in another.
      if magnitude[index] >= accumulator.largest / 2 {
        certainty[index] = .open
      } else if wild[index] != 0 {
        certainty[index] = worst[index] == .pinned ? .pinned : .open
      } else if terms <= 1 || magnitude[index] > 0 && grain[index] <= finest && magnitude[index] * grain[index] <= 0.5 / unit,
        worst[index] == .pinned
      {
        certainty[index] = .pinned
      } else {
        let error = Double(terms + 4) * unit * magnitude[index] * 1.01
        guard let bounds = bounds(type, lower[index] - error, upper[index] + error) else {
          certainty[index] = .open
          continue
        }
        (certainty[index], low[index], high[index]) = (.bounded, bounds.0, bounds.1)
      }
    }
    return Enclosure(value, certainty, low, high)
  }

  private func bounds(_ type: ElementType, _ low: Double, _ high: Double) -> (Double, Double)? {
    low.isNaN || high.isNaN ? nil : type.widened(low, high, steps: 1)
  }

  /// A product of certain factors none of whose partial products leaves the range of the accumulator.
  private func multiplied(_ value: Tensor, _ worst: [Enclosure.Certainty], _ values: [Double]) throws -> Enclosure {
    let x = operands[0]
    let type = value.elementType
    let accumulator = accumulator(of: type)
    let unit = accumulator.spacing(at: 1) / 2
    let exponents = x.lower.map { $0.isFinite && $0 != 0 ? Double($0.exponent.magnitude) + 1 : 0 }
    let total = try EnclosedOp.sum(like: self).apply(exponents)
    let limit = accumulator == .f64 ? 1000.0 : 120
    let special = try EnclosedOp.sum(like: self).apply(x.lower.map { $0.isFinite && $0 != 0 ? 0 : 1 })
    var (certainty, low, high) = (worst, values, values)
    let terms = termCount(value)
    for index in values.indices where worst[index] != .open {
      if worst[index] == .bounded || total[index] > limit {
        certainty[index] = .open
      } else if special[index] == 0, terms > 1 {
        let error = Double(terms + 4) * unit * values[index].magnitude * 1.01
        guard let bounds = bounds(type, values[index] - error, values[index] + error) else { continue }
        (certainty[index], low[index], high[index]) = (.bounded, bounds.0, bounds.1)
      }
    }
    return Enclosure(value, certainty, low, high)
  }

  /// How many elements make one of the result.
  private func termCount(_ value: Tensor) -> Int {
    if case .ints(let window)? = attributes.first(where: { $0.name == "window" })?.value { return window.reduce(1, *) }
    return value.count == 0 ? 0 : operands[0].value.count / value.count
  }

  // MARK: Contractions

  func contracted(_ value: Tensor) throws -> Enclosure {
    let (x, y) = (operands[0], operands[1])
    guard value.elementType.isFloat else {
      return x.isPinned && y.isPinned ? Enclosure(pinned: value) : Enclosure(open: value)
    }
    func magnitudes(_ operand: Enclosure) -> [Double] {
      operand.lower.indices.map { index in
        let largest = max(operand.lower[index].magnitude, operand.upper[index].magnitude)
        return largest.isFinite ? largest : 0
      }
    }
    func flags(_ operand: Enclosure, _ isFlagged: (Int) -> Bool) -> [Double] {
      operand.lower.indices.map { isFlagged($0) ? 1 : 0 }
    }
    // Half of the smallest number is no number: the middle must not leave the bounds.
    func middle(_ lower: Double, _ upper: Double) -> Double { min(max(lower / 2 + upper / 2, lower), upper) }
    func middles(_ operand: Enclosure) -> [Double] { zip(operand.lower, operand.upper).map { middle($0, $1) } }
    func radii(_ operand: Enclosure) -> [Double] {
      zip(operand.lower, operand.upper).map { max($1 - middle($0, $1), middle($0, $1) - $0) }
    }
    let (ones, others) = ([Double](repeating: 1, count: x.lower.count), [Double](repeating: 1, count: y.lower.count))
    // A term that is not certain makes a result uncertain, one that is not finite takes it out of the bounds.
    func either(_ isFlagged: (Enclosure, Int) -> Bool) throws -> [Double] {
      let left = try contract(flags(x) { isFlagged(x, $0) }, others)
      let right = try contract(ones, flags(y) { isFlagged(y, $0) })
      return zip(left, right).map { $0 + $1 }
    }
    let open = try either { $0.certainty[$1] == .open }
    let bounded = try either { $0.certainty[$1] == .bounded }
    let wild = try either { !$0.lower[$1].isFinite || !$0.upper[$1].isFinite }
    let worst = value.count == 0 ? [] : (0..<value.count).map { index -> Enclosure.Certainty in
      open[index] > 0 ? .open : bounded[index] > 0 ? .bounded : .pinned
    }
    let (a, b) = (magnitudes(x), magnitudes(y))
    let magnitude = try contract(a, b)
    let center = try contract(middles(x), middles(y))
    let left = try contract(radii(x), b)
    let right = try contract(a, radii(y))
    let values = Elements(value).floats
    let (fineLeft, fineRight) = (x.lower.map(Self.grain), y.lower.map(Self.grain))
    let finest = (fineLeft.max() ?? 0) * (fineRight.max() ?? 0)
    // The sum of the products' grains is no less than each; that of the finest elements may be closer.
    let grain = try contract(fineLeft, fineRight).map { min($0, finest) }
    let widths = values.indices.map { left[$0] + right[$0] }
    // A product that is too small for the accumulator may be off by half of the smallest number.
    let underflow = Double(depth) * accumulator(of: value.elementType).spacing(at: 0)
    return enclosed(
      value, worst, values, max(depth, 2), magnitude, grain, wild,  // 0 is added even to one product, and takes a sign away
      values.indices.map { center[$0] - widths[$0] - underflow }, values.indices.map { center[$0] + widths[$0] + underflow })
  }

  /// Products in one sum.
  private var depth: Int {
    if code == .matmul { return operands[0].value.shape.last ?? 0 }
    return operands[1].value.shape.dropFirst().reduce(1, *)
  }

  private func contract(_ x: [Double], _ y: [Double]) throws -> [Double] {
    let tensors = [
      try tensor(.floats(x), .f64, operands[0].value.shape), try tensor(.floats(y), .f64, operands[1].value.shape),
    ]
    return Elements(try evaluate(tensors, types.map { $0.with(element: .f64) })[0]).floats
  }

  // MARK: Parts

  /// The op on other numbers, in f64.
  private func apply(_ numbers: [Double]) throws -> [Double] {
    let x = try tensor(.floats(numbers), .f64, operands[0].value.shape)
    return Elements(try evaluate([x], types.map { $0.with(element: .f64) })[0]).floats
  }

  /// For each element of the result the worst of the operand's elements that it comes from.
  private func certainties(of value: Tensor) throws -> [Enclosure.Certainty] {
    let x = operands[0]
    if x.isPinned { return Array(repeating: .pinned, count: value.count) }
    let sum = EnclosedOp.sum(like: self)
    let (bounded, open) = (
      try sum.apply(x.certainty.map { $0 == .bounded ? 1 : 0 }), try sum.apply(x.certainty.map { $0 == .open ? 1 : 0 })
    )
    return zip(bounded, open).map { $1 > 0 ? .open : $0 > 0 ? .bounded : .pinned }
  }

  /// The op that sums where this one folds.
  private static func sum(like op: EnclosedOp) -> EnclosedOp {
    folding(like: op, .reduceSum, "sum")
  }

  /// The op that folds otherwise where this one folds.
  private static func folding(like op: EnclosedOp, _ code: OpCode, _ kind: String) -> EnclosedOp {
    guard op.code == .reduceWindow else {
      return EnclosedOp(code: code, operands: op.operands, attributes: op.attributes, types: op.types, limits: op.limits)
    }
    let attributes = op.attributes.map { $0.name == "kind" ? NamedAttribute("kind", .name(kind)) : $0 }
    return EnclosedOp(
      code: op.code, operands: op.operands, attributes: attributes, types: op.types, limits: op.limits)
  }
}

extension Fold {
  /// Whether the result is one of the elements, or exact.
  fileprivate var isChoice: Bool {
    switch self {
    case .max, .min, .and, .or: true
    case .sum, .prod: false
    }
  }
}
