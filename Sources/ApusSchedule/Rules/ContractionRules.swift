import ApusIR
import ApusTarget
import ApusTensor

/// The blocking of a contraction, after Goto and van de Geijn (2008) and Low et al., "Analytical
/// modeling is enough for high-performance BLIS" (2016).
///
/// - The register block is the one whose whole blocks cover the result in the least time (`RegisterBlockRule`).
/// - A block of the depth is as deep as a panel of the register block's columns in an eighth of L2: what comes from L2 keeps
///   up with the multiply-adds, and each block of the depth brings the sums from memory and back once more.
/// - A block of rows of the left side stays in a quarter of L2.
/// - A task is a block of columns over all rows where there are enough columns for all threads, since then no two tasks pack
///   the same part of the right side; else rows are cut as well. What is packed while running stays in half of L2.
/// - All of these are cut into even parts: no task and no block is much smaller than the others.
/// - A contraction of less work than it takes to wake a thread is not shared.
///
/// Tiles are those of m, n and k, then the rows of the left side that are worked on at once.
func contractionSchedule(_ kernel: OpID, _ host: Function, _ machine: Machine) -> Schedule {
  guard let op = host.principalOp(of: kernel) else { return Schedule() }
  let shape = ContractionShape(kernel, op, host)
  if shape.isConvolution { return ConvolutionRule(shape, op, host, machine).schedule() }
  let block = RegisterBlockRule(machine, lanes: machine.lanes(bytes: shape.accumulator.byteCount))
    .best(rows: shape.rows, columns: shape.columns)
  let rule = BlockingRule(shape: shape, machine: machine, rows: block.rows, columns: block.columns)
  return Schedule(
    tiles: [rule.taskRows, rule.taskColumns, rule.depth, rule.leftRows], registerBlock: [block.rows, block.columns], unroll: 1,
    vectorLanes: block.lanes, packing: rule.packing, parallelAxis: rule.isShared ? 0 : nil, grain: 1)
}

/// The sizes that rules look at; nil where they are not known.
struct ContractionShape {
  var batch: Int?
  var rows: Int?
  var columns: Int?
  var depth: Int?
  let accumulator: ElementType
  /// Whether the right side lies in panels already, or will: it is a constant.
  let isRightConstant: Bool
  /// Bytes from one row of the left side to the next, where it is an operand as it is.
  let leftPitch: Int?
  let isConvolution: Bool

  init(_ kernel: OpID, _ op: OpID, _ host: Function) {
    let code = host.opcode(of: op)
    let (left, right) = (host.operand(0, of: op), host.operand(1, of: op))
    let (a, b) = (host.type(of: left), host.type(of: right))
    let out = host.type(of: host.result(of: op))
    accumulator = ApusSchedule.accumulator(of: a.element, code)
    isRightConstant = host.packableConstant(right, of: kernel) != nil
    func product(_ dims: some Sequence<Dim>) -> Int? {
      dims.reduce(1) { product, dim in
        guard let product, let size = dim.constantValue else { return nil }
        let (result, overflow) = product.multipliedReportingOverflow(by: size)
        return overflow ? nil : result
      }
    }
    isConvolution = code == .conv || code == .convInteger
    if isConvolution {
      let groups = host.int("groups", of: op) ?? 1
      batch = product(out.dims.prefix(1)).map { $0 * groups }
      rows = b.dims[0].constantValue.map { $0 / groups }
      columns = product(out.dims.dropFirst(2))
      depth = product(b.dims.dropFirst())
      leftPitch = nil
    } else {
      batch = product(out.dims.dropLast(2))
      rows = out.dims[out.rank - 2].constantValue
      columns = out.dims[out.rank - 1].constantValue
      depth = a.dims[a.rank - 1].constantValue
      leftPitch = host.definingOp(of: left) == nil ? depth.map { $0 * a.element.byteCount } : nil
    }
  }
}

/// Picks the register block.
///
/// A step of the depth over r rows and v vectors takes r·v multiply-adds on two units, r + v loads on two ports, and at least
/// the four or five cycles that a sum waits for the one before it. The block is the one that needs the fewest such cycles to
/// cover the result, blocks at its edges counted whole; of equals the one with fewer loads. The sums, a row of vectors and a
/// broadcast element must fit in the registers. Eight rows at most: each has a pointer of its own.
struct RegisterBlockRule {
  let registers: Int
  let lanes: Int

  /// What starting and storing a block takes, some 40 cycles, for each of 256 steps.
  private static let overhead = 40.0 / 256

  init(_ machine: Machine, lanes: Int) {
    // Beyond 30 of 32 LLVM spills.
    registers = min(machine.vectorRegisters, 30)
    self.lanes = lanes
  }

  func best(rows: Int?, columns: Int?) -> (rows: Int, columns: Int, lanes: Int) {
    var best: (cost: Double, loads: Int, rows: Int, vectors: Int)?
    for r in 1...8 {
      for v in 1...8 where r * v + v + 1 <= registers {
        let step = Double(max(r * v, r + v, 10)) / 2 + Self.overhead
        let blocks = count(rows, r) * count(columns, v * lanes)
        let (cost, loads) = (blocks * step, r + v)
        if let known = best, (known.cost, known.loads) <= (cost, loads) { continue }
        best = (cost, loads, r, v)
      }
    }
    let (rows, vectors) = best.map { ($0.rows, $0.vectors) } ?? (1, 1)
    return (rows, vectors * lanes, lanes)
  }

  /// How many blocks cover a size; a size that is not known has no edge.
  private func count(_ size: Int?, _ block: Int) -> Double {
    guard let size else { return 4_096 / Double(block) }
    return Double(max(1, (size + block - 1) / block))
  }
}

/// Cuts a contraction into tasks and blocks that fit the caches.
private struct BlockingRule {
  let shape: ContractionShape
  let machine: Machine
  /// The register block.
  let rows: Int
  let columns: Int

  /// Chunks for each thread, so that one that is held up does not hold up all.
  private static let tasksPerThread = 4
  /// Multiply-adds that take about as long as waking a thread.
  private static let threadWork = 1 << 19

  private var bytes: Int { shape.accumulator.byteCount }

  /// The most of the depth that is worked on at once.
  private var depthLimit: Int { max(64, machine.caches.l2 / 8 / (columns * bytes) / 8 * 8) }

  var depth: Int {
    guard let depth = shape.depth, depth > depthLimit else { return depthLimit }
    let parts = (depth + depthLimit - 1) / depthLimit
    return ((depth + parts - 1) / parts + 7) / 8 * 8
  }

  var leftRows: Int {
    let width = max(1, min(depth, shape.depth ?? depth)) * bytes
    // Rows that lie a multiple of a power of two apart share the sets of the cache that such a multiple can reach.
    let period = shape.leftPitch.map { min($0 & -$0, machine.caches.l2 / 8) } ?? 0
    let share = machine.caches.l2 / 4
    let usable = period > width ? share / period * width : share
    let limit = max(rows, usable / width / rows * rows)
    guard let size = shape.rows else { return limit }
    return even(size, atMost: limit, multiple: rows)
  }

  /// Few rows read the right side so seldom that copying it first does not pay.
  var packing: Schedule.Packing {
    let isShort = shape.rows.map { $0 <= 2 * rows } ?? false
    return shape.isRightConstant || isShort ? [] : [.rhs]
  }

  var isShared: Bool {
    let sizes = [shape.batch, shape.rows, shape.columns, shape.depth]
    return sizes.contains { $0 == nil } || sizes.reduce(1.0) { $0 * Double($1 ?? 1) } > Double(Self.threadWork)
  }

  /// Columns of a task.
  var taskColumns: Int {
    // What is packed while running, or read from panels, shares L2 with a block of the left side.
    let fitting = machine.caches.l2 / 2 / (depth * bytes) / columns * columns
    let limit = max(columns, packing.contains(.rhs) ? fitting : 4_096 / columns * columns)
    guard let size = shape.columns else { return limit }
    let wanted = (wantedTasks + (shape.batch ?? 1) - 1) / max(shape.batch ?? 1, 1)
    let share = (size + wanted - 1) / max(wanted, 1)
    return even(size, atMost: min(limit, max(columns, roundedUp(share, to: columns))), multiple: columns)
  }

  /// Rows of a task: all of them where columns and batches make enough tasks.
  var taskRows: Int {
    guard let size = shape.rows else { return leftRows }
    let columnTasks = shape.columns.map { ($0 + taskColumns - 1) / max(taskColumns, 1) } ?? wantedTasks
    let tasks = max(1, columnTasks * (shape.batch ?? 1))
    guard tasks < wantedTasks else { return 0 }
    let wanted = (wantedTasks + tasks - 1) / tasks
    return even(size, atMost: roundedUp((size + wanted - 1) / wanted, to: rows), multiple: rows)
  }

  private var wantedTasks: Int { machine.availableThreads == 1 ? 1 : machine.availableThreads * Self.tasksPerThread }

  /// The even parts of a size that are at most `limit`, in whole blocks.
  private func even(_ size: Int, atMost limit: Int, multiple: Int) -> Int {
    let limit = max(limit, multiple)
    let parts = max(1, (size + limit - 1) / limit)
    return max(multiple, roundedUp((size + parts - 1) / parts, to: multiple))
  }
}

/// The type a contraction of that element type sums in.
func accumulator(of element: ElementType, _ code: OpCode) -> ElementType {
  switch element {
  case .f64, .s64, .u64: element
  case .f32, .f16, .bf16: .f32
  case .s8, .s16, .s32, .u8, .u16, .bool: .s32
  case .u32: .u32
  }
}

/// The least multiple that is no smaller.
func roundedUp(_ size: Int, to multiple: Int) -> Int { (size + multiple - 1) / multiple * multiple }
