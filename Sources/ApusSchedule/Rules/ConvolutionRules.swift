import ApusIR
import ApusTarget

/// The blocking of a convolution: the register block as of any contraction, then how many lines of output a task takes.
///
/// - What the taps of a block of channels read for one register block stays in L1; the lines of that many channels, their
///   weights and the sums of the task stay in L2. The more lines, the fewer register blocks are ragged and the fewer lines
///   are copied twice; the number of lines is the one for which those, the sums between two lines, the waiting of sums, and
///   the threads that are idle at the end cost least.
/// - A pointwise convolution takes columns of the whole plane instead of lines, and reads them where they lie; few rows at a
///   time, since with its short depth writing the result takes as long as computing it.
/// - Where few output channels read each input channel (depthwise), the lines that a task reads stay in half of L1.
///
/// Tiles are those of output channels (all), columns of a task and depth, then the rows that are worked on at once.
struct ConvolutionRule {
  let shape: ContractionShape
  let machine: Machine
  let taps: Int
  /// Taps across lines, and how far the last one reaches beyond a line's block and a line's end, in the output's steps.
  let lineTaps: Int
  let lineReach: Int
  let columnReach: Int
  /// Copies of lines and columns by their remainder by the strides.
  let remainders: Int
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
    let sizes = kernel.map { $0.constantValue ?? 1 }
    func list(_ name: String) -> [Int] {
      let given = host.ints(name, of: op) ?? []
      return given.isEmpty ? sizes.map { _ in 1 } : given
    }
    let (strides, dilations) = (list("strides"), list("dilations"))
    let reaches = sizes.indices.map { (sizes[$0] - 1) * dilations[$0] / strides[$0] }
    lineTaps = sizes.dropLast().reduce(1, *)
    lineReach = reaches.dropLast().reduce(0, +)
    columnReach = reaches.last ?? 0
    remainders = strides.reduce(1, *)
    width = output.last?.constantValue
    let heights = output.dropLast().compactMap(\.constantValue)
    lines = heights.count == output.count - 1 && heights.count <= 1 ? heights.reduce(1, *) : nil
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
      tiles: [0, columns, depth, isPointwise ? 2 * block.rows : 0], registerBlock: [block.rows, block.columns], unroll: 1,
      vectorLanes: block.lanes, parallelAxis: 0)
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
    let depth = channels(block.columns) * taps
    guard let width, width > 0, let lines, lines > 0, width <= 4_096 else { return (8 * block.columns, depth) }
    if isDepthwise {
      return (max(1, min(lines, machine.caches.l1d / 2 / (width * bytes) - 2)) * width, taps)
    }
    var best: (cost: Double, columns: Int)?
    for count in 1...lines {
      if count > 1, !fits(lines: count, width, block.columns) { break }
      let cost = cost(lines: count, of: lines, width, block.columns)
      if let best, best.cost <= cost { continue }
      best = (cost, count * width)
    }
    return (best?.columns ?? width, depth)
  }

  /// Channels whose taps, for one register block, stay in three quarters of L1.
  private func channels(_ columns: Int) -> Int {
    max(1, machine.caches.l1d * 3 / 4 / (lineTaps * (columns * bytes + machine.cacheLineBytes)))
  }

  /// Columns that the sums of a block of lines take.
  private func sums(lines: Int, _ width: Int, _ columns: Int) -> Int {
    ((lines - 1) * (width + columnReach) + width + columns - 1) / columns * columns
  }

  /// Whether the lines, the weights and the sums of a task stay in seven eighths of L2.
  private func fits(lines: Int, _ width: Int, _ columns: Int) -> Bool {
    let count = min(channels(columns), max(1, (shape.depth ?? 512) / taps))
    let rows = shape.rows ?? 64
    let input = count * remainders * (lines + lineReach) * (width + columnReach)
    return (input + rows * count * taps + rows * sums(lines: lines, width, columns)) * bytes <= machine.caches.l2 * 7 / 8
  }

  /// Time, in steps of the depth for one register block, of all threads together when tasks have `count` lines.
  private func cost(lines count: Int, of lines: Int, _ width: Int, _ columns: Int) -> Double {
    let depth = Double(shape.depth ?? 512)
    let parts = (depth / Double(channels(columns) * taps)).rounded(.up)
    let rows = Double(shape.rows ?? 64)
    func time(_ lines: Int) -> Double {
      // Sums wait once for each block of channels, and are read once more; lines are copied for all register rows at once.
      Double(sums(lines: lines, width, columns) / columns) * (depth + 8 * parts + 2)
        + 2 * depth / Double(taps) * Double((lines + lineReach) * remainders) * Double(width) / Double(columns) / (rows / 6)
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
