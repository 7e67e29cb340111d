import ApusIR
import ApusSupport

/// When each buffer is used, in ops counted through all regions.
struct Lifetimes {
  private var first: [ValueID: Int] = [:]
  private var last: [ValueID: Int] = [:]
  private var returned: Set<ValueID> = []
  private var roots: [ValueID: ValueID] = [:]

  init(_ function: Function) {
    var step = 0
    number(function.entry, function, &step, loopEnds: [])
    for op in function.ops(in: function.entry) where function.opcode(of: op) == .return {
      for value in function.operands(of: op) { returned.insert(root(value)) }
    }
  }

  func isReturned(_ buffer: ValueID) -> Bool { returned.contains(buffer) }

  func lifetime(of buffer: ValueID) -> Range<Int> {
    let start = first[buffer] ?? 0
    let end = (last[buffer] ?? start) - (isPlanted(.lifetimeEndsBeforeItsLastReader) ? 2 : 0)
    return start..<max(end, start) + 1
  }

  private func root(_ value: ValueID) -> ValueID { roots[value] ?? value }

  /// Numbers a block's ops. What is used in a loop but made before it is needed until the loop ends.
  private mutating func number(
    _ block: BlockID, _ function: Function, _ step: inout Int, loopEnds: [(start: Int, end: Int)]
  ) {
    for op in function.ops(in: block) {
      let here = step
      step += 1
      for value in function.operands(of: op) { use(root(value), at: here, loopEnds) }
      for value in function.results(of: op) {
        let isView = function.opcode(of: op) == .view && !isPlanted(.lifetimeIgnoresViews)
        if isView { roots[value] = root(function.operand(0, of: op)) }
        first[value] = here
        last[value] = here
      }
      let code = function.opcode(of: op)
      let isLoop = code == .while || code == .for
      let size = function.regions(of: op).reduce(0) { $0 + count($1, function) }
      let inner = isLoop ? loopEnds + [(here, here + size)] : loopEnds
      for region in function.regions(of: op) { number(region, function, &step, loopEnds: inner) }
    }
  }

  private mutating func use(_ value: ValueID, at step: Int, _ loopEnds: [(start: Int, end: Int)]) {
    let made = first[value] ?? -1
    let loops = isPlanted(.lifetimeIgnoresLoops) ? [] : loopEnds.filter { made < $0.start }
    let end = (isPlanted(.lifetimeEndsWithTheInnerLoop) ? loops.last : loops.first)?.end ?? step
    last[value] = max(last[value] ?? step, end, step)
  }

  private func count(_ block: BlockID, _ function: Function) -> Int {
    function.ops(in: block).reduce(0) { total, op in
      total + 1 + function.regions(of: op).reduce(0) { $0 + count($1, function) }
    }
  }
}
