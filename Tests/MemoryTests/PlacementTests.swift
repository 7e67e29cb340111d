import ApusMemory
import NetworkShapes
import Testing

@Suite struct PlacementTests {
  private let costs = MemoryCosts(cacheBytes: 100, near: 1, far: 10, streamed: 6)

  /// Two buffers that do not both fit: by hand.
  @Test func costsAreThoseOfACacheOfWholeBuffers() throws {
    let graph = try Dataflow(
      buffers: [.init(size: 10), .init(size: 80), .init(size: 80), .init(size: 1, isResult: true)],
      ops: [
        .init(inputs: [0], outputs: [1], cost: 3), .init(inputs: [0], outputs: [2]), .init(inputs: [1, 2], outputs: [3]),
      ])
    func cost(_ placement: Placement) -> Double? { placement.cost(of: graph, costs) }
    // Read 0 from afar, write 1 near, read 0 near, write 2, which drives 1 out; read 1 from afar, which drives 2 out, dirty
    // as well; read 2 from afar; write 3: 100 + 80 + 10 + (80 + 800) + (800 + 800) + 800 + 1.
    #expect(cost(Placement(order: [0, 1, 2])) == 3471.0)
    // 1 is written past the cache, and not back: 100 + 480 + 10 + 80 + (800 + 800) + 800 + 1.
    #expect(cost(Placement(order: [0, 1, 2], streamed: [1])) == 3071.0)
    // 1 is computed again from 0. It is written back before all the same, and drives 2 out:
    // 100 + 80 + 10 + 880 + (100 + 3 + 80 + 800) + 800 + 1.
    let again = Placement.Recomputation(buffer: 1, reader: 2)
    #expect(cost(Placement(order: [0, 1, 2], recomputed: [again])) == 2854.0)
    #expect(cost(Placement(order: [2, 1, 0])) == nil)
    #expect(cost(Placement(order: [0, 1])) == nil)
    #expect(cost(Placement(order: [0, 1, 2], recomputed: [.init(buffer: 2, reader: 2)])) == nil)
  }

  @Test(arguments: 0..<6) func placementsAreNeverWorseThanListed(seed: Int) throws {
    let graph = try DrawnGraph.graph(40, reach: 8, seed: seed)
    let found = searchPlacement(graph, MemoryCosts(cacheBytes: 300, near: 1, far: 5, streamed: 3), moves: 300)
    #expect(found.cost < found.listed)
    #expect(found.placement.cost(of: graph, MemoryCosts(cacheBytes: 300, near: 1, far: 5, streamed: 3)) == found.cost)
    // Where all that can be reached is near, nothing can be gained but by not reading.
    let free = MemoryCosts(cacheBytes: 1 << 40, near: 1, far: 1, streamed: 1)
    let none = searchPlacement(graph, free, moves: 50)
    #expect(none.cost == none.listed)
  }
}
