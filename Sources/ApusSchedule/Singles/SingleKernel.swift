import ApusIR
import ApusSupport
import ApusTensor

extension KernelLowering {
  /// Lowers a kernel about one op with loops of its own. Its operands are computed where they are read.
  mutating func lowerSingle() throws {
    guard let op = host.ops(in: body).first(where: { host.opcode(of: $0).kernelKind == .single }) else {
      preconditionFailure("a single kernel has its op")
    }
    precondition(results == host.results(of: op), "a single kernel yields what its op gives")
    switch host.opcode(of: op) {
    case .reduceWindow: try lowerReduceWindow(op)
    case .scan: try lowerScan(op)
    case .dynamicUpdateSlice: try lowerDynamicUpdateSlice(op)
    case .scatterElements, .scatterNd: try lowerScatter(op)
    case .sort: try lowerSort(op)
    case .topK: try lowerTopK(op)
    case .nonZero: try lowerNonZero(op)
    case let code: preconditionFailure("\(code.name) is not the op of a single kernel")
    }
  }

  /// Loops over the axes of a shape but some, the first of more than one turn parallel; the body gets a position for each
  /// axis, 0 on those that are left out, and whether it runs in a parallel loop.
  mutating func scalarNest(
    _ shape: [Dim], skipping skipped: Set<Int> = [], isParallel: Bool = true, grain: Int = Rules.chunkElements / 8,
    _ body: (inout KernelLowering, [Position], _ isShared: Bool) throws -> Void
  ) throws {
    let start = Position.fixed(emitter.builder.index(0))
    let axes = shape.indices.filter { !skipped.contains($0) }
    try scalarNest(axes[...], shape, isParallel ? .open : .closed, grain, at: shape.map { _ in start }, body)
  }

  /// Whether a nest may still share a loop among threads.
  private enum Sharing {
    case open, shared, closed
  }

  private mutating func scalarNest(
    _ axes: ArraySlice<Int>, _ shape: [Dim], _ sharing: Sharing, _ grain: Int, at positions: [Position],
    _ body: (inout KernelLowering, [Position], _ isShared: Bool) throws -> Void
  ) throws {
    guard let axis = axes.first else { return try body(&self, positions, sharing == .shared) }
    let isShared = sharing == .open && shape[axis] != 1
    let inner = shape[(axis + 1)...].reduce(1) { $0 * max($1.constantValue ?? 64, 1) }
    try loop(
      emitter.builder.index(0), emitter.size(shape[axis]), kind: isShared ? .parallel(grain: max(1, grain / inner)) : .serial
    ) { lowering, counter, _ in
      var inside = positions
      inside[axis] = .fixed(counter)
      try lowering.scalarNest(axes.dropFirst(), shape, isShared ? .shared : sharing, grain, at: inside, body)
      return []
    }
  }
}
