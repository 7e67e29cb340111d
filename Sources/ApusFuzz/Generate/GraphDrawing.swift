import ApusIR
import ApusSupport
import ApusTensor

/// A function while it is drawn: what is visible where ops are added, and what the symbols stand for.
///
/// An op is drawn from its declaration: a value that fits its first operand is picked, the signature is unified with that
/// value's type, what stays open is drawn, and the other operands are looked up, derived from other values, or made.
struct GraphDrawing {
  var draw: Draw
  var coverage: DrawCoverage
  var function: Function
  let limits: GraphGenerator.Limits
  /// The functions that this one calls.
  var callees: [Function] = []
  /// Where ops go: to the end of it, or before one of its ops.
  var block: BlockID
  var before: OpID?
  /// What ops at that place may read besides the parameters.
  var local: [ValueID] = []
  /// Regions around `block`.
  var depth = 0
  /// Ops yet to be drawn, those that make operands of others among them.
  var remaining: Int
  private var producers: [ValueID: OpCode] = [:]
  /// What the next op reads if it can.
  private var focus: ValueID?
  /// What it reads already.
  private var taken: [ValueID] = []

  init(_ name: String, seed: UInt64, _ limits: GraphGenerator.Limits, ops: Int, _ coverage: DrawCoverage) {
    draw = Draw(seed: seed)
    function = Function(name: name)
    block = function.entry
    remaining = ops
    self.limits = limits
    self.coverage = coverage
  }

  /// What makes an op impossible here, as when nothing fits it.
  struct NoFit: Error {}

  // MARK: Values

  var visible: [ValueID] { function.parameters + local }

  var place: InsertionPoint { before.map { .before($0) } ?? .end(of: block) }

  func type(_ value: ValueID) -> TensorType { function.type(of: value) }

  /// A visible value of some kind: the one in focus, else a recent one rather than an old one.
  mutating func pick(where isIncluded: (TensorType) -> Bool) -> ValueID? {
    if let value = focus, isIncluded(type(value)) {
      focus = nil
      return value
    }
    var fitting = visible.filter { isIncluded(type($0)) }
    // An op on one value twice is mostly simpler than it looks.
    if draw.chance(80) { fitting.removeAll(where: taken.contains) }
    guard !fitting.isEmpty else { return nil }
    if draw.chance(40) { return draw.one(of: fitting) }
    return fitting[fitting.count - 1 - draw.int(0...min(4, fitting.count - 1))]
  }

  // MARK: Ops

  /// Adds an op to the block. Throws `NoFit` where its result would be too large.
  @discardableResult
  mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], stated: [TensorType]? = nil
  ) throws -> [ValueID] {
    let inferred = try infer(
      code, operands: operands.map(type), attributes: attributes, stated: stated, symbols: &function.symbols)
    guard inferred.results.allSatisfy({ fits($0.dims) }) else { throw NoFit() }
    // A relation that most sizes break makes a graph that never runs.
    for obligation in inferred.obligations {
      guard draw.chance(limits.guardPercent) else { throw NoFit() }
      function.require(obligation)
    }
    let op = function.insert(
      code, operands, attributes: inferred.attributes, results: inferred.results, at: place)
    return record(op)
  }

  /// Makes the results of an op visible.
  @discardableResult
  mutating func record(_ op: OpID) -> [ValueID] {
    let code = function.opcode(of: op)
    if ![.constant, .iota, .size].contains(code) { remaining -= 1 }
    for operand in function.operands(of: op) {
      if let producer = producers[operand] {
        coverage.record(DrawCoverage.Edge(producer: producer, consumer: code))
      }
    }
    let results = function.results(of: op)
    for value in results {
      producers[value] = code
      local.append(value)
    }
    return results
  }

  /// Adds an op that reads one value and makes one.
  mutating func value(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], stated: TensorType? = nil
  ) throws -> ValueID {
    try emit(code, operands, attributes, stated: stated.map { [$0] })[0]
  }

  /// Of a hundred draws, how many are expressions that compilers look for: met by chance, most are rare.
  private static let idiomPercent = 15
  /// How many read what the op before makes: rules about an op that reads another are met so.
  private static let chainPercent = 35

  /// Draws ops into the block until there are enough.
  mutating func drawOps(_ count: Int) {
    var tries = 3 * count + 3
    let end = remaining - count
    while remaining > max(end, 0), tries > 0 {
      tries -= 1
      let known = (function, local, callees, producers, remaining)
      if draw.chance(Self.idiomPercent) {
        do { try addIdiom() } catch { (function, local, callees, producers, remaining) = known }
        continue
      }
      let choice = drawChoice()
      defer { focus = nil }
      do {
        try add(choice)
        coverage.record(choice)
      } catch {
        (function, local, callees, producers, remaining) = known
        if let error = error as? InferenceError { coverage.recordRefusal(choice.code, error.id) }
      }
    }
  }

  private mutating func drawChoice() -> OpChoice {
    let codes = depth >= limits.nesting ? limits.plainCodes : limits.codes
    guard let last = local.last, let producer = producers[last], draw.chance(Self.chainPercent) else {
      // What reads values as they are meets them without a conversion in between.
      return OpChoice.draw(&draw, codes, limits.types, near: visible.suffix(6).map { type($0).element }, coverage)
    }
    focus = last
    // Ops of a kind are merged, swapped and moved past each other, those that are the same most of all; products take in
    // what moves and changes their elements.
    let group = producer.info.group
    let groups = group == "contraction" ? ["movement", "elementwise"] : [group]
    var alike = draw.chance(60) ? codes.filter { groups.contains($0.info.group) } : []
    if draw.chance(40), alike.contains(producer) { alike = [producer] }
    return OpChoice.draw(&draw, alike.isEmpty ? codes : alike, limits.types, near: [type(last).element], coverage)
  }

  mutating func add(_ choice: OpChoice) throws {
    if choice.code.traits.contains(.controlFlow) || choice.code == .call {
      try addControl(choice.code)
      return
    }
    let draft = try self.draft(choice)
    var operands: [ValueID] = []
    defer { taken = [] }
    for (index, operand) in draft.operands.enumerated() {
      taken = operands
      operands.append(try draft.given[index] ?? obtain(operand))
    }
    try emit(choice.code, operands, draft.attributes, stated: draft.stated)
  }

  // MARK: The end

  /// Returns values that nothing reads, as far as a function should have results.
  mutating func finish() {
    let unused = local.filter { function.isUnused($0) }
    var results = Array(unused.suffix(4))
    if results.isEmpty { results = Array(visible.suffix(1)) }
    if draw.chance(10), let more = pick(where: { _ in true }) { results.append(more) }
    function.resultTypes = results.map(type)
    function.insert(.return, results, results: [], at: .end(of: function.entry))
  }

  /// The function and those that it calls.
  var module: Module {
    var module = Module(function)
    for callee in callees { module.add(callee) }
    return module
  }
}
