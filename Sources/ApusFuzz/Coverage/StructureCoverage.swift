import ApusCompiler
import ApusIR
import ApusPasses
import ApusSupport
import ApusTarget
import ApusTensor

/// What passes and lowering leave behind, for builds without counters: which op reads which on what elements after each
/// pass that changed something, and which ops stand within which in the lowered loops.
struct StructureCoverage: CoverageSource {
  private var map = CoverageMap(places: 1 << 16)
  private let machine = Machine.host()

  var count: Int { map.count }

  mutating func begin() {}

  mutating func hasNews(_ fuzzCase: FuzzCase) -> Bool {
    var counts: [Int: UInt64] = [:]
    var module = fuzzCase.module
    for step in fuzzCase.passes.steps {
      guard (try? step.pass.run(on: &module, step.arguments)) == true else { continue }
      for function in module.functions { count(function, step.pass.name, &counts) }
    }
    if let host = module.functions.first, host.phase == .fused, let loops = try? LoopsModule(lowering: host, on: machine) {
      for function in loops.module.functions { count(function, "lower", &counts) }
    }
    var hasNews = false
    for (place, times) in counts where map.record(place, times) { hasNews = true }
    return hasNews
  }

  private func count(_ function: Function, _ origin: String, _ counts: inout [Int: UInt64]) {
    let start = Self.mixed(0, origin.utf8.reduce(UInt64(0)) { $0 &* 31 &+ UInt64($1) })
    function.forEachOp { op in
      let code = UInt64(function.opcode(of: op).rawValue)
      let around = function.owner(of: function.block(of: op)).map { UInt64(function.opcode(of: $0).rawValue) + 1 } ?? 0
      let place = Self.mixed(Self.mixed(start, code), around)
      counts[Int(place & 0xFFFF), default: 0] += 1
      for operand in function.operands(of: op) {
        let producer = function.definingOp(of: operand).map { UInt64(function.opcode(of: $0).rawValue) + 1 } ?? 0
        let type = function.type(of: operand)
        let element = UInt64(ElementType.allCases.firstIndex(of: type.element) ?? 0)
        let edge = Self.mixed(Self.mixed(place, producer), element << 8 | UInt64(type.rank))
        counts[Int(edge & 0xFFFF), default: 0] += 1
      }
    }
  }

  /// A mixture of bits that is the same in every process.
  private static func mixed(_ state: UInt64, _ value: UInt64) -> UInt64 {
    var mixing = SplitMix64(seed: state &* 0x9E37_79B9_7F4A_7C15 &+ value)
    return mixing.next()
  }
}
