import ApusIR
import ApusPasses
import ApusTensor

/// Expressions that compilers look for.
extension GraphDrawing {
  mutating func addIdiom() throws {
    // What goes wrong for large values alone does so where sums are cut, mostly.
    if limits.largePercent > 0, draw.chance(40) { return try addEpilogue() }
    switch draw.int(0...12) {
    case 0...3: try addIdentity()
    case 4...5: try addTwin()
    case 6: try addNormalization()
    case 7: try addMixture()
    case 8: try addOuter()
    case 9: try addScaling()
    case _: try addEpilogue()
    }
  }

  // MARK: What has a simpler form

  /// Adds the left side of a rule on values of any type: a rule that holds for some types must leave others alone.
  private mutating func addIdentity() throws {
    let rule = draw.one(of: AlgebraRule.all)
    let first = try anchor(draw.one(of: limits.types), rank: 0...3)
    var operands: [Int: ValueID] = [:]
    _ = try add(rule.left, like: type(first), first, &operands)
  }

  /// - Parameters:
  ///   - first: what an operand of its type is at first.
  ///   - operands: the values of the operands so far.
  private mutating func add(
    _ term: AlgebraRule.Term, like wanted: TensorType, _ first: ValueID, _ operands: inout [Int: ValueID]
  ) throws -> ValueID {
    switch term {
    case .operand(let index):
      if let known = operands[index] { return known }
      let value =
        draw.chance(15) ? try special(wanted) : operands.isEmpty && type(first) == wanted ? first : try obtain(wanted)
      operands[index] = value
      return value
    case .literal(let literal):
      guard var scalar = literal.scalar(wanted.element) else { throw NoFit() }
      // 0 and −0 are as far apart as a rule can be wrong.
      if wanted.element.isFloat, draw.chance(30) { scalar = Scalar.float(-scalar.asDouble).converted(to: wanted.element) }
      return try value(.constant, [], [NamedAttribute("value", .scalar(scalar))], stated: wanted)
    case .op(let code, let terms):
      var values: [ValueID] = []
      for (index, term) in terms.enumerated() {
        let isCondition = code == .select && index == 0
        values.append(try add(term, like: isCondition ? wanted.with(element: .bool) : wanted, first, &operands))
      }
      return try value(code, values)
    }
  }

  /// Numbers for which identities of the others do not hold: NaN, infinities, zeros of both signs.
  private mutating func special(_ wanted: TensorType) throws -> ValueID {
    guard wanted.element.isFloat, let shape = wanted.constantShape else { return try obtain(wanted) }
    let numbers = [Double.nan, .infinity, -.infinity, 0, -0.0, 1].map { Scalar.float($0).converted(to: wanted.element) }
    var tensor = try Tensor.zeros(wanted.element, shape: shape)
    for index in 0..<tensor.count { tensor.setScalar(draw.one(of: numbers), at: index) }
    return try constant(tensor)
  }

  /// Adds a value times a power of two, or divided by one: exact for most, and for some there is no reciprocal.
  private mutating func addScaling() throws {
    let x = try anchor(layerElement(), rank: 0...3)
    let factor = Attribute.scalar(draw.powerOfTwo(type(x).element))
    let power = try value(.constant, [], [NamedAttribute("value", factor)], stated: type(x))
    _ = try value(draw.one(of: [.div, .div, .mul]), [x, power])
  }

  // MARK: What looks the same

  /// Adds an op that is there once more, its operands or attributes changed: what is computed twice is not the same then.
  private mutating func addTwin() throws {
    guard let value = draw.pick(local), let op = function.definingOp(of: value), function.regionCount(of: op) == 0 else {
      throw NoFit()
    }
    let code = function.opcode(of: op)
    var (operands, attributes) = (function.operands(of: op), function.attributes(of: op))
    if let (a, b) = exchangeable(operands), draw.chance(70) {
      operands.swapAt(a, b)
    } else if let anchor = operands.first, draw.chance(50) {
      let changed = try self.attributes(code.info, anchor: type(anchor))
      attributes = attributes.filter { old in !changed.contains { $0.name == old.name } } + changed
    }
    try emit(code, operands, attributes, stated: function.results(of: op).map(type))
  }

  /// Two operands of one type.
  private mutating func exchangeable(_ operands: [ValueID]) -> (Int, Int)? {
    let pairs = operands.indices.flatMap { a in operands.indices.filter { $0 > a }.map { (a, $0) } }
    return draw.pick(pairs.filter { operands[$0] != operands[$1] && type(operands[$0]) == type(operands[$1]) })
  }

  // MARK: What layers are made of

  private static let folds = OpChoice.codes.filter(\.isReduction)
  private static let combining: [OpCode] = [.sub, .sub, .div, .mul, .add, .max]
  private static let layers: [OpCode] = [.exp, .exp, .log, .square, .rsqrt, .relu]
  private static let unary = OpChoice.codes.filter { $0.isElementwise && $0.info.operands.count == 1 && $0.info.attributes.isEmpty }

  private mutating func activated(_ x: ValueID) throws -> ValueID {
    draw.chance(60) ? try value(draw.one(of: draw.chance(50) ? Self.layers : Self.unary), [x]) : x
  }

  /// A type that layers have, mostly.
  private mutating func layerElement() -> ElementType {
    let floats = limits.types.filter(\.isFloat)
    return draw.chance(70) && !floats.isEmpty ? draw.one(of: floats) : draw.one(of: limits.types)
  }

  /// Adds a value against a fold of it along some axes, as softmax and normalizations have it.
  private mutating func addNormalization() throws {
    let x = try anchor(layerElement(), rank: 1...4)
    let axes = draw.some(of: 0..<type(x).rank)
    var result = x
    for _ in 0..<draw.int(1...2) {
      let fold = try value(
        draw.one(of: Self.folds), [result], [NamedAttribute("axes", .ints(axes)), NamedAttribute("keep_dims", .bool(true))])
      let spread = try value(
        .broadcast, [fold], [NamedAttribute("axes", .ints(Array(0..<type(x).rank)))], stated: type(x))
      result = try activated(try value(draw.one(of: Self.combining), [result, spread]))
    }
  }

  private static let contractions = OpChoice.codes.filter { $0.info.group == "contraction" }

  /// Adds a product with a number for each place along some axis, and a function of it; sometimes of the product moved.
  private mutating func addEpilogue() throws {
    let code = draw.one(of: Self.contractions.filter(limits.codes.contains) + [.matmul, .conv])
    let known = local.count
    try add(OpChoice.draw(&draw, [code], [layerElement()], near: [], coverage))
    guard var product = local.last, local.count > known, type(product).rank > 0 else { throw NoFit() }
    if draw.chance(20) { product = try turned(product) }
    let axis = draw.int(0...(type(product).rank - 1))
    let bias = try obtain(type(product).with(dims: [type(product).dims[axis]]))
    let spread = try value(.broadcast, [bias], [NamedAttribute("axes", .ints([axis]))], stated: type(product))
    _ = try activated(try value(draw.one(of: Self.combining), [product, spread]))
  }

  // MARK: What is read in two ways

  /// A value backwards, or with its axes in another order.
  private mutating func turned(_ x: ValueID) throws -> ValueID {
    let axes = Array(0..<type(x).rank)
    if draw.chance(50) { return try value(.reverse, [x], [NamedAttribute("axes", .ints(draw.some(of: 0..<axes.count)))]) }
    return try value(.transpose, [x], [NamedAttribute("perm", .ints(draw.shuffled(axes)))])
  }

  /// Adds two values of one type along different axes of a result, as masks and distances have it.
  private mutating func addOuter() throws {
    let x = try anchor(draw.one(of: limits.types), rank: 1...2)
    let dims = type(x).dims
    let y = try obtain(type(x))
    // The same sizes once more, before those that are there.
    let shape = dims + dims
    guard fits(shape) else { throw NoFit() }
    let (rows, columns) = (Array(0..<dims.count), Array(dims.count..<shape.count))
    let wide = type(x).with(dims: shape)
    let spread = try [(x, rows), (y, columns)].map { operand, axes in
      try value(.broadcast, [operand], [NamedAttribute("axes", .ints(axes))], stated: wide)
    }
    let combining: [OpCode] = type(x).element == .bool ? [.and, .or] : Self.combining
    _ = try value(draw.one(of: combining), spread)
  }

  /// Adds a value against itself with its elements moved. What runs by itself before and after leaves memory to write to.
  private mutating func addMixture() throws {
    guard var x = pick(where: { $0.rank > 0 && $0.constantShape != nil }) else { throw NoFit() }
    let isApart = draw.chance(30) && type(x).element != .bool
    if isApart { x = try summed(x) }
    let folded = try value(.reshape, [x], stated: type(x).with(dims: try reshaped(type(x).dims)))
    guard let size = draw.pick(type(folded).dims.indices.filter { least(type(folded).dims[$0]) > 1 }) else { throw NoFit() }
    let dims = type(folded).dims
    let place = Dim.constant(draw.int(1...(least(dims[size]) - 1)))
    func part(_ range: (Dim, Dim)) -> [NamedAttribute] {
      [
        NamedAttribute("starts", .dims(dims.indices.map { $0 == size ? range.0 : 0 })),
        NamedAttribute("limits", .dims(dims.indices.map { $0 == size ? range.1 : dims[$0] })),
      ]
    }
    let (first, last) = (try value(.slice, [folded], part((0, place))), try value(.slice, [folded], part((place, dims[size]))))
    let turned = try value(.concat, [last, first], [NamedAttribute("axis", .int(size))])
    let mixed = try value(draw.one(of: Self.combining), [x, try value(.reshape, [turned], stated: type(x))])
    if isApart { _ = try summed(mixed) }
  }

  /// Sums, or greatest values, along an axis.
  private mutating func summed(_ x: ValueID) throws -> ValueID {
    let axis = NamedAttribute("axis", .int(draw.int(0...(type(x).rank - 1))))
    return try value(.scan, [x], [axis, NamedAttribute("kind", .name(draw.one(of: ["sum", "max"])))])
  }
}
