import ApusCompiler
import ApusMemory
import ApusSupport
import ArgumentParser
import Foundation

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Place buffers with known lifetimes in one block of memory.",
    discussion: """
      The file has a line `id,lower,upper,size`, in any order, then a line for each buffer: it is needed from step `lower` to before
      step `upper`. With a capacity, a plan that fits is looked for, or a proof that there is none; without, the least capacity.
      What is proven is the bound: no plan needs less.

      Exits with 1 when the buffers do not fit, and with 5 when that was not found out within --max-nodes and --max-time.
      """)

  @Option(help: ArgumentHelp("The buffers: id,lower,upper,size.", valueName: "csv"), completion: .file(extensions: ["csv"]))
  var buffers: String?

  @Option(help: ArgumentHelp("The bytes that there are: 64m, 2g, bytes (default: as few as possible).", valueName: "size"))
  var capacity: ByteCount?

  @Option(help: ArgumentHelp("Offsets, and what each buffer takes, are multiples of it.", valueName: "bytes"))
  var alignment = 1

  @Option(name: .short, help: ArgumentHelp("Where the plan goes: the same columns and `offset`.", valueName: "path"))
  var output: String?

  @Option(help: ArgumentHelp("Check this plan, of the buffers if they are given.", valueName: "csv"))
  var verify: String?

  @Option(help: ArgumentHelp("Draw the plan: memory over time.", valueName: "path"))
  var svg: String?

  @Option(help: "How hard to look: exact, or fast for greedy plans and a short search.")
  var plan = Exactness.exact

  @Option(help: ArgumentHelp("Placements to try under --plan=exact.", valueName: "n"))
  var maxNodes = 3_000_000

  @Option(help: ArgumentHelp("How long to look for a better plan: 500ms, 10s, 2m.", valueName: "time"))
  var maxTime: TimeSpan?

  @Flag(help: "Print one JSON object.")
  var json = false

  enum Exactness: String, ExpressibleByArgument, CaseIterable {
    case fast, exact
  }

  func validate() throws {
    if buffers == nil, verify == nil { throw ValidationError("--buffers or --verify names a file") }
    if verify != nil, output != nil { throw ValidationError("--verify and -o do not go together") }
    if !(1...(1 << 40)).contains(alignment) { throw ValidationError("--alignment takes a number from 1 to 2^40") }
    if maxNodes < 1 { throw ValidationError("--max-nodes is at least 1") }
  }

  func run() throws {
    if let verify { return try check(verify) }
    guard let buffers else { return }
    let table = try BufferTable(path: buffers)
    let problem = try Problem(buffers: table.buffers, alignment: alignment)
    let limit = try maxTime ?? Knobs(ProcessInfo.processInfo.environment).timeLimit()
    let start = ContinuousClock.now
    func isOver() -> Bool { limit.map { (ContinuousClock.now - start).seconds >= $0.seconds } ?? false }
    var failure: Diagnostic?
    let found: Plan
    if let capacity {
      (found, failure) = fit(problem, in: capacity.bytes, buffers, shouldStop: isOver)
    } else {
      found = ApusMemory.plan(problem, effort: effort, shouldStop: isOver)
    }
    let time = ContinuousClock.now - start
    try ApusMemory.validate(found, for: problem)
    if failure == nil, let output { try write(table.text(offsets: found.offsets), to: output) }
    try draw(found, of: problem, table)
    show(found, of: problem, time: time, failure)
    if let failure {
      Console.show(failure)
      throw CommandFailure(status: ExitStatus.status(of: [failure]))
    }
  }
}

extension PlanCommand {
  private var effort: PlanEffort {
    switch plan {
    case .fast: .standard
    case .exact: .exact(nodes: maxNodes)
    }
  }

  /// A plan that fits, or the best one and why it does not.
  private func fit(
    _ problem: Problem, in capacity: Int, _ file: String, shouldStop: @escaping () -> Bool
  ) -> (Plan, Diagnostic?) {
    switch ApusMemory.fit(problem, capacity: capacity, effort: effort, shouldStop: shouldStop) {
    case .plan(let plan): return (plan, nil)
    case .impossible(let bound, let proof, var best):
      let reason =
        switch proof {
        case .live: "so many are alive at one step"
        case .exhausted: "a search of all plans, \(best.nodes) placements, found none"
        }
      best.bound = bound
      best.proof = proof
      return (
        best,
        Diagnostic(
          id: "plan.capacity", "\(capacity) bytes are too few, at least \(bound) are needed: \(reason)", at: .file(file),
          hint: "\(best.peak) bytes are known to be enough")
      )
    case .unknown(let best):
      return (
        best,
        Diagnostic(
          id: "limit.plan",
          "\(best.nodes) placements found neither a plan of \(capacity) bytes nor a proof that there is none; "
            + "\(best.peak) bytes are known to be enough", at: .file(file),
          hint: "raise --max-nodes or --max-time")
      )
    }
  }

  /// Checks the plan in a file.
  private func check(_ path: String) throws {
    let table = try BufferTable(path: path)
    guard table.columns.contains(.offset) else {
      throw DiagnosticError(id: "plan.column", "there is no column 'offset'", at: .file(path))
    }
    if let buffers { try compare(table, with: BufferTable(path: buffers)) }
    let problem = try Problem(buffers: table.buffers, alignment: alignment)
    var peak = 0
    for (buffer, offset) in zip(table.buffers, table.offsets) where buffer.size > 0 && buffer.lower < buffer.upper {
      let (end, overflow) = offset.addingReportingOverflow(buffer.size)
      peak = overflow ? .max : max(peak, end)
    }
    let units = (peak - peak % alignment).addingReportingOverflow(peak % alignment == 0 ? 0 : alignment)
    let plan = Plan(
      offsets: table.offsets, peak: units.overflow ? .max : units.partialValue, bound: problem.maximumLive(),
      method: "as given")
    let start = ContinuousClock.now
    do {
      try ApusMemory.check(plan, for: problem) { "'\(table.id($0))'" }
    } catch {
      throw DiagnosticError(
        id: "memory.invalid", error.message, at: error.buffer.map { table.place($0) } ?? .file(path))
    }
    if let capacity, peak > capacity.bytes {
      throw DiagnosticError(
        id: "plan.capacity", "the plan takes \(peak) bytes, of \(capacity.bytes) that there are", at: .file(path))
    }
    try draw(plan, of: problem, table)
    show(plan, of: problem, time: ContinuousClock.now - start, nil)
  }

  /// Throws `plan.differs` at the first buffer of a plan that the file of buffers does not give so.
  private func compare(_ plan: BufferTable, with given: BufferTable) throws(DiagnosticError) {
    var positions: [String: Int] = [:]
    for index in given.buffers.indices { positions[given.id(index)] = index }
    for index in plan.buffers.indices {
      guard let position = positions.removeValue(forKey: plan.id(index)) else {
        throw DiagnosticError(id: "plan.differs", "there is no buffer '\(plan.id(index))' to place", at: plan.place(index))
      }
      guard plan.buffers[index] == given.buffers[position] else {
        throw DiagnosticError(
          id: "plan.differs", "buffer '\(plan.id(index))' is another one than that to place", at: plan.place(index),
          notes: [Diagnostic.Note("it is given here", at: given.place(position))])
      }
    }
    if let missing = positions.values.min() {
      throw DiagnosticError(
        id: "plan.differs", "buffer '\(given.id(missing))' has no place in the plan", at: .file(plan.source.name),
        notes: [Diagnostic.Note("it is given here", at: given.place(missing))])
    }
  }

  private func write(_ text: [UInt8], to path: String) throws {
    guard path != "-" else { return Output.print(String(decoding: text, as: UTF8.self), terminator: "") }
    try TextFile.write(String(decoding: text, as: UTF8.self), path: path)
  }

  private func draw(_ plan: Plan, of problem: Problem, _ table: BufferTable) throws {
    guard let svg else { return }
    try write(Array(MemoryMap(problem: problem, plan: plan, name: table.id).svg.utf8), to: svg)
  }

  private func show(_ plan: Plan, of problem: Problem, time: Duration, _ failure: Diagnostic?) {
    if json {
      printJSON([
        ("buffers", .int(problem.buffers.count)), ("alignment", .int(alignment)),
        ("capacity", capacity.map { .int($0.bytes) } ?? .null), ("fits", capacity == nil ? .null : .bool(failure == nil)),
        ("peak", .int(plan.peak)), ("bound", .int(plan.bound)), ("gap", .number(plan.gap)),
        ("proof", .string(plan.proof.text)), ("method", .string(plan.method)), ("nodes", .int(plan.nodes)),
        ("seconds", .number(time.seconds.rounded(to: 4))),
      ])
    } else if output != "-", svg != "-" {
      Output.print("buffers: \(problem.buffers.count)")
      Output.print("peak: \(plan.peak) bytes")
      Output.print("bound: \(plan.bound) bytes (\(plan.proof.text))")
      Output.print("gap: \(plan.isOptimal ? "0, proven optimal" : "\((plan.gap * 100).rounded(to: 2)) %")")
      Output.print("method: \(plan.method), \(plan.nodes) placements tried, \(time.text)")
    }
  }
}

extension Plan.Proof {
  fileprivate var text: String {
    switch self {
    case .live: "alive at one step"
    case .exhausted: "search exhausted"
    }
  }
}
