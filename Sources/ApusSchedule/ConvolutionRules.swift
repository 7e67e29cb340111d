import ApusIR
import ApusTarget

/// The blocking of a convolution: the register block as of any contraction, then how many lines of output a task takes.
///
/// - The patches of a task and the weights that meet them stay in L2. The fewer lines, the more channels fit at once, and the
///   seldomer sums wait in memory; the more lines, the fewer register blocks are ragged. The number of lines is the one for
///   which register blocks, the waiting of sums, and the threads that are idle at the end cost least.
/// - A pointwise convolution takes columns of the whole plane instead of lines, and reads them where they lie; the depth is cut
///   so that a panel stays in L1.
///
/// - Where few output channels read each input channel (depthwise), the lines that a task reads stay in half of L1.
///
/// Tiles are those of output channels (all), columns of a task and depth.
struct ConvolutionRule {
  let shape: ContractionShape
  let machine: Machine
  let taps: Int
  /// Lines of output, and columns of each; nil where they are not known.
  let lines: Int?
  let width: Int?
  let isPointwise: Bool
  let isDepthwise: Bool

  init(_ shape: ContractionShape, _ op: OpID, _ host: Function, _ machine: Machine) {
    self.shape = shape
    self.machine = machine
    let kernel = host.type(of: host.operand(1, of: op)).dims.dropFirst(2)
    let output = host.type(of: host.result(of: op)).dims.dropFirst(2)
    taps = kernel.reduce(1) { $0 * ($1.constantValue ?? 1) }
    width = output.last?.constantValue
    let sizes = output.dropLast().compactMap(\.constantValue)
    lines = sizes.count == output.count - 1 && sizes.count <= 1 ? sizes.reduce(1, *) : nil
    let isPadded = (host.ints("pads", of: op) ?? []).contains { $0 != 0 }
    isDepthwise = shape.depth == taps && taps > 1 && (shape.rows ?? .max) < 4
    isPointwise = taps == 1 && !isPadded && (host.ints("strides", of: op) ?? []).allSatisfy { $0 == 1 }
  }

  private var bytes: Int { shape.accumulator.byteCount }

  func schedule() -> Schedule {
    let block = RegisterBlockRule(machine, lanes: machine.lanes(bytes: bytes))
      .best(rows: shape.rows, columns: isPointwise ? shape.columns : nil)
    let (columns, depth) = isPointwise ? pointwise(block.columns) : linewise(block)
    return Schedule(
      tiles: [0, columns, depth], registerBlock: [block.rows, block.columns], unroll: 1, vectorLanes: block.lanes,
      parallelAxis: 0)
  }

  private var threads: Int { machine.availableThreads }

  private func pointwise(_ columns: Int) -> (columns: Int, depth: Int) {
    let depth = max(64, machine.caches.l1d * 3 / 4 / (columns * bytes) / 8 * 8)
    guard let size = shape.columns else { return (16 * columns, depth) }
    let tasks = max(1, (threads == 1 ? 1 : 4 * threads) / max(shape.batch ?? 1, 1))
    let share = (size + tasks - 1) / tasks
    return (max(columns, (share + columns - 1) / columns * columns), depth)
  }

  private func linewise(_ block: (rows: Int, columns: Int, lanes: Int)) -> (columns: Int, depth: Int) {
    guard let width, width > 0, let lines, lines > 0, width <= 4_096 else {
      let columns = 8 * block.columns
      return (columns, depth(columns: columns))
    }
    if isDepthwise {
      return (max(1, min(lines, machine.caches.l1d / 2 / (width * bytes) - 2)) * width, taps)
    }
    var best: (cost: Double, columns: Int)?
    for count in 1...lines {
      let cost = cost(lines: count, of: lines, width, block.columns)
      if let best, best.cost <= cost { continue }
      if count > 1, patchRows(columns: count * width) < min(64, shape.depth ?? 64) { break }
      best = (cost, count * width)
    }
    let columns = best?.columns ?? width
    return (columns, depth(columns: columns))
  }

  /// Rows of patches that fit in five eighths of L2; the rest is for the weights and the sums.
  private func patchRows(columns: Int) -> Int { machine.caches.l2 * 5 / 8 / (columns * bytes) }

  /// Whole channels.
  private func depth(columns: Int) -> Int { max(taps, patchRows(columns: columns) / taps * taps) }

  /// Time, in steps of the depth for one register block, of all threads together when tasks have `count` lines.
  private func cost(lines count: Int, of lines: Int, _ width: Int, _ columns: Int) -> Double {
    let depth = shape.depth ?? 512
    let parts = (depth + self.depth(columns: count * width) - 1) / self.depth(columns: count * width)
    func time(_ lines: Int) -> Double {
      Double((lines * width + columns - 1) / columns) * (Double(depth) + Double(parts) * 8)
        // Lines that two tasks share are copied by both.
        + Double(lines + 2) * Double(width) / Double(columns)
    }
    let (whole, rest) = (lines / count, lines % count)
    let batch = shape.batch ?? threads
    let single = Double(batch) * (Double(whole) * time(count) + (rest > 0 ? time(rest) : 0))
    // The threads wait for the one that has the most tasks.
    let tasks = batch * (whole + (rest > 0 ? 1 : 0))
    let shared = Double((tasks + threads - 1) / threads * threads) * time(count)
    return threads == 1 ? single : single + max(shared, single)
  }
}
