import ApusIR
import ApusSupport
import ApusTensor

/// What passes and lowering leave behind, for builds without counters.
///
/// Places are: an op, after each pass that changed something, and how often; which pass changed something after which; and
/// in lowered loops, each op on each element type within each op. Which op reads which is none: almost every drawn graph
/// has two that never met before, and the compiler has no code for most pairs.
struct StructureCoverage: CoverageSource {
  private var map = CoverageMap(places: 1 << 16)

  var count: Int { map.count }

  mutating func begin() {}

  mutating func hasNews(_ stages: [Judge.Stage]) -> Bool {
    var counts: [Int: UInt64] = [:]
    var before = UInt64(0)
    for stage in stages {
      let name = stage.name.utf8.reduce(UInt64(0)) { $0 &* 31 &+ UInt64($1) }
      counts[Self.place(name, before), default: 0] = 1
      before = name
      for function in stage.module.functions { Self.count(function, name, &counts) }
    }
    var hasNews = false
    for (place, times) in counts where map.record(place, times) { hasNews = true }
    return hasNews
  }

  private static func count(_ function: Function, _ stage: UInt64, _ counts: inout [Int: UInt64]) {
    function.forEachOp { op in
      let code = UInt64(function.opcode(of: op).rawValue) + 1
      if function.phase == .loops {
        let around = function.owner(of: function.block(of: op)).map { UInt64(function.opcode(of: $0).rawValue) + 1 } ?? 0
        let value = function.results(of: op).first ?? function.operands(of: op).last
        let element = value.flatMap { ElementType.allCases.firstIndex(of: function.type(of: $0).element) } ?? 0
        counts[place(stage, code, around, UInt64(element)), default: 0] = 1
        return
      }
      counts[place(stage, code), default: 0] += 1
    }
  }

  /// A number for some facts, the same in every process.
  private static func place(_ facts: UInt64...) -> Int {
    var state = UInt64(0)
    for fact in facts {
      var mixing = SplitMix64(seed: state &* 0x9E37_79B9_7F4A_7C15 &+ fact)
      state = mixing.next()
    }
    return Int(state & 0xFFFF)
  }
}
