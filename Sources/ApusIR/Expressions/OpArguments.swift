import ApusSupport
import ApusTensor

/// The arguments of a call, put where the op's declaration wants them.
struct OpArguments {
  /// One list for each declared operand: empty for one left out, several for a variadic one.
  var operands: [[CallArgument]]
  var attributes: [String: CallArgument] = [:]
  var shape: CallArgument?
  var to: CallArgument?

  /// Where everything was written.
  var places: Emitter.Places {
    var places = Emitter.Places()
    places.operands = operands.flatMap { $0.map(\.place) }
    places.attributes = attributes.mapValues(\.place)
    return places
  }

  init(_ info: OpInfo, _ arguments: [CallArgument], _ emitter: Emitter) throws(EmissionError) {
    operands = Array(repeating: [], count: info.operands.count)
    let positional = arguments.filter { $0.label == nil }
    var next = 0
    for argument in positional {
      while next < info.operands.count, !operands[next].isEmpty, !info.operands[next].isVariadic { next += 1 }
      guard next < info.operands.count else {
        throw emitter.failed(
          "op.operands", "\(info.name) takes \(info.operandCount), not \(positional.count)", at: argument.place)
      }
      operands[next].append(argument)
    }
    for argument in arguments {
      guard let label = argument.label else { continue }
      try place(argument, label, info, emitter)
    }
    try checkPresence(info, emitter)
  }

  private mutating func place(
    _ argument: CallArgument, _ label: String, _ info: OpInfo, _ emitter: Emitter
  ) throws(EmissionError) {
    var isNew = true
    if let index = info.operands.firstIndex(where: { $0.name == label }) {
      isNew = operands[index].isEmpty
      operands[index] = [argument]
    } else if info.attribute(label) != nil {
      isNew = attributes.updateValue(argument, forKey: label) == nil
    } else if label == "shape", info.hasResultToState {
      isNew = shape == nil
      shape = argument
    } else if label == "to", info.hasResultToState {
      isNew = to == nil
      to = argument
    } else {
      let known = info.operands.map(\.name) + info.attributes.map(\.name)
      let list = known.isEmpty ? "nothing" : known.joined(separator: ", ")
      throw emitter.failed(
        "op.attribute", "\(info.name) has no '\(label)'", at: argument.place, hint: "it takes \(list)")
    }
    guard isNew else {
      throw emitter.failed("op.attribute", "\(info.name) is given '\(label)' twice", at: argument.place)
    }
  }

  /// What must be there; an absent meaning counts as left out.
  private mutating func checkPresence(_ info: OpInfo, _ emitter: Emitter) throws(EmissionError) {
    var missing: String?
    for (index, operand) in info.operands.enumerated() {
      operands[index].removeAll { argument in
        if case .absent = argument.meaning { operand.arity != .one } else { false }
      }
      switch operand.arity {
      case .zeroOrMore: break
      case .one, .oneOrMore:
        guard !operands[index].isEmpty else {
          throw emitter.failed(
            "op.operands", "\(info.name) takes \(info.operandCount): '\(operand.name)' is missing")
        }
      case .optional:
        if operands[index].isEmpty {
          missing = missing ?? operand.name
        } else if let missing, let argument = operands[index].first {
          throw emitter.failed(
            "op.operands", "\(info.name) is given '\(operand.name)' but not '\(missing)'", at: argument.place,
            hint: "optional operands are given from the first on")
        }
      }
    }
  }
}

extension OperandInfo {
  var isVariadic: Bool { arity == .zeroOrMore || arity == .oneOrMore }
}

extension OpInfo {
  /// Whether `shape:` or `to:` mean the result: no attribute has that name.
  fileprivate var hasResultToState: Bool {
    switch results {
    case .stated, .custom: true
    case .patterns(let patterns): !patterns.isEmpty
    }
  }

  /// "2 operands", "1 to 3 operands".
  fileprivate var operandCount: String {
    let least = operands.filter { $0.arity == .one || $0.arity == .oneOrMore }.count
    if operands.contains(where: \.isVariadic) { return "\(least) or more operands" }
    let most = operands.count
    let noun = most == 1 ? "operand" : "operands"
    return least == most ? "\(most) \(noun)" : "\(least) to \(most) \(noun)"
  }
}
