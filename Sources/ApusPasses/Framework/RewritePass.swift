import ApusIR
import ApusSupport

/// What a rewrite did at an op.
public enum Rewrite: Hashable, Sendable {
  case unchanged
  /// Something changed, and whatever had to be erased was.
  case changed
  /// The op's results are to be replaced by these values, and the op erased. Where their types are not surely the same,
  /// the op stays: what else a rewrite changes must be right all the same.
  case replaced([ValueID])
}

/// A pass that rewrites one op at a time until nothing changes.
///
/// Ops are visited in order, and again when an operand, a reader or they themselves have changed. The
/// work is linear in the ops that there are and that rewrites make.
public struct RewritePass: Pass {
  public let name: String
  public let summary: String
  public let parameters: [PassParameter]
  private let phases: Set<Phase>
  private let isRoot: @Sendable (OpCode) -> Bool
  private let rewrite: @Sendable (inout Function, OpID, PassArguments) -> Rewrite

  /// - Parameter isRoot: the ops that `rewrite` is asked about.
  public init(
    _ name: String, _ summary: String, parameters: [PassParameter] = [], phases: Set<Phase> = [.graph, .fused],
    roots isRoot: @escaping @Sendable (OpCode) -> Bool,
    _ rewrite: @escaping @Sendable (inout Function, OpID, PassArguments) -> Rewrite
  ) {
    self.name = name
    self.summary = summary
    self.parameters = parameters
    self.phases = phases
    self.isRoot = isRoot
    self.rewrite = rewrite
  }

  public func run(on module: inout Module, _ arguments: PassArguments) throws(DiagnosticError) -> Bool {
    var isChanged = false
    for id in module.ids where phases.contains(module[id].phase) {
      if rewriteToFixedPoint(&module[id], arguments).changes > 0 { isChanged = true }
    }
    return isChanged
  }

  /// How much work a run was.
  public struct Effort: Hashable, Sendable {
    /// Ops that the rewrite was asked about, repetitions included.
    public var visits = 0
    public var changes = 0
    /// Whether the run ended because it changed too much; that is a fault of the rewrite.
    public var hitBound = false
  }

  /// Changes that a run may make for each op that there is or that it makes: rewrites that undo each
  /// other must not run for ever.
  static let changesPerOp = 64

  /// Rewrites one function until nothing changes.
  @discardableResult
  public func rewriteToFixedPoint(_ f: inout Function, _ arguments: PassArguments) -> Effort {
    var effort = Effort()
    var worklist = Worklist(f.allOps().filter { isRoot(f.opcode(of: $0)) }, capacity: f.opCapacity)
    while let op = worklist.next() {
      if f.isErased(op) { continue }
      effort.visits += 1
      let known = f.opCapacity
      let operands = f.operands(of: op)
      let outcome = rewrite(&f, op, arguments)
      var touched: [OpID] = []
      switch outcome {
      case .unchanged: continue
      case .changed: break
      case .replaced(let values):
        // A result may have been stated in other terms than what it is equal to.
        guard zip(f.results(of: op), values).allSatisfy({ f.isInterchangeable($0, $1) }) else { continue }
        for value in f.results(of: op) { touched += f.uses(of: value).map(\.op) }
        f.replace(op, with: values)
        touched += values.compactMap { f.definingOp(of: $0) }
      }
      effort.changes += 1
      if effort.changes > Self.changesPerOp * f.opCapacity {
        effort.hitBound = true
        return effort
      }
      touched += operands.compactMap { f.definingOp(of: $0) }
      for index in known..<f.opCapacity { touched.append(OpID(index)) }
      if !f.isErased(op) { touched.append(op) }
      for op in touched where !f.isErased(op) {
        if isRoot(f.opcode(of: op)) { worklist.add(op) }
        for value in f.results(of: op) where f.useCount(of: value) <= Self.readersAsked {
          for (reader, _) in f.uses(of: value) where isRoot(f.opcode(of: reader)) { worklist.add(reader) }
        }
      }
    }
    return effort
  }

  /// Readers of a value that are asked again when it changes. A value that all the program reads, such as a
  /// constant, would make each change as dear as the program is long.
  private static let readersAsked = 16
}

extension Function {
  /// Whether one value may stand for another: element types and sizes are surely the same.
  func isInterchangeable(_ a: ValueID, _ b: ValueID) -> Bool {
    if typeID(of: a) == typeID(of: b) { return true }
    let (x, y) = (type(of: a), type(of: b))
    return x.element == y.element && x.form == y.form && x.layout == y.layout && symbols.areEqual(x.dims, y.dims)
  }
}

/// Ops that wait for their turn, each at most once.
struct Worklist {
  private var queue: [OpID]
  private var head = 0
  private var isWaiting: [Bool]

  init(_ ops: [OpID], capacity: Int) {
    queue = ops
    isWaiting = Array(repeating: false, count: capacity)
    for op in ops { isWaiting[op.index] = true }
  }

  mutating func add(_ op: OpID) {
    while isWaiting.count <= op.index { isWaiting.append(false) }
    guard !isWaiting[op.index] else { return }
    isWaiting[op.index] = true
    queue.append(op)
  }

  mutating func next() -> OpID? {
    guard head < queue.count else { return nil }
    let op = queue[head]
    head += 1
    isWaiting[op.index] = false
    return op
  }
}
