import ApusSupport
import ApusTensor
import Synchronization

/// Puts the definition of a composite op, its body in the graph language, in the place of the op.
public enum CompositeExpansion {
  /// The op's body as a function of its operands.
  ///
  /// Symbols of the operand types are those of `symbols`, and keep their ids in the function.
  /// Throws what the body reports of these operands: it points at the body's text.
  public static func build(
    _ code: OpCode, operandTypes: [TensorType], attributes: [NamedAttribute], symbols: SymbolTable = SymbolTable()
  ) throws(DiagnosticError) -> Function {
    let body = try body(of: code)
    var function = Function(name: code.name)
    function.symbols = symbols
    let operands = operandTypes.enumerated().map { index, type in
      function.addParameter(type, name: code.info.operandName(index, of: operandTypes.count))
    }
    let emitter = Emitter(function, at: .end(of: function.entry))
    var lowering = ExpressionLowering(body.syntax, emitter)
    let results = try expand(code, body, operands, attributes, &lowering)
    function = lowering.emitter.function
    function.resultTypes = results.map { function.type(of: $0) }
    function.insert(.return, results, results: [], at: .end(of: function.entry))
    return function
  }

  /// Reports what would be wrong with the body for these operands, at the call; nothing is kept.
  package static func check(
    _ code: OpCode, operandTypes: [TensorType], attributes: [NamedAttribute], symbols: SymbolTable, at place: Place
  ) -> [Diagnostic] {
    do {
      _ = try build(code, operandTypes: operandTypes, attributes: attributes, symbols: symbols)
      return []
    } catch {
      return error.diagnostics.map { $0.moved(to: place, from: code.name) }
    }
  }

  /// A parsed body.
  struct Body: Sendable {
    var syntax: Syntax
    var block: Syntax.Block
  }

  /// Each body is parsed once.
  private static let parsed = Mutex<[OpCode: Body]>([:])

  static func body(of code: OpCode) throws(DiagnosticError) -> Body {
    if let known = parsed.withLock({ $0[code] }) { return known }
    guard let text = code.info.body else { preconditionFailure("\(code.name) is no composite") }
    var parser = ExpressionParser(SourceText(name: "body of \(code.name)", text: text))
    let block = parser.body()
    try parser.tokens.diagnostics.throwIfErrors()
    let body = Body(syntax: parser.syntax, block: block)
    parsed.withLock { $0[code] = body }
    return body
  }

  /// Lowers a body over operands that are in the emitter's function.
  static func expand(
    _ code: OpCode, _ body: Body, _ operands: [ValueID], _ attributes: [NamedAttribute],
    _ lowering: inout ExpressionLowering
  ) throws(DiagnosticError) -> [ValueID] {
    lowering.bindOperands(code.info, operands)
    lowering.bindAttributes(code.info, attributes)
    do {
      let meanings = try lowering.bodyResults(body.block)
      var values: [ValueID] = []
      for meaning in meanings { values.append(try lowering.emitter.value(of: meaning, at: lowering.emitter.place)) }
      return values
    } catch {
      switch error {
      case .failed(let found): for diagnostic in found { lowering.diagnostics.add(diagnostic) }
      case .silent: break
      case .retype: preconditionFailure("a literal outside a loop has one type")
      }
    }
    try lowering.diagnostics.throwIfErrors()
    preconditionFailure("the body of \(code.name) failed without saying why")
  }
}

extension Function {
  /// Replaces a composite op by the ops of its body.
  ///
  /// Throws what the body reports of the op's operands.
  public mutating func inlineComposite(_ op: OpID) throws(DiagnosticError) {
    let code = opcode(of: op)
    let body = try CompositeExpansion.body(of: code)
    let operands = operands(of: op)
    let attributes = attributes(of: op)
    let location = locationID(of: op)
    let types = results(of: op).map { type(of: $0) }
    // The emitter owns the function while it writes, so that its tables are not copied.
    var taken = Function(name: name, phase: phase)
    swap(&self, &taken)
    var emitter = Emitter(taken, at: .before(op))
    taken = Function(name: name)
    emitter.fixedLocation = location
    emitter.namesValues = false
    var lowering = ExpressionLowering(body.syntax, emitter)
    emitter = Emitter(taken, at: .before(op))
    defer { self = lowering.emitter.function }
    let results: [ValueID]
    do {
      results = try CompositeExpansion.expand(code, body, operands, attributes, &lowering)
    } catch {
      guard case .place(let place) = lowering.emitter.function.location(of: op) else { throw error }
      throw DiagnosticError(error.diagnostics.map { $0.moved(to: place, from: code.name) })
    }
    var replacements: [ValueID] = []
    for (value, type) in zip(results, types) {
      for (own, declared) in zip(lowering.emitter.type(of: value).dims, type.dims) where own != declared {
        do throws(EmissionError) {
          try lowering.emitter.require(own, equals: declared)
        } catch {
          let message = "the body of \(code.name) gives another shape than its declaration for these operands"
          throw DiagnosticError(.unsupported, id: "composite.shape", message, at: lowering.emitter.place)
        }
      }
      replacements.append(lowering.emitter.reshape(value, to: type.dims))
    }
    lowering.emitter.function.replace(op, with: replacements)
  }
}

extension ExpressionLowering {
  /// Names the operands of a composite as its declaration does; those left out are absent.
  fileprivate mutating func bindOperands(_ info: OpInfo, _ operands: [ValueID]) {
    for (index, operand) in info.operands.enumerated() {
      if operand.isVariadic {
        bind(operand.name, .list(StaticList(operands.dropFirst(index).map { .value($0) })))
      } else {
        bind(operand.name, index < operands.count ? .value(operands[index]) : .absent)
      }
    }
  }

  fileprivate mutating func bindAttributes(_ info: OpInfo, _ attributes: [NamedAttribute]) {
    for attribute in info.attributes {
      let value = attributes.first { $0.name == attribute.name }?.value ?? attribute.defaultValue
      bind(attribute.name, value.map { Meaning($0, attribute.kind) } ?? .absent)
    }
  }

  mutating func bodyResults(_ block: Syntax.Block) throws(EmissionError) -> [Meaning] {
    _ = try lower(block.statements)
    let before = diagnostics.list.count
    let meanings = try meanings(of: block.results)
    guard diagnostics.list.count == before, before == 0 else { throw .silent }
    return meanings
  }
}

extension Meaning {
  /// An attribute of an op as the body of a composite sees it.
  fileprivate init(_ attribute: Attribute, _ kind: AttributeInfo.Kind) {
    switch attribute {
    case .int(let value): self = kind == .float ? .number(Double(value)) : .integer(value)
    case .float(let value): self = .number(value)
    case .bool(let value): self = .bool(value)
    case .string(let value): self = .string(value)
    case .name(let value), .function(let value): self = .name(value)
    case .ints(let values): self = .list(StaticList(values.map { .integer($0) }))
    case .floats(let values): self = .list(StaticList(values.map { .number($0) }))
    case .dims(let dims): self = .sizes(dims)
    case .elementType(let type): self = .elementType(type)
    case .scalar(.float(let value)): self = .number(value)
    case .scalar(.signed(let value)): self = .integer(Int(value))
    case .scalar(.unsigned(let value)): self = Int(exactly: value).map { .integer($0) } ?? .wide(value)
    case .scalar(.bool(let value)): self = .bool(value)
    case .tensor, .schedule: self = .absent
    }
  }
}

extension OpInfo {
  /// What the declaration calls an operand.
  fileprivate func operandName(_ index: Int, of count: Int) -> String {
    let declared = operands[index < operands.count ? index : operands.count - 1]
    return declared.isVariadic ? "\(declared.name)\(index - operands.count + 1)" : declared.name
  }
}
