import ApusBuffers
import ApusCompiler
import ApusIR
import ApusMemory
import ApusRuntime
import ApusSupport
import ApusTarget
import ApusTensor
import Foundation

/// What a search over placements gains for compiled models: by its model of a cache, with the bandwidths of this machine, and
/// in the time of a run, in which the order of kernels is all that it can change.
enum CompiledPlacements {
  private static let moves = 20_000
  private static let rounds = 60

  /// - Parameter models: paths, each with the sizes of inputs: `m.onnx,x=1x3x224x224`.
  static func print(_ models: [String]) throws {
    let machine = Machine.host()
    let costs = try measuredCosts(machine)
    show(
      String(
        format: "L2 of %d KiB; GB/s: %.0f in it, %.0f beyond it, %.0f written past it", costs.cacheBytes >> 10, 1 / costs.near,
        1 / costs.far, 1 / costs.streamed))
    show("| model | ops | listed | order alone | all actions | streamed | repeated | a run, listed | in the order found | ratio |")
    show("|---|---|---|---|---|---|---|---|---|---|")
    for model in models { try show(row(model, costs, machine)) }
  }

  private static func row(_ model: String, _ costs: MemoryCosts, _ machine: Machine) throws -> String {
    let words = model.split(separator: ",").map(String.init)
    var shapes: [String: [Int]] = [:]
    for word in words.dropFirst() {
      guard let sign = word.lastIndex(of: "=") else { continue }
      shapes[String(word[..<sign])] = word[word.index(after: sign)...].split(separator: "x").compactMap { Int($0) }
    }
    let module = try ModelFile.load(path: words[0], shapes: shapes)
    let options = CompilerOptions(threads: 1)
    var timing = Timing()
    let host = try Compiler(options).fuse(module, timing: &timing).host
    let loops = try LoopsModule(lowering: host, on: machine)
    guard let (graph, ops) = loops.scheduled.memoryTraffic() else { return "| \(words[0]) | sizes overflow |" }
    let found = searchPlacement(graph, costs, moves: moves)
    let ordered = searchPlacement(graph, costs, moves: moves, actions: [.order])
    var other = host
    if let end = other.terminator(of: other.entry) {
      // What was hoisted out of kernels since is no op of this host.
      let known = Set(other.ops(in: other.entry))
      for position in ordered.placement.order where known.contains(ops[position]) { other.move(ops[position], to: .before(end)) }
    }
    precondition(Module(other).verify().isEmpty, "an order of ops that the verifier accepts")
    var inputs = RandomInputs(seed: 1)
    let tensors = try inputs.inputs(of: host)
    let pool = ThreadPool(threads: 1)
    let runs = try [(host, MemoryGoal()), (other, MemoryGoal(effort: .listed))].map { host, goal in
      try LoopsModule(lowering: host, on: machine, memory: goal).link(on: machine, pool: pool, timing: &timing)
    }
    var samples = [Samples(), Samples()]
    for round in 0..<(rounds + 3) {
      for (index, run) in runs.enumerated() {
        let start = Clock.thread.now()
        _ = try run.run(tensors)
        if round >= 3 { samples[index].add(Clock.thread.now() - start) }
      }
    }
    let name = URL(filePath: words[0]).deletingPathExtension().lastPathComponent
    let saved = [ordered.cost, found.cost].map { String(format: "−%.1f %%", 100 * (1 - $0 / found.listed)) }
    let times = samples.map { String(format: "%.2f ms", $0.median * 1e3) }
    return "| \(name) | \(ops.count) | \(String(format: "%.0f µs", found.listed / 1e3)) | \(saved[0]) | \(saved[1]) "
      + "| \(found.placement.streamed.count) | \(found.placement.recomputed.count) | \(times[0]) | \(times[1]) "
      + "| \(String(format: "%.3f", samples[1].median / samples[0].median)) |"
  }

  /// Nanoseconds for a byte: a copy within half of the L2, one of what no cache holds, and a fill of that.
  private static func measuredCosts(_ machine: Machine) throws -> MemoryCosts {
    let cache = machine.caches.l2
    func rate(_ bytes: Int) throws -> Double {
      try Yardstick.copy(bytes: Double(bytes), on: machine, threads: 1).bestRate(runs: 9)
    }
    let large = 256 << 20
    var fill = Samples()
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: large, alignment: 4096)
    defer { block.deallocate() }
    for round in 0..<6 {
      let start = Clock.thread.now()
      _ = block.initializeMemory(as: UInt8.self, repeating: UInt8(round))
      fill.add(Clock.thread.now() - start)
    }
    return MemoryCosts(
      cacheBytes: cache, near: 1e9 / (try rate(cache / 2)), far: 1e9 / (try rate(large)),
      streamed: fill.minimum * 1e9 / Double(large))
  }
}
