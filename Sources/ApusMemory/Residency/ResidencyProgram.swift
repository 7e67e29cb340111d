/// The choice of modes as an integer program: a column for each gap that may be kept, one for each that may be computed
/// again, and one for each buffer that may have to be stored. Costs are counted in `unit` bytes.
struct ResidencyProgram {
  let problem: ResidencyProblem
  private(set) var program = BinaryProgram()
  let unit: Int
  /// What it costs to load everything again, in units: it is left out of the program.
  private var constant = 0
  private var keeps: [Int: Int] = [:]
  private var again: [Int: Int] = [:]

  /// Starts from `modes`, a plan.
  init(_ prices: ResidencyPrices, unit: Int, start modes: [ResidencyMode]) {
    problem = prices.problem
    self.unit = unit
    var passing = [[Int]](repeating: [], count: problem.order.count)
    for list in prices.buffers {
      var stores: Int?
      let first = problem.gaps[list[0]]
      if !first.isStoredAnyway {
        stores = program.addColumn(first.size / unit, start: list.contains { modes[$0] == .reload })
      }
      for index in list {
        let gap = problem.gaps[index]
        constant += gap.size / unit
        let keep = program.addColumn(-gap.size / unit, start: modes[index] == .keep)
        keeps[index] = keep
        var all = [(column: keep, value: 1)]
        if let recomputation = gap.recomputation {
          let column = program.addColumn((recomputation.cost - gap.size) / unit, start: modes[index] == .recompute)
          again[index] = column
          all.append((column, 1))
          program.addRow(all, atMost: 1)
        }
        if let stores { program.addRow(all.map { ($0.column, -1) } + [(stores, -1)], atMost: -1) }
        for step in gap.start + 1..<gap.end { passing[step].append(index) }
      }
    }
    for index in prices.gaps {
      guard let column = again[index], let recomputation = problem.gaps[index].recomputation else { continue }
      for input in recomputation.inputs {
        if let keep = keeps[input] { program.addRow([(column, 1), (keep, -1)], atMost: 0) }
      }
    }
    for step in prices.steps { addCapacity(step, passing[step]) }
  }

  private mutating func addCapacity(_ step: Int, _ passing: [Int]) {
    var entries: [(column: Int, value: Int)] = []
    for gap in passing {
      if let column = keeps[gap] { entries.append((column, problem.gaps[gap].size)) }
    }
    for gap in problem.ends[step] {
      if let column = again[gap], let extra = problem.gaps[gap].recomputation?.extra, extra > 0 { entries.append((column, extra)) }
    }
    // Small numbers leave the solver's tolerances less room.
    let divisor = max(1, entries.reduce(0) { greatestCommonDivisor($0, $1.value) })
    let room = (problem.budget - problem.needs[step]) / divisor
    program.addRow(entries.map { ($0.column, $0.value / divisor) }, atMost: room)
  }

  /// The modes that a point stands for; nil where it is not made of zeros and ones.
  func modes(_ point: [Double]) -> [ResidencyMode]? {
    guard point.count == program.costs.count, point.allSatisfy({ abs($0) < 1e-4 || abs($0 - 1) < 1e-4 }) else { return nil }
    var modes = [ResidencyMode](repeating: .keep, count: problem.gaps.count)
    for (gap, column) in keeps where point[column] < 0.5 { modes[gap] = .reload }
    for (gap, column) in again where point[column] > 0.5 { modes[gap] = .recompute }
    return modes
  }

  /// The bytes that a value of the program stands for; nil where it is not a number.
  func bytes(_ value: Double) -> Int? {
    let sum = (value - 1e-6 * max(1, abs(value))).rounded(.up) + Double(constant)
    guard sum.isFinite, abs(sum) < 1e15 else { return nil }
    return max(0, Int(sum)).multipliedReportingOverflow(by: unit).partialValue
  }
}
