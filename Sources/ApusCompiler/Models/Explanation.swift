public import ApusBuffers
import ApusIR
public import ApusMemory
import ApusONNX
import ApusPasses
import ApusRuntime
public import ApusSupport

/// What the compiler makes of a model, and why: its kernels in the order of a run, the memory of their values, and what is
/// proven of it. Made without LLVM.
public struct Explanation: Sendable {
  /// A value that a kernel reads or writes.
  public struct Value: Sendable, Hashable {
    public enum Place: Sendable, Hashable {
      case input(String)
      case output(Int)
      case constant
      /// In the arena: the offset, as an expression of the sizes; and the first and the last kernel that the memory is kept for.
      case arena(offset: String, kernels: ClosedRange<Int>)
      /// Allocated once its size is known.
      case own
    }

    public var type: String
    public var place: Place
    /// The byte of an input, an output or a constant with which it begins, as an expression of the sizes; `nil` for the first.
    public var start: String?
    /// For the sizes that are assumed; `nil` where data decide.
    public var bytes: Int?
  }

  public struct Kernel: Sendable, Hashable {
    /// The function that computes it; kernels with equal loops share one.
    public var function: String
    /// The ops that were fused into it, in order.
    public var ops: [String]
    public var reads: [Value]
    public var writes: [Value]
    /// The kernels that write what it reads.
    public var sources: [Int]
    /// What it does, at the sizes that are assumed; `nil` for one that finds out sizes.
    public var work: KernelWork?
  }

  /// The function that runs.
  public let name: String
  public let kernels: [Kernel]
  /// Kernels that are compiled.
  public let functionCount: Int
  /// Bytes of constants, which lie outside of the arena.
  public let constantBytes: Int
  /// The size taken for each symbol, by name; what depends on symbols is stated for these.
  public let sizes: [String: Int]
  /// The bytes of the arena, as an expression of the sizes.
  public let arena: String
  /// The offsets, and the least peak of this order.
  public let plan: Plan
  /// The buffers of the arena, and when each is needed: what `plan` is a plan for.
  public let problem: Problem
  /// What each of these buffers holds.
  public let buffers: [String]
  /// Relations of sizes that are checked when a run begins.
  public let guards: [String]
  /// What there is to say of the import, such as sizes that it holds for alone.
  public private(set) var notes: [Diagnostic] = []
  /// The order of the kernels, and the least peak of all orders; `nil` where that is not known.
  public let order: OrderPlan?
  /// What was done to keep a run within the memory that it may take; `nil` where nothing had to be.
  public let reduction: MemoryReduction?

  /// Explains a model of a `.apus` or `.ir` file.
  ///
  /// Throws what the compiler throws.
  public init(_ module: Module, _ options: CompilerOptions) throws {
    var timing = Timing()
    let module = try module.reaching(from: options.function)
    try module.throwIfUnregistered(options.operations)
    let host = try Compiler(options).fuse(module, timing: &timing).host
    try self.init(LoopsModule(lowering: host, on: options.machine, memory: options.memoryGoal))
  }

  /// Explains a model of an ONNX file.
  ///
  /// - Parameter shapes: the sizes of inputs by name; those that are left open stay so where the model allows it.
  /// Throws everything that keeps it from being imported or compiled.
  public init(_ file: ONNXFile, _ options: CompilerOptions, shapes: [String: [Int]] = [:]) throws {
    var settings = ImportOptions.folding
    settings.shapes = shapes
    var problems: [Diagnostic] = []
    for assumption in [nil, true, false] {
      settings.assumption = assumption
      switch try file.imported(settings) {
      case .module(let module, _, let guards):
        try self.init(module, options)
        notes = guards.notes
        return
      case .needs(_, _, let found): if problems.isEmpty { problems = found }
      }
    }
    throw DiagnosticError(problems)
  }

  init(_ loops: LoopsModule) throws {
    let host = loops.module.functions[0]
    let symbols = host.symbols
    name = loops.host
    functionCount = loops.module.functions.count - 1
    order = loops.order
    reduction = loops.reduction
    (problem, plan) = try loops.plan.instance(symbols.usualSize)
    buffers = loops.plan.entries.map { symbols.text(host.type(of: $0.buffer).with(form: .tensor)) }
    guards = host.obligations.map { obligation in
      let sign = obligation.relation == .equal ? "=" : "≤"
      return "\(symbols.text(obligation.lhs)) \(sign) \(symbols.text(obligation.rhs)), else \(obligation.id)"
    }
    arena = symbols.text(loops.plan.peak)
    let open = symbols.ids.filter { symbols[$0].origin == .argument }
    sizes = Dictionary(open.map { (symbols.text(.symbol($0)), symbols.usualSize($0)) }) { first, _ in first }
    let reading = BufferReading(loops)
    constantBytes = reading.constantBytes
    var writers: [ValueID: Set<Int>] = [:]
    kernels = reading.launches.enumerated().map { index, launch in
      let operands = host.operands(of: launch)
      let written = loops.kernels[launch].map { loops.scheduled.resultCount(of: $0) } ?? 1
      let sources = operands.dropLast(written).reduce(Set<Int>()) { $0.union(writers[host.viewedBuffer($1)] ?? []) }
      for buffer in operands.suffix(written) {
        let root = host.viewedBuffer(buffer)
        // Parts of one buffer have a kernel each.
        writers[root] = buffer == root ? [index] : (writers[root] ?? []).union([index])
      }
      return Kernel(
        function: host.string("callee", of: launch) ?? "", ops: loops.ops(of: launch),
        reads: operands.dropLast(written).map(reading.value), writes: operands.suffix(written).map(reading.value),
        sources: sources.sorted(), work: loops.kernels[launch].map { loops.scheduled.work(of: $0) })
    }
  }
}

extension LoopsModule {
  /// The names of the ops that a launch computes; `sizes` for one that finds out those of the next.
  fileprivate func ops(of launch: OpID) -> [String] {
    guard let kernel = kernels[launch] else { return ["sizes"] }
    return scheduled.opNames(of: kernel)
  }
}

/// Where the buffers of a host lie.
private struct BufferReading {
  private let loops: LoopsModule
  private let host: Function
  private let entries: [ValueID: ArenaPlan.Entry]
  /// The launches in order, those within branches and loops among them.
  let launches: [OpID]
  /// How many launches come before each op.
  private var launchesBefore: [Int] = []

  init(_ loops: LoopsModule) {
    self.loops = loops
    host = loops.module.functions[0]
    entries = Dictionary(uniqueKeysWithValues: loops.plan.entries.map { ($0.buffer, $0) })
    var launches: [OpID] = []
    for op in host.allOps() {
      launchesBefore.append(launches.count)
      if host.opcode(of: op) == .launch { launches.append(op) }
    }
    launchesBefore.append(launches.count)
    self.launches = launches
  }

  var constantBytes: Int {
    var bytes = 0
    for function in loops.module.functions {
      function.forEachOp { op in
        guard function.opcode(of: op) == .constant, case .tensor(let constant)? = function.attribute("value", of: op) else { return }
        bytes += constant.tensor.byteCount
      }
    }
    return bytes
  }

  func value(_ buffer: ValueID) -> Explanation.Value {
    let type = host.type(of: buffer)
    let bytes = try? type.byteCount().evaluate(host.symbols.usualSize)
    let part = partStart(of: buffer)
    return Explanation.Value(
      type: host.symbols.text(type.with(form: .tensor)), place: place(of: buffer, part),
      start: part == 0 || entries[host.viewedBuffer(buffer)] != nil ? nil : host.symbols.text(part), bytes: bytes)
  }

  /// The bytes before the part of its memory that a view looks at.
  private func partStart(of buffer: ValueID) -> Dim {
    var (start, buffer) = (Dim.constant(0), buffer)
    while let op = host.definingOp(of: buffer), host.opcode(of: op) == .view {
      let element = Dim.constant(host.type(of: buffer).element.byteCount)
      if let offset = host.dims("offset", of: op)?.first, let sum = try? Dim.sum(start, Dim.product(offset, element)) {
        start = sum
      }
      buffer = host.operand(0, of: op)
    }
    return start
  }

  private func place(of buffer: ValueID, _ part: Dim) -> Explanation.Value.Place {
    let root = host.viewedBuffer(buffer)
    if let origin = host.parameterOrigin(of: root), origin.block == host.entry {
      return origin.index < loops.inputCount
        ? .input(host.name(of: root) ?? "input_\(origin.index)") : .output(origin.index - loops.inputCount)
    }
    if let op = host.definingOp(of: root), host.opcode(of: op) == .constant { return .constant }
    guard let entry = entries[root] else { return .own }
    let end = min(entry.lifetime.upperBound, launchesBefore.count - 1)
    let first = launchesBefore[entry.lifetime.lowerBound]
    let offset = (try? Dim.sum(entry.offset, part)) ?? entry.offset
    return .arena(offset: host.symbols.text(offset), kernels: first...max(first, launchesBefore[end] - 1))
  }
}
