import ApusSupport
import ApusTensor

extension ExpressionLowering {
  /// A call of a graph of the file, of a function on static values, or of an op, looked for in that order.
  mutating func call(
    _ name: String, _ arguments: [Syntax.Argument], _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    if let callee = callees[name] {
      let given = try self.arguments(arguments, of: nil)
      at(range)
      return try emitter.call(callee, given)
    }
    if brokenCallees.contains(name) {
      _ = try self.arguments(arguments, of: nil)
      return .poison
    }
    if let function = StaticFunction(rawValue: name) {
      let given = try self.arguments(arguments, of: nil)
      at(range)
      return try evaluate(function, given, range)
    }
    guard let code = OpCode(name: name), code.isCallable else { throw unknown(name, range) }
    let given = try self.arguments(arguments, of: code.info)
    at(range)
    if let result = try staticMinMax(name, given) { return result }
    return try emitter.call(code, given)
  }

  private func unknown(_ name: String, _ range: Range<Int>) -> EmissionError {
    let names =
      callees.keys + StaticFunction.allCases.map(\.rawValue) + OpInfo.all.filter { $0.code.isCallable }.map(\.name)
    let hint = nearest(to: name, in: names).map { "did you mean '\($0)'?" }
    return failed("name.unknown", "no graph and no op is called '\(name)'", range, hint: hint)
  }

  // MARK: Arguments

  private mutating func arguments(
    _ arguments: [Syntax.Argument], of info: OpInfo?
  ) throws(EmissionError) -> [CallArgument] {
    var given: [CallArgument] = []
    for argument in arguments {
      let meaning = try self.argument(argument, of: info)
      given.append(CallArgument(meaning, label: argument.label, at: place(syntax[argument.value].range)))
    }
    return given
  }

  /// An argument; where an enumeration or a type is wanted, a bare name is one, whatever else it may be called.
  private mutating func argument(
    _ argument: Syntax.Argument, of info: OpInfo?
  ) throws(EmissionError) -> Meaning {
    guard let label = argument.label, let info, case .name(let name) = syntax[argument.value].kind else {
      return try single(argument.value)
    }
    let known = lookUp(name)
    if case .name(let cases)? = info.attribute(label)?.kind {
      if case .name? = known { return try single(argument.value) }
      return cases.contains(name) || known == nil ? .name(name) : try single(argument.value)
    }
    if label == "to", known == nil {
      if let type = ElementType(name: name) { return .elementType(type) }
      throw failed(
        "type.unknown", "no element type is called '\(name)'", syntax[argument.value].range,
        hint: "one of \(ElementType.allCases.map(\.name).joined(separator: " "))")
    }
    return try single(argument.value)
  }

  // MARK: Static functions

  /// Functions that are worked out while compiling and are no ops.
  enum StaticFunction: String, CaseIterable {
    case rank, shape, length, range, `repeat`, has, known, type, count, product, floordiv

    /// Labels and names of what it takes, in order.
    var parameters: [String] {
      switch self {
      case .rank, .shape, .has, .type: ["x"]
      case .known: ["condition"]
      case .length, .product: ["list"]
      case .range: ["from", "to"]
      case .repeat: ["value", "count"]
      case .count: ["x", "axes"]
      case .floordiv: ["dividend", "divisor"]
      }
    }
  }

  private mutating func evaluate(
    _ function: StaticFunction, _ arguments: [CallArgument], _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    let parameters = function.parameters
    guard arguments.count == parameters.count else {
      let list = parameters.joined(separator: ", ")
      throw failed(
        "op.operands", "\(function.rawValue)(\(list)) takes \(parameters.count), not \(arguments.count)", range)
    }
    for (argument, parameter) in zip(arguments, parameters) {
      if case .poison = argument.meaning { throw .silent }
      guard argument.label == nil || argument.label == parameter else {
        throw emitter.failed(
          "op.attribute", "\(function.rawValue) has no '\(argument.label ?? "")'", at: argument.place)
      }
    }
    let first = arguments[0]
    switch function {
    case .rank: return .integer(try dims(first).count)
    case .shape: return .sizes(try dims(first))
    case .known:
      if case .bool = first.meaning { return first.meaning }
      guard let value = first.meaning.value, emitter.type(of: value) == .scalar(.bool) else {
        throw unfit(first, "a bool")
      }
      return .bool(false)
    case .has: return .bool(!first.meaning.isAbsent)
    case .type:
      guard let hint = emitter.hint(first.meaning) else { throw unfit(first, "a tensor") }
      return .elementType(hint.alone)
    case .length: return .integer(try list(first).count)
    case .product:
      guard let sizes = try list(first).sizes else { throw unfit(first, "a list of sizes") }
      return .size(try emitter.arithmetic.product(sizes))
    case .range:
      let (lower, upper) = (try integer(first), try integer(arguments[1]))
      guard lower <= upper else { return .list(StaticList([])) }
      let (count, overflow) = upper.subtractingReportingOverflow(lower)
      try spend(overflow ? Int.max : count)
      return .list(StaticList((lower..<upper).map { .integer($0) }))
    case .repeat:
      let count = try integer(arguments[1])
      guard count >= 0 else { throw unfit(arguments[1], "a count") }
      try spend(count)
      return .list(try list(Array(repeating: first.meaning, count: count), range))
    case .count:
      let dims = try dims(first)
      guard let axes = arguments[1].meaning.constantIntegers else { throw unfit(arguments[1], "a list of axes") }
      var sizes: [Dim] = []
      for axis in axes {
        guard axis >= -dims.count, axis < dims.count else {
          throw emitter.failed("axis.range", "there is no axis \(axis) among \(dims.count)", at: arguments[1].place)
        }
        sizes.append(dims[axis < 0 ? axis + dims.count : axis])
      }
      return .size(try emitter.arithmetic.product(sizes))
    case .floordiv:
      guard first.meaning.isStatic, arguments[1].meaning.isStatic,
        let result = try emitter.arithmetic.function("floordiv", first.meaning, arguments[1].meaning)
      else { throw unfit(first, "a size; tensors are divided with div") }
      return result
    }
  }

  /// `min`, `max` and `mod` are ops, but of sizes they are worked out here.
  private mutating func staticMinMax(_ name: String, _ arguments: [CallArgument]) throws(EmissionError) -> Meaning? {
    guard name == "min" || name == "max" || name == "mod", arguments.count == 2,
      arguments.allSatisfy({ $0.label == nil && $0.meaning.isStatic && !$0.meaning.holdsValues })
    else { return nil }
    return try emitter.arithmetic.function(name, arguments[0].meaning, arguments[1].meaning)
  }

  private func dims(_ argument: CallArgument) throws(EmissionError) -> [Dim] {
    switch argument.meaning {
    case .value(let value): return emitter.type(of: value).dims
    case .size, .wide, .number, .bool: return []
    case .list(let list): return list.shape
    case .name, .string, .elementType, .absent, .several, .poison: throw unfit(argument, "a tensor")
    }
  }

  private func list(_ argument: CallArgument) throws(EmissionError) -> StaticList {
    guard case .list(let list) = argument.meaning else { throw unfit(argument, "a list") }
    return list
  }

  private func integer(_ argument: CallArgument) throws(EmissionError) -> Int {
    guard case .size(.constant(let value)) = argument.meaning else {
      throw unfit(argument, "an integer that is known while compiling")
    }
    return value
  }

  private func unfit(_ argument: CallArgument, _ wanted: String) -> EmissionError {
    emitter.failed("static.kind", "this is \(argument.meaning.kindName), not \(wanted)", at: argument.place)
  }
}

extension OpCode {
  /// Whether the graph language may call it by name: control flow and terminators have a syntax of their own.
  package var isCallable: Bool { info.phases.contains(.graph) && !Self.withSyntax.contains(self) }

  private static let withSyntax: Set<OpCode> = [.if, .while, .call, .assert, .return, .yield, .continue]
}
