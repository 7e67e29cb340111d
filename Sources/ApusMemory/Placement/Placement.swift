/// What it costs to move bytes near a core, for choices that no hardware lets us make exactly: caches keep what was used
/// last, and all that can be chosen is the order, what is written past them, and what is computed again.
public struct MemoryCosts: Sendable, Hashable {
  /// The bytes of the cache that counts.
  public var cacheBytes: Int
  /// Nanoseconds for a byte that is read or written in the cache, beyond it, and written past it.
  public var near: Double
  public var far: Double
  public var streamed: Double

  public init(cacheBytes: Int, near: Double, far: Double, streamed: Double) {
    self.cacheBytes = cacheBytes
    self.near = near
    self.far = far
    self.streamed = streamed
  }
}

/// An order of ops, the buffers that are written past the cache, and those that are computed again before a use.
public struct Placement: Sendable, Hashable {
  /// A buffer that is computed again just before an op reads it.
  public struct Recomputation: Sendable, Hashable {
    public var buffer: Int
    public var reader: Int

    public init(buffer: Int, reader: Int) {
      self.buffer = buffer
      self.reader = reader
    }
  }

  /// What can be chosen.
  public enum Action: Sendable, Hashable, CaseIterable {
    case order, stream, recompute
  }

  public var order: [Int]
  public var streamed: Set<Int>
  public var recomputed: Set<Recomputation>

  public init(order: [Int], streamed: Set<Int> = [], recomputed: Set<Recomputation> = []) {
    self.order = order
    self.streamed = streamed
    self.recomputed = recomputed
  }
}

extension Placement {
  /// Nanoseconds that moving bytes takes, by a cache of whole buffers that drops what was used longest ago; nil where the
  /// placement cannot be: ops out of order, or computed again from what is not there any more.
  public func cost(of graph: Dataflow, _ costs: MemoryCosts) -> Double? {
    guard Set(order) == Set(graph.ops.indices), order.count == graph.ops.count else { return nil }
    var steps = [Int](repeating: 0, count: order.count)
    for (step, op) in order.enumerated() { steps[op] = step }
    let isOrder = graph.ops.indices.allSatisfy { op in graph.predecessors[op].allSatisfy { steps[$0] < steps[op] } }
    guard isOrder else { return nil }
    let lastUse = graph.buffers.indices.map { buffer in
      graph.buffers[buffer].isResult ? Int.max : graph.consumers[buffer].reduce(-1) { max($0, steps[$1]) }
    }
    var cache = BufferCache(graph, costs)
    for (step, index) in order.enumerated() {
      let op = graph.ops[index]
      for input in Set(op.inputs).sorted() {
        if recomputed.contains(Recomputation(buffer: input, reader: index)), !cache.holds(input) {
          guard let producer = graph.producers[input], let work = graph.ops[producer].cost else { return nil }
          let sources = Set(graph.ops[producer].inputs)
          guard sources.allSatisfy({ graph.producers[$0] == nil || lastUse[$0] >= step }) else { return nil }
          for source in sources.sorted() { cache.read(source) }
          cache.time += Double(work) * costs.near
          cache.write(input, isStreamed: false, isNeeded: false)
        } else {
          cache.read(input)
        }
      }
      for output in op.outputs {
        cache.write(output, isStreamed: streamed.contains(output), isNeeded: lastUse[output] > step)
      }
      for buffer in Set(op.inputs).union(op.outputs) where lastUse[buffer] <= step { cache.forget(buffer) }
    }
    return cache.time
  }
}

/// A cache of whole buffers.
private struct BufferCache {
  private let graph: Dataflow
  private let costs: MemoryCosts
  /// The latest use last.
  private var held: [(buffer: Int, isDirty: Bool)] = []
  private var bytes = 0
  var time = 0.0

  init(_ graph: Dataflow, _ costs: MemoryCosts) {
    self.graph = graph
    self.costs = costs
  }

  func holds(_ buffer: Int) -> Bool { held.contains { $0.buffer == buffer } }

  mutating func read(_ buffer: Int) {
    let size = graph.buffers[buffer].size
    if let place = held.firstIndex(where: { $0.buffer == buffer }) {
      held.append(held.remove(at: place))
      time += Double(size) * costs.near
    } else {
      time += Double(size) * costs.far
      insert(buffer, isDirty: false)
    }
  }

  mutating func write(_ buffer: Int, isStreamed: Bool, isNeeded: Bool) {
    let size = Double(graph.buffers[buffer].size)
    forget(buffer)
    if isStreamed {
      time += size * costs.streamed
    } else {
      time += size * costs.near
      insert(buffer, isDirty: isNeeded)
    }
  }

  mutating func forget(_ buffer: Int) {
    guard let place = held.firstIndex(where: { $0.buffer == buffer }) else { return }
    bytes -= graph.buffers[buffer].size
    held.remove(at: place)
  }

  /// What is larger than the cache drives all else out, and is not kept either.
  private mutating func insert(_ buffer: Int, isDirty: Bool) {
    held.append((buffer, isDirty))
    bytes += graph.buffers[buffer].size
    while bytes > costs.cacheBytes, !held.isEmpty {
      let oldest = held.removeFirst()
      let size = graph.buffers[oldest.buffer].size
      bytes -= size
      if oldest.isDirty { time += Double(size) * costs.far }
    }
  }
}
