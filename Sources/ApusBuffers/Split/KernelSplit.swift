import ApusIR
import ApusSupport

/// How a kernel, or a `reshape` of the host, computes its results part by part.
struct KernelSplit {
  /// For each operand whether it is read one part at a time; others are read whole.
  private(set) var operands: [Bool]
  /// What is computed in parts of a kernel's body.
  fileprivate var partial: Set<ValueID> = []
  fileprivate var rules: [OpID: SplitRule] = [:]

  /// Nil where a part of the results takes more than parts of some operands and the whole of others.
  init?(_ op: OpID, in host: Function, parts: Int) {
    guard host.results(of: op).allSatisfy({ host.type(of: $0).isDivisible(by: parts) }) else { return nil }
    if host.opcode(of: op) == .reshape {
      guard host.type(of: host.operand(0, of: op)).isDivisible(by: parts) else { return nil }
      operands = [true]
      return
    }
    guard host.opcode(of: op) == .kernel else { return nil }
    operands = []
    let body = host.region(0, of: op)
    guard let end = host.terminator(of: body) else { return nil }
    partial = Set(host.operands(of: end))
    var whole: Set<ValueID> = []
    for op in host.ops(in: body).reversed() where op != end {
      let results = host.results(of: op)
      guard results.contains(where: partial.contains) else {
        if results.contains(where: whole.contains) { whole.formUnion(host.operands(of: op)) }
        continue
      }
      guard let rule = host.splitRule(of: op) else { return nil }
      // Whole groups of channels.
      if let groups = host.int("groups", of: op), groups > 1, host.type(of: host.result(of: op)).splitAxis == 1, groups % parts != 0 {
        return nil
      }
      rules[op] = rule
      for (index, operand) in host.operands(of: op).enumerated() {
        if case .parts(let marks) = rule, marks[index] { partial.insert(operand) } else { whole.insert(operand) }
      }
      // All results are parts, whoever reads them.
      partial.formUnion(results)
    }
    guard partial.isDisjoint(with: whole), partial.allSatisfy({ host.type(of: $0).isDivisible(by: parts) }) else { return nil }
    operands = host.parameters(of: body).map(partial.contains)
  }
}

/// One part of many.
struct Part {
  var index: Int
  var count: Int
}

extension Function {
  /// Inserts a kernel, or a `reshape`, that computes a part of what `op` does from operands of which those that `split` marks
  /// are parts.
  mutating func insertPart(
    _ part: Part, of op: OpID, _ split: KernelSplit, operands: [ValueID], at point: InsertionPoint
  ) throws(InferenceError) -> OpID {
    let results = results(of: op).map { type(of: $0).part(of: part.count) }
    let location = locationID(of: op)
    if opcode(of: op) == .reshape { return insert(.reshape, operands, results: results, at: point, location: location) }
    // A schedule is for the whole.
    let attributes = attributes(of: op).filter { $0.name != "schedule" }
    let kernel = insert(.kernel, operands, attributes: attributes, results: results, at: point, location: location)
    let (from, to) = (region(0, of: op), region(0, of: kernel))
    var values: [ValueID: ValueID] = [:]
    for (parameter, operand) in zip(parameters(of: from), operands) {
      values[parameter] = addParameter(type(of: operand), to: to)
    }
    for inner in ops(in: from) {
      let read = self.operands(of: inner).compactMap { values[$0] }
      // What only unused values need is left out.
      guard read.count == operandCount(of: inner) else { continue }
      let made = try insertPart(part, ofInner: inner, split, operands: read, in: to)
      for (old, new) in zip(self.results(of: inner), made) { values[old] = new }
    }
    return kernel
  }

  private mutating func insertPart(
    _ part: Part, ofInner op: OpID, _ split: KernelSplit, operands: [ValueID], in block: BlockID
  ) throws(InferenceError) -> [ValueID] {
    let isPartial = split.rules[op] != nil
    var stated = results(of: op).map { type(of: $0) }
    if opcode(of: op).isTerminator {
      insert(opcode(of: op), operands, results: [], at: .end(of: block), location: locationID(of: op))
      return []
    }
    guard isPartial, case .parts? = split.rules[op] else {
      let twin = copy(op, operands: operands, at: .end(of: block))
      let whole = results(of: twin)
      guard isPartial else { return whole }
      var cut: [ValueID] = []
      for value in whole { cut.append(try insertCut(part, of: value, at: .end(of: block), location: locationID(of: op))) }
      return cut
    }
    var attributes = attributes(of: op)
    if let groups = int("groups", of: op), groups > 1, stated[0].splitAxis == 1,
      let index = attributes.firstIndex(where: { $0.name == "groups" })
    {
      attributes[index].value = .int(groups / part.count)
    }
    if opcode(of: op) == .slice, let axis = stated[0].splitAxis, let index = attributes.firstIndex(where: { $0.name == "limits" }),
      case .dims(var limits) = attributes[index].value
    {
      stated[0] = stated[0].part(of: part.count)
      limits[axis] = stated[0].dims[axis]
      attributes[index].value = .dims(limits)
    } else {
      stated = stated.map { $0.part(of: part.count) }
    }
    // Inferred anew, so that a rule that is wrong is found here.
    let twin = try append(
      opcode(of: op), operands, attributes: attributes, stated: stated, at: .end(of: block), location: locationID(of: op))
    return results(of: twin)
  }

  /// A slice that is one part of a value.
  mutating func insertCut(
    _ part: Part, of value: ValueID, at point: InsertionPoint, location: LocationID
  ) throws(InferenceError) -> ValueID {
    let (whole, cut) = (type(of: value), type(of: value).part(of: part.count))
    var starts = whole.dims.map { _ in Dim.constant(0) }
    var limits = whole.dims
    if let axis = whole.splitAxis, let size = cut.dims[axis].constantValue {
      starts[axis] = .constant(part.index * size)
      limits[axis] = .constant((part.index + 1) * size)
    }
    let slice = try append(
      .slice, [value], attributes: [NamedAttribute("starts", .dims(starts)), NamedAttribute("limits", .dims(limits))],
      stated: [cut], at: point, location: location)
    return result(of: slice)
  }
}
