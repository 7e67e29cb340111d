import ApusIR
import ApusSupport
import ApusTensor

/// A module in which exactly one rule is broken.
public struct Violation: Sendable {
  public var module: Module
  /// What the verifier has to say, and nothing else: `concat.C2`.
  public var rule: String

  /// What the verifier says instead; `nil` where it is right.
  public var disagreement: String? {
    let found = module.verify().map(\.id)
    if found == [rule] { return nil }
    return found.isEmpty ? "\(rule) is broken, and nothing is found" : "\(rule) is broken, found is \(found.joined(separator: ", "))"
  }
}

/// Draws modules that break exactly one rule of one op, from the same declarations as valid ones.
public struct ViolationGenerator: Sendable {
  /// How often each rule has been broken.
  public private(set) var counts: [String: Int] = [:]
  private let limits = GraphGenerator.Limits()
  private static let codes = OpChoice.codes.filter { !$0.traits.contains(.controlFlow) && $0 != .call }

  public init() {}

  /// The numbered constraints of the ops of graphs: each can be broken.
  public static let constraints: [String] = (OpChoice.codes + [.return]).flatMap { code in
    code.info.constraints.map { "\(code.name).\($0.id)" }
  }

  /// Modules that were drawn.
  public var tried: Int { counts.values.reduce(0, +) }

  /// Nothing where what was drawn leaves no way to break the rule that was picked.
  public mutating func violation(seed: UInt64) -> Violation? {
    var drawing = GraphDrawing("main", seed: seed, limits, ops: 2, DrawCoverage())
    drawing.drawOps(drawing.draw.int(0...2))
    let found = drawing.draw.chance(12) ? ControlBreakers.violation(&drawing) : violation(&drawing)
    if let found { counts[found.rule, default: 0] += 1 }
    return found
  }

  /// The constraints of ops by number, in a fixed order.
  private static let numbered: [(code: OpCode, id: String)] = codes.flatMap { code in
    (ConstraintBreakers.all[code] ?? [:]).keys.sorted().map { (code, $0) }
  }

  private func violation(_ drawing: inout GraphDrawing) -> Violation? {
    let isNumbered = drawing.draw.chance(60)
    let target = isNumbered ? drawing.draw.one(of: Self.numbered) : (drawing.draw.one(of: Self.codes), "")
    let code = target.0
    var types: [String: ElementType] = [:]
    for variable in code.info.typeVariables {
      types[variable.name] = drawing.draw.one(of: OpChoice.elements(of: variable, code))
    }
    guard let draft = try? drawing.draft(OpChoice(code: code, types: types)),
      var use = OpUse(draft, code, &drawing), let valid = use.inferred(drawing.function)
    else { return nil }
    let rule: String
    if isNumbered {
      guard let breaker = ConstraintBreakers.all[code]?[target.1], breaker(&use, &drawing.draw) else { return nil }
      rule = "\(code.name).\(target.1)"
    } else {
      guard let broken = SignatureBreakers.breakOne(&use, &drawing.draw) else { return nil }
      rule = broken
    }
    let operands = use.operands.map { drawing.function.addParameter($0) }
    let op = drawing.function.insert(
      code, operands, attributes: use.attributes, results: use.results ?? valid.results, at: .end(of: drawing.block))
    drawing.record(op)
    drawing.finish()
    return Violation(module: drawing.module, rule: rule)
  }
}

/// An op with its types as they are written, right or wrong.
struct OpUse {
  let code: OpCode
  var operands: [TensorType]
  var attributes: [NamedAttribute]
  var stated: [TensorType]?
  /// The types to insert it with, where they are not those that were inferred.
  var results: [TensorType]?

  /// All sizes become constants, so that what is wrong is wrong for all inputs.
  init?(_ draft: OpDraft, _ code: OpCode, _ drawing: inout GraphDrawing) {
    var sizes: [SymbolID: Int] = [:]
    for id in drawing.function.symbols.ids {
      let bounds = drawing.function.symbols[id].bounds
      let lower = max(bounds.lower ?? 0, 0)
      sizes[id] = drawing.draw.int(lower...min(bounds.upper ?? .max, lower + 4))
    }
    func closed(_ dims: [Dim]) -> [Dim]? {
      let known = dims.compactMap { try? $0.evaluate { sizes[$0] ?? 1 } }
      return known.count == dims.count ? known.map { .constant($0) } : nil
    }
    func closed(_ types: [TensorType]) -> [TensorType]? {
      let known = types.compactMap { type in closed(type.dims).map { type.with(dims: $0) } }
      return known.count == types.count ? known : nil
    }
    guard let operands = closed(draft.operands) else { return nil }
    self.code = code
    self.operands = operands
    stated = nil
    attributes = []
    if let types = draft.stated {
      guard let types = closed(types) else { return nil }
      stated = types
    }
    for attribute in draft.attributes {
      guard case .dims(let dims) = attribute.value else {
        attributes.append(attribute)
        continue
      }
      guard let dims = closed(dims) else { return nil }
      attributes.append(NamedAttribute(attribute.name, .dims(dims)))
    }
  }

  /// What inference makes of it; `nil` where it is wrong already.
  func inferred(_ function: Function) -> Inferred? {
    var symbols = function.symbols
    guard let inferred = try? infer(code, operands: operands, attributes: attributes, stated: stated, symbols: &symbols),
      inferred.obligations.isEmpty, symbols.count == function.symbols.count
    else { return nil }
    return inferred
  }

  // MARK: Reading and writing

  /// A size; all are known.
  func size(_ operand: Int, _ axis: Int) -> Int { operands[operand].dims[axis].constantValue ?? 0 }

  mutating func setSize(_ operand: Int, _ axis: Int, _ value: Int) { operands[operand].dims[axis] = .constant(value) }

  func attribute(_ name: String) -> Attribute? {
    attributes.first { $0.name == name }?.value ?? code.info.attribute(name)?.defaultValue
  }

  mutating func set(_ name: String, _ value: Attribute) {
    attributes.removeAll { $0.name == name }
    attributes.append(NamedAttribute(name, value))
  }

  func ints(_ name: String) -> [Int] { if case .ints(let list)? = attribute(name) { list } else { [] } }

  func dims(_ name: String) -> [Dim] { if case .dims(let list)? = attribute(name) { list } else { [] } }

  func int(_ name: String) -> Int { if case .int(let value)? = attribute(name) { value } else { 0 } }

  /// An axis attribute as an axis.
  func axis(_ name: String = "axis") -> Int {
    let axis = int(name)
    return axis < 0 ? axis + operands[0].rank : axis
  }
}
