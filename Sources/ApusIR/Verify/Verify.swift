import ApusSupport

extension Module {
  /// What is wrong with the module: nothing, if passes and code generation may rely on it.
  ///
  /// Checks structure, dominance, phases, types (by inferring them again), the regions of control flow,
  /// calls and their freedom from recursion. Takes time linear in the size of the module, and stops
  /// after a hundred errors.
  public func verify() -> [Diagnostic] {
    var diagnostics = Diagnostics()
    for function in functions where !diagnostics.isFull {
      var verifier = FunctionVerifier(function, self, diagnostics)
      verifier.verify()
      diagnostics = verifier.diagnostics
    }
    CallGraph(self).reportRecursion(to: &diagnostics)
    return diagnostics.list
  }

  /// What is wrong with one function, its calls included.
  public func verify(function id: FunctionID) -> [Diagnostic] {
    var verifier = FunctionVerifier(self[id], self, Diagnostics())
    verifier.verify()
    return verifier.diagnostics.list
  }
}

extension Function {
  /// What is wrong with the function by itself; whom it calls is not looked at.
  public func verify() -> [Diagnostic] {
    var verifier = FunctionVerifier(self, nil, Diagnostics())
    verifier.verify()
    return verifier.diagnostics.list
  }
}

/// Checks one function. Generic over `OpInfo`; what single ops ask for beyond it is in `RegionRules`
/// and `CallRules`.
struct FunctionVerifier {
  let function: Function
  /// Where calls look for their targets.
  let module: Module?
  var diagnostics: Diagnostics
  private var scope: DominanceScope
  private var symbolScope: SymbolScope
  private var types: TypeRules
  private var inference = InferenceCache()
  /// Grows by what inference makes up on the way.
  private var symbols: SymbolTable

  init(_ function: Function, _ module: Module?, _ diagnostics: Diagnostics) {
    self.function = function
    self.module = module
    self.diagnostics = diagnostics
    scope = DominanceScope(valueCount: function.valueCapacity)
    symbolScope = SymbolScope(function)
    types = TypeRules(function)
    symbols = function.symbols
  }

  private enum Step {
    case enter(BlockID, region: Int)
    /// This op and those behind it.
    case ops(OpID?)
    /// The op's regions are done.
    case finish(OpID)
    case leave(BlockID, region: Int)
  }

  /// Walks with a stack of its own: regions may nest deeper than the machine's stack allows.
  mutating func verify() {
    checkSignature()
    var stack = [Step.enter(function.entry, region: 0)]
    while let step = stack.popLast(), !diagnostics.isFull {
      switch step {
      case .enter(let block, let region):
        enter(block, region)
        stack.append(.leave(block, region: region))
        stack.append(.ops(function.firstOp(of: block)))
      case .ops(let op):
        guard let op else { continue }
        check(op)
        stack.append(.ops(function.op(after: op)))
        stack.append(.finish(op))
        for index in (0..<function.regionCount(of: op)).reversed() {
          stack.append(.enter(function.region(index, of: op), region: index))
        }
      case .finish(let op): finish(op)
      case .leave(let block, let region): leave(block, region)
      }
    }
  }
}

// MARK: - Blocks

extension FunctionVerifier {
  private mutating func checkSignature() {
    if !function.resultNames.isEmpty, function.resultNames.count != function.resultTypes.count {
      diagnostics.error(
        "op.results", "@\(function.name) has \(function.resultTypes.count) results and "
          + "\(function.resultNames.count) names for them")
    }
    let parameters = Set(function.parameters.map { function.type(of: $0) })
    for type in function.resultTypes where !parameters.contains(type) {
      if let (id, message) = types.problem(of: type) {
        let place = function.parameters.first.map(place) ?? .none
        diagnostics.error(id, "a result of @\(function.name): \(message)", at: place)
      }
    }
  }

  private func isIsolated(_ block: BlockID, _ region: Int) -> Bool {
    guard let owner = function.owner(of: block) else { return false }
    let regions = function.opcode(of: owner).info.regions
    return region < regions.count && regions[region].isIsolated
  }

  private mutating func enter(_ block: BlockID, _ region: Int) {
    scope.open(isIsolated: isIsolated(block, region))
    symbolScope.open()
    for value in function.parameters(of: block) {
      scope.define(value)
      checkType(of: value, introduces: function.owner(of: block) != nil)
    }
  }

  private mutating func leave(_ block: BlockID, _ region: Int) {
    scope.close(isIsolated: isIsolated(block, region))
    symbolScope.close()
    let owner = function.owner(of: block)
    let code = owner.map { function.opcode(of: $0) }
    let wanted = code?.terminator(ofRegion: region) ?? .return
    guard let last = function.lastOp(of: block) else {
      if code?.mayHaveEmptyRegion == true, function.parameters(of: block).isEmpty { return }
      report("op.terminator", "the region does not end in `\(wanted.name)`", at: owner)
      return
    }
    if function.opcode(of: last) != wanted {
      report(
        "op.terminator", "\(code.map { "this region of `\($0.name)`" } ?? "the function") ends in "
          + "`\(function.opcode(of: last).name)`, not in `\(wanted.name)`", at: last)
    }
  }
}

// MARK: - Ops

extension FunctionVerifier {
  private mutating func check(_ op: OpID) {
    let code = function.opcode(of: op)
    let info = code.info
    let phase = scope.isIsolated ? .graph : function.phase
    if !info.phases.contains(phase) {
      report("phase.illegal", "`\(info.name)` is not an op of phase \(phase.rawValue)", at: op)
    }
    if info.traits.contains(.terminator), function.op(after: op) != nil {
      report("op.terminator", "`\(info.name)` stands before the end of its region", at: op)
    }
    if function.regionCount(of: op) != info.regions.count {
      report(
        "op.regions", "`\(info.name)` has \(function.regionCount(of: op)) regions, not \(info.regions.count)", at: op)
    }
    let operands = function.operands(of: op)
    var areVisible = true
    for (index, value) in operands.enumerated() {
      if let problem = scope.problem(with: value) {
        areVisible = false
        report(problem, index, value, of: op)
      }
    }
    for entry in function.attributes(of: op) {
      if case .dims(let dims) = entry.value { checkScope(of: dims, at: op) }
    }
    if areVisible { checkTypes(of: op, code, operands) }
  }

  private mutating func checkTypes(of op: OpID, _ code: OpCode, _ operands: [ValueID]) {
    do throws(InferenceError) {
      _ = try inference.infer(
        code, operands: operands.map { function.typeID(of: $0) }, attributes: function.attributes(of: op),
        stated: function.results(of: op).map { function.typeID(of: $0) }, types: function.types, symbols: &symbols)
    } catch {
      let places = OpPlaces(function.location(of: op), code, function)
      var place = places.opcode
      if let first = error.operands.first(where: { $0 < operands.count }) {
        place = places.operand(first)
      } else if let name = error.attribute {
        place = places.attribute(name)
      }
      let notes = error.operands.filter { $0 < operands.count }.map { note(on: operands[$0]) }
      report(error.id, error.message, at: op, place: place, notes: notes)
    }
  }

  private mutating func finish(_ op: OpID) {
    let code = function.opcode(of: op)
    let mayIntroduce = code.traits.contains(.dataDependentShape) || mayState(code, op)
    for value in function.results(of: op) {
      scope.define(value)
      checkType(of: value, introduces: mayIntroduce)
    }
    if code != .return, function.regionCount(of: op) == 0, !code.callsFunctions { return }
    for problem in RegionRules(function).problems(with: op) + CallRules(function, module).problems(with: op) {
      let notes = problem.value.map { [note(on: $0)] } ?? []
      let at = problem.op ?? op
      let places = OpPlaces(function.location(of: at), function.opcode(of: at), function)
      report(
        problem.id, problem.message, at: at, place: problem.operand.map(places.operand) ?? places.opcode, notes: notes)
    }
  }

  /// Whether sizes that the op's result types bring in have their values from it.
  private func mayState(_ code: OpCode, _ op: OpID) -> Bool {
    guard code.info.results == .stated else { return false }
    return function.phase != .loops || !code.traits.contains(.memory) || function.operandCount(of: op) > 0 && code == .alloc
  }

  private mutating func checkType(of value: ValueID, introduces: Bool) {
    if let (id, message) = types.problem(of: function.typeID(of: value)) {
      report(id, message, at: function.definingOp(of: value), place: place(value))
    }
    if types.hasConstantSizes(function.typeID(of: value)) { return }
    let dims = function.type(of: value).dims
    if introduces {
      for dim in dims { dim.forEachSymbol { symbolScope.introduce($0) } }
    } else {
      checkScope(of: dims, at: function.definingOp(of: value))
    }
  }

  private mutating func checkScope(of dims: [Dim], at op: OpID?) {
    var hidden: SymbolID?
    for dim in dims { dim.forEachSymbol { if !symbolScope.isVisible($0) { hidden = hidden ?? $0 } } }
    guard let hidden else { return }
    let name = function.symbols[hidden].name
    report(
      "dim.scope", "the size \(name.isEmpty ? "?" : "'\(name)'") is not known here", at: op,
      place: op.map { OpPlaces(function.location(of: $0), function.opcode(of: $0), function).opcode })
  }
}

// MARK: - Reports

extension FunctionVerifier {
  private mutating func report(_ problem: DominanceScope.Problem, _ index: Int, _ value: ValueID, of op: OpID) {
    let places = OpPlaces(function.location(of: op), function.opcode(of: op), function)
    let name = label(value)
    let notes = [note(on: value)]
    switch problem {
    case .notVisible:
      report("dominance", "\(name) is not defined before this use", at: op, place: places.operand(index), notes: notes)
    case .isIsolated:
      let owner = isolatingOp(of: op).map { function.opcode(of: $0).name } ?? "kernel"
      report(
        "\(owner).isolated", "\(name) is defined outside of the \(owner)", at: op, place: places.operand(index),
        notes: notes, hint: "pass it as an operand")
    }
  }

  private func isolatingOp(of op: OpID) -> OpID? {
    var block = function.block(of: op)
    while let owner = function.owner(of: block) {
      if function.opcode(of: owner).info.regions.contains(where: \.isIsolated) { return owner }
      block = function.block(of: owner)
    }
    return nil
  }

  private func label(_ value: ValueID) -> String {
    function.name(of: value).map { "%" + NameText.name($0) } ?? "the operand"
  }

  private func note(on value: ValueID) -> Diagnostic.Note {
    Diagnostic.Note("\(label(value)) is defined here", at: place(value))
  }

  private func place(_ value: ValueID) -> Place { OpPlaces.whole(function.location(of: value), function) }

  private mutating func report(
    _ id: String, _ message: String, at op: OpID?, place: Place? = nil, notes: [Diagnostic.Note] = [],
    hint: String? = nil
  ) {
    let code = op.map { function.opcode(of: $0) }
    let place = place ?? op.map { OpPlaces(function.location(of: $0), code ?? .return, function).opcode } ?? .none
    // Without a place the reader at least learns which function it is.
    let suffix = place == .none ? " (in @\(function.name)\(code.map { ", at `\($0.name)`" } ?? ""))" : ""
    diagnostics.error(id, message + suffix, at: place, notes: notes.filter { $0.place != .none }, hint: hint)
  }
}
