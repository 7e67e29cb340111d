import ApusIR
import ApusPasses
import ApusTensor

/// Expressions that compilers look for.
extension GraphDrawing {
  mutating func addIdiom() throws {
    switch draw.int(0...9) {
    case 0...3: try addIdentity()
    case 4...5: try addTwin()
    case 6: try addNormalization()
    case 7: try addMixture()
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
      let value = operands.isEmpty && type(first) == wanted ? first : try obtain(wanted)
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

  /// Adds a product with a number for each place along some axis, and a function of it.
  private mutating func addEpilogue() throws {
    let code = draw.one(of: Self.contractions.filter(limits.codes.contains) + [.matmul, .conv])
    let known = local.count
    try add(OpChoice.draw(&draw, [code], [layerElement()], near: [], coverage))
    guard let product = local.last, local.count > known, type(product).rank > 0 else { throw NoFit() }
    let axis = draw.int(0...(type(product).rank - 1))
    let bias = try obtain(type(product).with(dims: [type(product).dims[axis]]))
    let spread = try value(.broadcast, [bias], [NamedAttribute("axes", .ints([axis]))], stated: type(product))
    _ = try activated(try value(draw.one(of: Self.combining), [product, spread]))
  }

  // MARK: What is read in two ways

  /// Adds a value against itself with its elements moved.
  private mutating func addMixture() throws {
    guard let x = pick(where: { $0.rank > 0 && $0.constantShape != nil }) else { throw NoFit() }
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
    _ = try value(draw.one(of: Self.combining), [x, try value(.reshape, [turned], stated: type(x))])
  }
}
