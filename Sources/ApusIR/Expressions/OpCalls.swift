import ApusSupport
import ApusTensor

extension Emitter {
  /// Calls an op with arguments as the graph language has them: operands by position (an optional one
  /// also by name), attributes as labels, `shape:` and `to:` for what no operand fixes.
  ///
  /// Reports `op.operands`, `op.attribute`, `literal.…`, `broadcast.shapes`, `axis.…`, and what inference reports.
  package mutating func call(_ code: OpCode, _ arguments: [CallArgument]) throws(EmissionError) -> Meaning {
    for argument in arguments {
      if case .poison = argument.meaning { throw .silent }
    }
    let info = code.info
    var call = try OpArguments(info, arguments, self)
    if code == .matmul {
      let operands = try operandValues(&call, info)
      return .value(try matrixProduct(operands[0], operands[1], places: call.places))
    }
    if code == .constant { return .value(try constantCall(&call)) }
    if code == .convert, let value = try staticConversion(call) { return .value(value) }
    if code == .reshape, let value = try trivialReshape(call) { return .value(value) }
    var operands = try operandValues(&call, info)
    if info.broadcastsOperands { operands = try broadcastTogether(operands) }
    let attributes = try attributeList(call, info)
    let stated = try statedTypes(call, info)
    let results = try emit(code, operands, attributes, stated: stated, places: call.places)
    if info.traits.contains(.elementwise) { noteFlexible(results, operands, info) }
    return .results(results.map { .value($0) })
  }

  // MARK: Operands

  /// The operands as values, in the order of the declaration, those left out missing.
  private mutating func operandValues(_ call: inout OpArguments, _ info: OpInfo) throws(EmissionError) -> [ValueID] {
    var variables: [String: ElementType] = [:]
    try bindVariables(call, info, &variables)
    var values: [ValueID] = []
    for (operand, arguments) in zip(info.operands, call.operands) {
      for argument in arguments {
        let element: ElementType?
        switch operand.pattern.element {
        case .fixed(let type): element = type
        case .variable(let name):
          if variables[name] == nil { variables[name] = try ownType(argument, name, info) }
          element = variables[name]
        case .any: element = nil
        }
        guard let element else {
          values.append(try value(of: argument.meaning, at: argument.place))
          continue
        }
        let value = try value(of: argument.meaning, as: element, at: argument.place)
        if let group = flexible[value], type(of: value).element != element { throw .retype(group: group, element) }
        values.append(value)
      }
    }
    return values
  }

  /// The type variables that operands with a type of their own fix; literals take what these fix.
  private func bindVariables(
    _ call: OpArguments, _ info: OpInfo, _ variables: inout [String: ElementType]
  ) throws(EmissionError) {
    var tentative: [String: ElementType] = [:]
    for (operand, arguments) in zip(info.operands, call.operands) {
      guard case .variable(let name) = operand.pattern.element else { continue }
      for argument in arguments {
        for value in values(in: argument.meaning) {
          let element = type(of: value).element
          if flexible[value] != nil {
            tentative[name] = tentative[name] ?? element
          } else {
            variables[name] = variables[name] ?? element
          }
        }
      }
    }
    variables.merge(tentative) { definite, _ in definite }
    // Literals that meet nothing else agree among themselves: `pow(2, 0.5)` is f32.
    for (operand, arguments) in zip(info.operands, call.operands) {
      guard case .variable(let name) = operand.pattern.element, variables[name] == nil else { continue }
      if arguments.contains(where: { hint($0.meaning) == .float }) { variables[name] = .f32 }
    }
  }

  private func values(in meaning: Meaning) -> [ValueID] {
    switch meaning {
    case .value(let value): [value]
    case .list(let list): list.isRuntime ? list.elements.flatMap { values(in: $0) } : []
    case .size, .wide, .number, .bool, .name, .string, .elementType, .absent, .several, .poison: []
    }
  }

  /// The type of an operand that is a literal and meets no other: its own, but f32 for an integer where
  /// only floats are taken.
  private func ownType(
    _ argument: CallArgument, _ variable: String, _ info: OpInfo
  ) throws(EmissionError) -> ElementType {
    var type = ElementType.s64
    if let hint = hint(argument.meaning) { type = hint.alone }
    guard let elements = info.typeVariables.first(where: { $0.name == variable })?.elementClass else { return type }
    if type.isInteger, elements == .float { type = .f32 }
    guard elements.contains(type) else {
      throw failed(
        "literal.type", "\(info.name) takes \(elements.members.map(\.name).joined(separator: ", ")) here, not \(type)",
        at: argument.place)
    }
    return type
  }

  /// A result whose operands are all literals at bottom is one as well.
  private mutating func noteFlexible(_ results: [ValueID], _ operands: [ValueID], _ info: OpInfo) {
    guard case .patterns(let patterns) = info.results else { return }
    var group: Int?
    for (value, operand) in zip(operands, info.operands) {
      guard case .variable = operand.pattern.element else { continue }
      guard let own = flexible[value] ?? (isLiteral(value) ? -1 : nil) else { return }
      if own >= 0 { group = group ?? own }
    }
    guard let group else { return }
    for (result, pattern) in zip(results, patterns) {
      if case .variable = pattern.element { flexible[result] = group }
    }
  }

  private func isLiteral(_ value: ValueID) -> Bool {
    guard let op = function.definingOp(of: value) else { return false }
    let code = function.opcode(of: op)
    if code == .broadcast || code == .convert { return isLiteral(function.operand(0, of: op)) }
    return code == .constant || code == .size
  }

  // MARK: Results

  /// The result types as far as `shape:` and `to:` state them; `nil` where operands fix all.
  private func statedTypes(_ call: OpArguments, _ info: OpInfo) throws(EmissionError) -> [TensorType]? {
    switch info.results {
    case .custom:
      try refuse(call.shape, "shape", info)
      try refuse(call.to, "to", info)
      return nil
    case .stated: return try freelyStated(call, info)
    case .patterns(let patterns):
      guard patterns.count == 1, let pattern = patterns.first else { return nil }
      let shapeIsStated = info.isStated(pattern.shape)
      let elementIsStated = info.isStated(pattern.element)
      if !shapeIsStated { try refuse(call.shape, "shape", info) }
      if !elementIsStated { try refuse(call.to, "to", info) }
      guard shapeIsStated || elementIsStated else { return nil }
      let dims = shapeIsStated ? try shape(call, info) : try shape(of: pattern.shape, call, info)
      let element = elementIsStated ? try element(call, info) : try element(of: pattern.element, call, info)
      return [TensorType(element, dims)]
    }
  }

  private func refuse(_ argument: CallArgument?, _ label: String, _ info: OpInfo) throws(EmissionError) {
    guard let argument else { return }
    throw failed(
      "op.attribute", "the operands of \(info.name) fix its result: it takes no '\(label)'", at: argument.place)
  }

  private func shape(_ call: OpArguments, _ info: OpInfo) throws(EmissionError) -> [Dim] {
    guard let argument = call.shape else {
      throw failed("op.attribute", "\(info.name) needs the shape of its result: shape: [...]")
    }
    return try dims(argument, "shape")
  }

  func dims(_ argument: CallArgument, _ label: String) throws(EmissionError) -> [Dim] {
    guard case .list(let list) = argument.meaning, let dims = list.sizes else {
      throw failed(
        "op.attribute",
        "'\(label)' is a list of sizes that are known while compiling, not \(argument.meaning.kindName)",
        at: argument.place)
    }
    return dims
  }

  private func element(_ call: OpArguments, _ info: OpInfo) throws(EmissionError) -> ElementType {
    guard let argument = call.to else {
      throw failed("op.attribute", "\(info.name) needs the element type of its result: to: f32")
    }
    return try element(argument)
  }

  func element(_ argument: CallArgument) throws(EmissionError) -> ElementType {
    guard case .elementType(let type) = argument.meaning else {
      throw failed(
        "op.attribute", "'to' is an element type such as f32, not \(argument.meaning.kindName)", at: argument.place)
    }
    return type
  }

  /// The dims that the first operand of the same pattern has.
  private func shape(
    of pattern: TypePattern.Shape, _ call: OpArguments, _ info: OpInfo
  ) throws(EmissionError) -> [Dim] {
    for (operand, arguments) in zip(info.operands, call.operands) where operand.pattern.shape == pattern {
      if let value = arguments.first?.meaning.value { return type(of: value).dims }
      if case .list(let list)? = arguments.first?.meaning { return list.shape }
    }
    return []
  }

  private func element(
    of pattern: TypePattern.Element, _ call: OpArguments, _ info: OpInfo
  ) throws(EmissionError) -> ElementType {
    if case .fixed(let type) = pattern { return type }
    for (operand, arguments) in zip(info.operands, call.operands) where operand.pattern.element == pattern {
      guard let argument = arguments.first else { continue }
      if let value = argument.meaning.value { return type(of: value).element }
      if case .variable(let name) = pattern { return try ownType(argument, name, info) }
    }
    return .f32
  }

  /// `custom_call(x, name: "f", shape: [2], to: f32)`, or lists of both for several results.
  private func freelyStated(_ call: OpArguments, _ info: OpInfo) throws(EmissionError) -> [TensorType]? {
    guard let shape = call.shape, let to = call.to else {
      throw failed("op.attribute", "\(info.name) needs the types of its results: shape: [...], to: f32")
    }
    guard case .list(let elements) = to.meaning else {
      return [TensorType(try element(to), try dims(shape, "shape"))]
    }
    guard case .list(let shapes) = shape.meaning, shapes.count == elements.count else {
      throw failed(
        "op.attribute", "'shape' and 'to' are lists of one length where there are several results", at: shape.place)
    }
    var types: [TensorType] = []
    for (dims, element) in zip(shapes.elements, elements.elements) {
      types.append(
        TensorType(
          try self.element(CallArgument(element, at: to.place)),
          try self.dims(CallArgument(dims, at: shape.place), "shape")))
    }
    return types
  }

  // MARK: Ops with a form of their own

  private mutating func constantCall(_ call: inout OpArguments) throws(EmissionError) -> ValueID {
    guard let argument = call.attributes["value"] else { throw failed("op.attribute", "constant needs a 'value'") }
    guard let hint = hint(argument.meaning), argument.meaning.value == nil else {
      throw failed(
        "op.attribute", "a constant's value is a literal, not \(argument.meaning.kindName)", at: argument.place)
    }
    let element = try call.to.map { argument throws(EmissionError) in try self.element(argument) } ?? hint.alone
    let value = try value(of: argument.meaning, as: element, at: argument.place)
    guard let shape = call.shape else { return value }
    let dims = try dims(shape, "shape")
    try check(TensorType(element, dims))
    let own = type(of: value).dims
    guard own.isEmpty || own == dims else {
      throw failed("constant.C1", "the value has the shape of its list, which is not the one stated", at: shape.place)
    }
    return broadcast(value, to: dims)
  }

  /// `convert` of what is known, or of what has the type already.
  private mutating func staticConversion(_ call: OpArguments) throws(EmissionError) -> ValueID? {
    guard let argument = call.operands.first?.first, let to = call.to else { return nil }
    let element = try element(to)
    switch argument.meaning {
    case .value(let value): return type(of: value).element == element && flexible[value] == nil ? value : nil
    case .size(let dim) where dim.constantValue == nil:
      return try value(of: argument.meaning, as: element, at: argument.place)
    case .size, .wide, .number, .bool:
      let own = hint(argument.meaning)?.alone == .f32 ? ElementType.f64 : hint(argument.meaning)?.alone ?? .s64
      let exact = try scalar(argument.meaning, as: own, at: argument.place)
      return constant(exact.converted(to: element), element)
    case .list, .name, .string, .elementType, .absent, .several, .poison: return nil
    }
  }

  private func trivialReshape(_ call: OpArguments) throws(EmissionError) -> ValueID? {
    guard call.to == nil, let shape = call.shape, let value = call.operands.first?.first?.meaning.value else {
      return nil
    }
    return type(of: value).dims == (try dims(shape, "shape")) ? value : nil
  }
}

extension StaticList {
  /// The shape of the tensor that it makes, if it makes one.
  var shape: [Dim] {
    var dims: [Dim] = [.constant(count)]
    var probe = elements.first
    while case .list(let inner)? = probe {
      dims.append(.constant(inner.count))
      probe = inner.elements.first
    }
    return dims
  }
}

extension OpInfo {
  /// Whether operands are broadcast together: there are several, and all have the one pattern `[..s]`.
  var broadcastsOperands: Bool {
    guard operands.count > 1, case .dims(let dims) = operands[0].pattern.shape, dims.count == 1,
      case .pack = dims[0]
    else { return false }
    return operands.allSatisfy { $0.pattern.shape == operands[0].pattern.shape && $0.arity == .one }
  }

  /// Whether no operand fixes the shape of a result of that pattern.
  package func isStated(_ shape: TypePattern.Shape) -> Bool {
    guard case .dims(let dims) = shape else { return false }
    return dims.contains { dim in
      if case .constant = dim { return false }
      return !operands.contains { operand in
        if case .dims(let own) = operand.pattern.shape { own.contains(dim) } else { false }
      }
    }
  }

  package func isStated(_ element: TypePattern.Element) -> Bool {
    guard case .variable = element else { return false }
    return !operands.contains { $0.pattern.element == element }
  }
}
