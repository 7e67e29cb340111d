import ApusIR
import ApusTarget
import ApusTensor

/// Chooses how a kernel is lowered. The one place that decides: a learned model replaces it by
/// another function of the same type.
///
/// The rules read the kernel and the machine, nothing else:
/// - Vectors are as wide as the machine's, counted in the widest element type of the body.
/// - Light bodies are unrolled, so that loads overlap; a body that keeps many values live is not.
/// - Threads share the outermost axis that has enough iterations; a chunk is worth at least
///   `Rules.chunkElements` elements of work.
public func chooseSchedule(for kernel: OpID, in host: Function, on machine: Machine) -> Schedule {
  switch host.kernelKind(of: kernel) {
  case .map: mapSchedule(kernel, host, machine)
  case .reduction: reductionSchedule(kernel, host, machine)
  case .contraction: contractionSchedule(kernel, host, machine)
  case .single: Schedule(
    unroll: 4, vectorLanes: Work(kernel, host).lanes(machine), parallelAxis: 0, grain: Rules.chunkElements)
  }
}

/// Sets the schedule of every kernel that has none.
public func chooseSchedules(
  in host: inout Function, on machine: Machine,
  by choose: (OpID, Function, Machine) -> Schedule = { chooseSchedule(for: $0, in: $1, on: $2) }
) {
  for op in host.allOps() where host.opcode(of: op) == .kernel {
    guard host.attribute("schedule", of: op) == nil else { continue }
    host.setAttribute("schedule", .schedule(choose(op, host, machine)), of: op)
  }
}

enum Rules {
  /// Elements whose work pays for waking a thread: about 10 µs of light arithmetic.
  static let chunkElements = 32_768
  /// Values a body may keep live before copies of it spill registers.
  static let unrolledBodySize = 12
  /// Elements of one part where threads share a single row.
  static let partElements = 16_384
  /// Parts of a single row at most: what is left to one thread is to combine so many.
  static let mostParts = 64
  /// What one dear function (exp, pow …) weighs in elements of light work.
  static let dearWeight = 8
}

private func mapSchedule(_ kernel: OpID, _ host: Function, _ machine: Machine) -> Schedule {
  let work = Work(kernel, host)
  var schedule = Schedule(unroll: work.unroll, vectorLanes: work.lanes(machine))
  let body = host.region(0, of: kernel)
  guard let yield = host.terminator(of: body) else { return schedule }
  let dims = host.type(of: host.operand(0, of: yield)).dims
  parallelize(&schedule, dims, work, host)
  return schedule
}

private func reductionSchedule(_ kernel: OpID, _ host: Function, _ machine: Machine) -> Schedule {
  let work = Work(kernel, host)
  var schedule = Schedule(unroll: work.dearOps > 2 ? 2 : 4, vectorLanes: work.lanes(machine))
  let body = host.region(0, of: kernel)
  guard let fold = host.ops(in: body).first(where: { host.opcode(of: $0).isReduction }) else { return schedule }
  let axes = ReductionPlan.axes(of: fold, in: host)
  let shape = host.type(of: host.operand(0, of: fold)).dims
  let rowElements = axes.reduce(work.weight) { clampedProduct($0, elements(shape[$1], host)) }
  schedule.parallelAxis = 0
  schedule.grain = max(1, Rules.chunkElements / max(rowElements, 1))
  return schedule
}

/// Picks the parallel axis: the first with more than one iteration; its grain makes chunks worth a thread.
private func parallelize(_ schedule: inout Schedule, _ dims: [Dim], _ work: Work, _ host: Function) {
  let total = dims.reduce(1) { clampedProduct($0, elements($1, host)) }
  guard clampedProduct(total, work.weight) >= 2 * Rules.chunkElements,
    let axis = dims.indices.first(where: { elements(dims[$0], host) > 1 })
  else { return }
  let inner = dims[(axis + 1)...].reduce(work.weight) { clampedProduct($0, elements($1, host)) }
  schedule.parallelAxis = axis
  schedule.grain = max(1, Rules.chunkElements / max(inner, 1))
}

/// The size, or what it is at most as far as that is known; unknown sizes count as large.
private func elements(_ dim: Dim, _ host: Function) -> Int {
  dim.constantValue ?? min(host.symbols.bounds(of: dim).upper ?? 1 << 20, 1 << 20)
}

private func clampedProduct(_ a: Int, _ b: Int) -> Int {
  let (product, overflow) = a.multipliedReportingOverflow(by: b)
  return overflow ? .max : product
}

/// What computing one element of a kernel's body costs.
struct Work {
  /// Ops that compute, and those among them that are dear.
  var ops = 0
  var dearOps = 0
  /// Bytes of the widest element type, bool aside.
  var widestBytes = 1

  init(_ kernel: OpID, _ host: Function) {
    let body = host.region(0, of: kernel)
    for parameter in host.parameters(of: body) { note(host.type(of: parameter).element) }
    for op in host.ops(in: body) {
      let code = host.opcode(of: op)
      if code.isTerminator { continue }
      for result in host.results(of: op) { note(host.type(of: result).element) }
      if code.isElementwise || code.isReduction { ops += 1 }
      if (code.info.maxULP ?? 0) > 0 { dearOps += 1 }
    }
  }

  private mutating func note(_ element: ElementType) {
    // f16 and bf16 are computed in f32.
    widestBytes = max(widestBytes, element.isFloat ? max(element.byteCount, 4) : element.byteCount)
  }

  func lanes(_ machine: Machine) -> Int { machine.lanes(bytes: widestBytes) }

  var weight: Int { max(1, ops / 4 + dearOps * Rules.dearWeight) }

  /// Copies of the vector body.
  var unroll: Int { dearOps > 0 ? (ops + dearOps <= 4 ? 2 : 1) : ops <= Rules.unrolledBodySize ? 4 : 2 }
}
