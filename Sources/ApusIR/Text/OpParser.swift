import ApusSupport
import ApusTensor

/// An op as far as it has been read.
struct PendingOp {
  enum Operand {
    case value(ValueID)
    case literal(Literal)
  }

  var code: OpCode
  var opcodeRange: Range<Int>
  var operands: [Operand] = []
  var operandRanges: [Range<Int>] = []
  /// A name among the operands is unknown or was defined wrongly.
  var isPoisoned = false
  /// In the order of the declaration.
  var attributes: [Attribute?] = []
  var labels: [Range<Int>?] = []
  /// The parameters that `while %i = %zero` names.
  var header: [ValueHead] = []

  init(code: OpCode, opcodeRange: Range<Int>) {
    self.code = code
    self.opcodeRange = opcodeRange
    let count = code.info.attributes.count
    attributes = [Attribute?](repeating: nil, count: count)
    labels = [Range<Int>?](repeating: nil, count: count)
  }
}

// MARK: - Operands and attributes

extension IRParser {
  /// Reads what follows the op's name: operands, then `label: value`.
  mutating func items(of pending: inout PendingOp, result: TensorType?) -> Bool {
    let info = pending.code.info
    let unlabelled = info.attributes.firstIndex { $0.kind == .constant || $0.kind == .function }
    if let unlabelled, !tokens.isAtSeparator, isAtUnlabelled(info.attributes[unlabelled]) {
      guard take(unlabelled, of: info, into: &pending, at: tokens.current.range, result: result) else { return false }
      let isFunction = info.attributes[unlabelled].kind == .function
      if !tokens.accept(.comma), !(isFunction && tokens.at(.value)) { return hasRequired(info, pending) }
    }
    guard !isAtEndOfItems else { return hasRequired(info, pending) }
    repeat {
      if tokens.at(.word), tokens.following.kind == .colon {
        guard label(of: info, into: &pending, result: result) else { return false }
      } else if pending.labels.contains(where: { $0 != nil }), unlabelled == nil {
        tokens.expected("a label")
        return false
      } else {
        guard operand(of: &pending) else { return false }
      }
    } while tokens.accept(.comma)
    return hasRequired(info, pending)
  }

  private var isAtEndOfItems: Bool {
    tokens.isAtSeparator || tokens.at(.leftBrace) || isAtLocation
  }

  /// A constant's value, or the name of a function, may stand first without a label.
  private func isAtUnlabelled(_ info: AttributeInfo) -> Bool {
    if info.kind == .function { return tokens.at(.symbol) }
    return tokens.isAtLiteral || tokens.at(.leftBracket) || tokens.at(.symbol)
  }

  private mutating func operand(of pending: inout PendingOp) -> Bool {
    guard pending.operands.count < 1 << 15 else {
      tokens.error("op.operands", "an op has at most 32768 operands", at: tokens.current.range)
      return false
    }
    if tokens.at(.value) {
      let token = tokens.advance()
      if pending.code.bindsParametersInHeader { return carried(token, &pending) }
      use(token, in: &pending)
      return true
    }
    guard tokens.isAtLiteral else {
      tokens.expected(pending.operands.isEmpty ? "an operand" : "an operand or a label")
      return false
    }
    guard let literal = tokens.literal() else { return false }
    pending.operands.append(.literal(literal))
    pending.operandRanges.append(literal.range)
    return true
  }

  /// `%i: s64[] = %zero`, behind its name.
  private mutating func carried(_ token: Token, _ pending: inout PendingOp) -> Bool {
    var head = ValueHead(token: token)
    if tokens.accept(.colon) {
      guard let type = types.type(&tokens, &function.symbols) else { return false }
      head.type = type
    }
    guard tokens.expect(.equal) != nil, let initial = tokens.expect(.value) else { return false }
    pending.header.append(head)
    use(initial, in: &pending)
    return true
  }

  private mutating func use(_ token: Token, in pending: inout PendingOp) {
    let key = key(token)
    guard let entry = scope.find(key) else {
      scope.addMissing(key, at: token.range)
      pending.isPoisoned = true
      return
    }
    if entry.value.isNone { pending.isPoisoned = true }
    pending.operands.append(.value(entry.value))
    pending.operandRanges.append(token.range)
  }

  private mutating func label(of info: OpInfo, into pending: inout PendingOp, result: TensorType?) -> Bool {
    let token = tokens.advance()
    tokens.advance()
    let name = tokens.text(token)
    guard let index = info.attributes.firstIndex(where: { $0.name == name }) else {
      let known = info.attributes.map(\.name).joined(separator: ", ")
      tokens.error(
        "op.attribute", "`\(info.name)` has no attribute `\(name)`", at: token.range,
        hint: known.isEmpty ? "it has none" : "it has \(known)")
      return false
    }
    return take(index, of: info, into: &pending, at: token.range, result: result)
  }

  private mutating func take(
    _ index: Int, of info: OpInfo, into pending: inout PendingOp, at range: Range<Int>, result: TensorType?
  ) -> Bool {
    if let first = pending.labels[index] {
      let note = Diagnostic.Note("it is given here", at: tokens.place(first))
      tokens.error(
        "op.attribute", "`\(info.attributes[index].name)` is given twice", at: range, notes: [note])
      return false
    }
    guard let value = attribute(info.attributes[index], result: result) else { return false }
    pending.labels[index] = range
    pending.attributes[index] = value
    return true
  }

  private mutating func hasRequired(_ info: OpInfo, _ pending: PendingOp) -> Bool {
    for index in info.attributes.indices where pending.attributes[index] == nil {
      if info.attributes[index].isOptional || info.attributes[index].defaultValue != nil { continue }
      tokens.error(
        "op.attribute", "`\(info.name)` needs the attribute `\(info.attributes[index].name)`", at: pending.opcodeRange)
      return false
    }
    return true
  }
}

// MARK: - Insertion

extension IRParser {
  /// Adds the op, with constants for its literals before it; `nil` if its operands or result types
  /// are not known.
  mutating func insert(_ pending: inout PendingOp, _ heads: [ValueHead], in block: BlockID) -> OpID? {
    guard !pending.isPoisoned, let operands = operandValues(of: pending, in: block) else { return nil }
    let info = pending.code.info
    var attributes: [NamedAttribute] = []
    for (index, value) in pending.attributes.enumerated() {
      if let value { attributes.append(NamedAttribute(info.attributes[index].name, value)) }
    }
    guard let inferred = inferred(pending, operands, attributes, heads) else { return nil }
    note(inferred.obligations)
    let op = function.insert(
      pending.code, operands, attributes: inferred.attributes, results: inferred.results, at: .end(of: block))
    if let (name, range) = deferredConstant {
      constantUses.append(ConstantUse(name: name, range: range, function: FunctionID(module.functions.count), op: op))
      deferredConstant = nil
    }
    return op
  }

  /// Notes what inputs must keep to: relations of the arguments' sizes that are asked for on every run.
  private mutating func note(_ obligations: [Obligation]) {
    if conditionalDepth > 0 { return }
    for obligation in obligations where seenObligations.insert(obligation).inserted {
      var isAboutArguments = true
      for dim in [obligation.lhs, obligation.rhs] {
        dim.forEachSymbol { if function.symbols[$0].origin != .argument { isAboutArguments = false } }
      }
      if isAboutArguments { function.require(obligation) }
    }
  }

  /// Checks the op against its declaration; types that are not stated are found on the way.
  private mutating func inferred(
    _ pending: PendingOp, _ operands: [ValueID], _ attributes: [NamedAttribute], _ heads: [ValueHead]
  ) -> Inferred? {
    let types = operands.map { function.typeID(of: $0) }
    var stated: [TypeID]? = heads.compactMap { $0.type.map { function.types.intern($0) } }
    do throws(InferenceError) {
      if let some = stated, some.count < heads.count {
        stated = nil
        if !some.isEmpty {
          let found = try infer(pending.code, types, attributes, nil).results
          if found.count == heads.count {
            stated = zip(heads, found).map { function.types.intern($0.type ?? $1) }
          }
        }
      }
      let inferred = try infer(pending.code, types, attributes, stated)
      guard inferred.results.count == heads.count else {
        throw InferenceError(
          "op.results", "\(pending.code.name) has \(inferred.results.count) results, not \(heads.count)")
      }
      return inferred
    } catch {
      report(error, pending, operands)
      return nil
    }
  }

  private mutating func infer(
    _ code: OpCode, _ operands: [TypeID], _ attributes: [NamedAttribute], _ stated: [TypeID]?
  ) throws(InferenceError) -> Inferred {
    try inference.infer(
      code, operands: operands, attributes: attributes, stated: stated, types: function.types,
      symbols: &function.symbols)
  }

  /// Points at the operand or attribute at fault, and at where the operands come from.
  private mutating func report(_ error: InferenceError, _ pending: PendingOp, _ operands: [ValueID]) {
    var range = pending.opcodeRange
    var notes: [Diagnostic.Note] = []
    let ranges = pending.operandRanges
    if let first = error.operands.first(where: { $0 < ranges.count }) {
      range = ranges[first]
      for index in error.operands where index < ranges.count {
        guard case .place(let place) = function.location(of: operands[index]) else { continue }
        notes.append(Diagnostic.Note("'\(tokens.source[ranges[index]])' is defined here", at: place))
      }
    } else if let name = error.attribute,
      let index = pending.code.info.attributes.firstIndex(where: { $0.name == name })
    {
      range = pending.labels[index] ?? range
    }
    tokens.error(error.id, error.message, at: range, notes: notes)
  }

  private mutating func operandValues(of pending: PendingOp, in block: BlockID) -> [ValueID]? {
    let known = pending.operands.map { operand -> TensorType? in
      if case .value(let value) = operand { function.type(of: value) } else { nil }
    }
    var values: [ValueID] = []
    for (index, operand) in pending.operands.enumerated() {
      switch operand {
      case .value(let value): values.append(value)
      case .literal(let literal):
        guard let type = pending.code.info.typeOfLiteral(at: index, known, phase: function.phase) else {
          tokens.error(
            "literal.type", "the type of the literal does not follow from the other operands", at: literal.range,
            hint: "write a `constant` op before")
          return nil
        }
        guard let scalar = tokens.value(of: literal, type.element) else { return nil }
        let op = function.insert(
          .constant, [], attributes: [NamedAttribute("value", .scalar(scalar))], results: [type],
          at: .end(of: block), location: function.addLocation(.place(tokens.place(literal.range))))
        values.append(function.result(of: op))
      }
    }
    return values
  }
}

extension OpInfo {
  /// The declaration of each of `count` operands; `nil` where there are too few or too many.
  func operandInfos(count: Int) -> [OperandInfo]? {
    var extra = count - operands.count { $0.arity == .one || $0.arity == .oneOrMore }
    guard extra >= 0 else { return nil }
    var infos: [OperandInfo] = []
    infos.reserveCapacity(count)
    for info in operands {
      var taken = 0
      switch info.arity {
      case .one: break
      case .optional: taken = extra > 0 ? 1 : 0
      case .zeroOrMore, .oneOrMore: taken = extra
      }
      extra -= taken
      let isRequired = info.arity == .one || info.arity == .oneOrMore
      infos.append(contentsOf: repeatElement(info, count: taken + (isRequired ? 1 : 0)))
    }
    return extra == 0 ? infos : nil
  }

  /// The type that a number written as operand has: element type and sizes are those of operands
  /// whose pattern shares the variable. `known` has no type where an operand is a literal itself.
  func typeOfLiteral(at index: Int, _ known: [TensorType?], phase: Phase) -> TensorType? {
    guard let infos = operandInfos(count: known.count) else { return nil }
    let pattern = infos[index].pattern
    var element: ElementType?
    if case .fixed(let type) = pattern.element { element = type }
    var dims: [Dim]?
    if case .dims(let list) = pattern.shape {
      let constants = list.compactMap { if case .constant(let size) = $0 { Dim.constant(size) } else { nil } }
      if constants.count == list.count { dims = constants }
    }
    var form = pattern.form
    for (info, type) in zip(infos, known) {
      guard let type else { continue }
      if case .variable = pattern.element, info.pattern.element == pattern.element { element = element ?? type.element }
      if pattern.shape != .any, info.pattern.shape == pattern.shape { dims = dims ?? type.dims }
      if info.pattern.form == nil, info.pattern.shape != .any { form = form ?? type.form }
    }
    guard let element, let dims else { return nil }
    return TensorType(element, dims, form: form ?? (phase == .loops ? .register : .tensor))
  }
}
