import ApusMemory
import ApusSupport

/// Graphs drawn by a seed.
public enum DrawnGraph {
  /// `count` ops, each of which reads some of the last `reach` buffers; what is not read in time is read by force, so that
  /// little is left over for the end.
  public static func graph(_ count: Int, reach: Int, seed: Int, largest: Int = 100) throws -> Dataflow {
    var generator = SplitMix64(seed: UInt64(seed))
    var buffers = [Dataflow.Buffer(size: 64)]
    var ops: [Dataflow.Op] = []
    var used: Set<Int> = []
    for index in 0..<count {
      var inputs: [Int] = []
      let oldest = buffers.count - reach
      if oldest >= 0, !used.contains(oldest) { inputs.append(oldest) }
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        let buffer = Int.random(in: max(0, oldest)..<buffers.count, using: &generator)
        if !inputs.contains(buffer) { inputs.append(buffer) }
      }
      used.formUnion(inputs)
      let outputs = Array(buffers.count..<buffers.count + (index % 5 == 4 ? 2 : 1))
      for _ in outputs { buffers.append(.init(size: Int.random(in: 0...largest, using: &generator))) }
      let pairs = index % 3 == 0 ? inputs.map { Dataflow.InPlace(output: outputs[0], input: $0) } : []
      let after = index > 3 && index % 7 == 0 ? [Int.random(in: 0..<index, using: &generator)] : []
      ops.append(
        .init(
          inputs: inputs, outputs: outputs, inPlace: pairs, after: after,
          scratch: index % 4 == 1 ? Int.random(in: 0...largest, using: &generator) : 0,
          cost: index % 2 == 0 ? Int.random(in: 0...largest, using: &generator) : nil))
    }
    for buffer in buffers.indices where !used.contains(buffer) && buffer % 3 != 0 { buffers[buffer].isResult = true }
    return try Dataflow(buffers: buffers, ops: ops)
  }
}

extension Dataflow {
  /// The same graph with its ops listed in another order.
  public func reordered(_ order: [Int]) throws -> Dataflow {
    var places = [Int](repeating: 0, count: ops.count)
    for (place, op) in order.enumerated() { places[op] = place }
    return try Dataflow(
      buffers: buffers,
      ops: order.map { index in
        var op = ops[index]
        op.after = op.after.map { places[$0] }
        return op
      })
  }
}
