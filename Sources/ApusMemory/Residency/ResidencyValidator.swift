import ApusSupport

/// Checks a plan by doing what it says and counting, which shares nothing with the planners. Throws `memory.invalid`
/// naming the first fault.
public func validate(_ plan: ResidencyPlan, for problem: ResidencyProblem) throws(DiagnosticError) {
  var replay = ResidencyReplay(problem)
  for (position, action) in plan.actions.enumerated() {
    do {
      try replay.perform(action)
    } catch {
      throw DiagnosticError(id: "memory.invalid", "action \(position), \(action): \(error.text)")
    }
  }
  func invalid(_ message: String) -> DiagnosticError { DiagnosticError(id: "memory.invalid", message) }
  guard replay.step == problem.order.count else { throw invalid("\(replay.step) of \(problem.order.count) ops run") }
  for (buffer, row) in problem.graph.buffers.enumerated() where row.isResult && !replay.isStored.contains(buffer) {
    throw invalid("result \(buffer) is never stored")
  }
  let bytes = replay.moved - problem.compulsory
  guard bytes == plan.bytes else { throw invalid("\(plan.bytes) bytes beyond the compulsory ones where \(bytes) are moved") }
  guard plan.bound <= plan.bytes else { throw invalid("a bound of \(plan.bound) above the \(plan.bytes) bytes of the plan") }
}

private struct ResidencyFault: Error {
  var text: String
}

private struct ResidencyReplay {
  let problem: ResidencyProblem
  let lastReaders: [Int: Int]
  var resident: Set<Int> = []
  var isStored: Set<Int>
  var used = 0
  var moved = 0
  var step = 0

  init(_ problem: ResidencyProblem) {
    self.problem = problem
    let written = Set(problem.graph.ops.flatMap(\.outputs))
    isStored = Set(problem.graph.buffers.indices.filter { !written.contains($0) })
    var last: [Int: Int] = [:]
    for (step, op) in problem.order.enumerated() {
      for input in problem.graph.ops[op].inputs { last[input] = step }
    }
    lastReaders = last
  }

  mutating func perform(_ action: ResidencyPlan.Action) throws(ResidencyFault) {
    switch action {
    case .load(let buffer):
      guard isStored.contains(buffer) else { throw ResidencyFault(text: "nothing was stored") }
      guard resident.insert(buffer).inserted else { throw ResidencyFault(text: "it is there already") }
      used += size(buffer)
      moved += size(buffer)
      try fit(0)
    case .store(let buffer):
      guard resident.contains(buffer) else { throw ResidencyFault(text: "it is not there") }
      guard isStored.insert(buffer).inserted else { throw ResidencyFault(text: "it is stored already") }
      moved += size(buffer)
    case .drop(let buffer):
      guard resident.remove(buffer) != nil else { throw ResidencyFault(text: "it is not there") }
      used -= size(buffer)
    case .run(let op): try run(op)
    case .recompute(let op, let buffer): try recompute(op, for: buffer)
    }
  }

  private func size(_ buffer: Int) -> Int { problem.graph.buffers[buffer].size }

  private func fit(_ more: Int) throws(ResidencyFault) {
    guard used + more <= problem.budget else {
      throw ResidencyFault(text: "\(used + more) bytes in a memory of \(problem.budget)")
    }
  }

  private mutating func run(_ index: Int) throws(ResidencyFault) {
    guard step < problem.order.count, problem.order[step] == index else { throw ResidencyFault(text: "it is not its turn") }
    let op = problem.graph.ops[index]
    guard op.inputs.allSatisfy(resident.contains) else { throw ResidencyFault(text: "an input is not there") }
    var more = op.scratch
    for output in op.outputs {
      guard !resident.contains(output) else { throw ResidencyFault(text: "output \(output) is there already") }
      more += size(output)
    }
    var taken: Set<Int> = []
    for pair in op.inPlace where lastReaders[pair.input] == step && size(pair.output) <= size(pair.input) {
      guard !problem.graph.buffers[pair.input].isResult, taken.isDisjoint(with: [pair.input, pair.output]) else { continue }
      taken.formUnion([pair.input, pair.output])
      more -= size(pair.output)
    }
    try fit(more)
    for output in op.outputs {
      resident.insert(output)
      used += size(output)
    }
    // What lies where an output does now is gone; nothing reads it any more.
    for buffer in taken where !op.outputs.contains(buffer) {
      resident.remove(buffer)
      used -= size(buffer)
    }
    step += 1
  }

  private mutating func recompute(_ index: Int, for buffer: Int) throws(ResidencyFault) {
    guard problem.order.prefix(step).contains(index) else { throw ResidencyFault(text: "the op has not run yet") }
    let op = problem.graph.ops[index]
    guard let cost = op.cost, op.outputs.contains(buffer) else { throw ResidencyFault(text: "the op cannot run again for it") }
    guard op.inputs.allSatisfy(resident.contains) else { throw ResidencyFault(text: "an input is not there") }
    guard !resident.contains(buffer) else { throw ResidencyFault(text: "it is there already") }
    try fit(op.outputs.reduce(op.scratch) { $0 + size($1) })
    resident.insert(buffer)
    used += size(buffer)
    moved += cost
  }
}
