import ApusIR
import ApusSupport

/// A map kernel seen as two flat axes: the product of the leading axes and that of the trailing ones.
struct FlatShape {
  var shape: [Dim]
  /// The first trailing axis.
  var split: Int

  /// Which of the two axes an operand runs over.
  enum Coverage {
    case none, leading, trailing, all
  }

  /// What an operand covers whose axis i is axis `axes[i]` of the shape.
  func coverage(of sizes: [Dim], axes: [Int]) -> Coverage {
    var covered: Set<Int> = []
    for (axis, size) in zip(axes, sizes) where size != 1 { covered.insert(axis) }
    let isLeading = covered.contains { $0 < split }
    let isTrailing = covered.contains { $0 >= split }
    switch (isLeading, isTrailing) {
    case (false, false): return .none
    case (true, false): return .leading
    case (false, true): return .trailing
    case (true, true): return .all
    }
  }

  func positions(_ coverage: Coverage, of p: [Position]) -> [Position] {
    switch coverage {
    case .none: []
    case .leading: [p[0]]
    case .trailing: [p[1]]
    case .all: p
    }
  }
}

extension KernelLowering {
  /// Where the axes may be cut in two so that every operand runs over all axes, the leading, the
  /// trailing or none: such a kernel is a loop over two flat axes, whatever its rank.
  func flatSplit() -> Int? {
    let shape = emitter.dims(of: results[0])
    var candidates = Set(0...shape.count)
    for op in host.ops(in: body) {
      let code = host.opcode(of: op)
      if code.isTerminator { continue }
      let result = host.result(of: op)
      switch code {
      case .broadcast:
        let source = host.operand(0, of: op)
        guard emitter.dims(of: result) == shape, host.definingOp(of: source) == nil || isScalar(source),
          let axes = host.ints("axes", of: op)
        else { return nil }
        candidates.formIntersection(splits(of: emitter.dims(of: source), axes: axes, shape: shape))
      case .constant:
        guard case .scalar? = host.attribute("value", of: op) else { return nil }
      case .size: break
      case _ where code.isElementwise:
        guard emitter.dims(of: result) == shape || isScalar(result) else { return nil }
      default: return nil
      }
    }
    for parameter in host.parameters(of: body) where !isScalar(parameter) && emitter.dims(of: parameter) != shape {
      guard host.uses(of: parameter).allSatisfy({ host.opcode(of: $0.op) == .broadcast }) else { return nil }
    }
    guard results.allSatisfy({ emitter.dims(of: $0) == shape }) else { return nil }
    return candidates.min()
  }

  private func isScalar(_ value: ValueID) -> Bool { host.type(of: value).rank == 0 }

  private func splits(of sizes: [Dim], axes: [Int], shape: [Dim]) -> Set<Int> {
    var covered: Set<Int> = []
    for (axis, size) in zip(axes, sizes) where size != 1 {
      // What is 1 or as large only at run time needs the general nest.
      guard size == shape[axis] || isPlanted(.flatKernelsTrustOpenAxes) else { return [] }
      covered.insert(axis)
    }
    // Axes of size 1 belong to either side.
    let wide = shape.indices.filter { shape[$0] != 1 }
    return Set((0...shape.count).filter { split in
      let leading = wide.filter { $0 < split }
      let trailing = wide.filter { $0 >= split }
      let (inLeading, inTrailing) = (leading.count { covered.contains($0) }, trailing.count { covered.contains($0) })
      return (inLeading == 0 || inLeading == leading.count) && (inTrailing == 0 || inTrailing == trailing.count)
    })
  }

  /// Loops over the product of the leading and that of the trailing axes.
  mutating func lowerFlat(_ split: Int) throws {
    let shape = emitter.dims(of: results[0])
    let flat = FlatShape(shape: shape, split: split)
    emitter.flat = flat
    let parts = try [shape[..<split], shape[split...]].map { try Dim.product($0.map(emitter.local)) }
    func dims(_ coverage: FlatShape.Coverage) -> [Dim] {
      switch coverage {
      case .none: []
      case .leading: [parts[0]]
      case .trailing: [parts[1]]
      case .all: parts
      }
    }
    for parameter in host.parameters(of: body) {
      guard let buffer = emitter.buffers[parameter] else { continue }
      let sizes = emitter.dims(of: parameter)
      if sizes == shape {
        emitter.buffers[parameter] = view(buffer, parts)
      } else if let use = host.uses(of: parameter).first, let axes = host.ints("axes", of: use.op) {
        emitter.buffers[parameter] = view(buffer, dims(flat.coverage(of: sizes, axes: axes)))
      }
    }
    for index in outputs.indices { outputs[index] = view(outputs[index], parts) }
    if let axis = schedule.parallelAxis {
      // One turn of a flat axis does less than one of the axis that was chosen.
      let end = axis < split ? split : shape.count
      schedule.grain = shape[(axis + 1)..<end].reduce(schedule.grain) {
        min($0, Rules.chunkElements) * min($1.constantValue ?? 64, Rules.chunkElements)
      }
      schedule.grain = min(schedule.grain, Rules.chunkElements)
      schedule.parallelAxis = axis < split ? 0 : 1
    }
    let domain = parts.map { Interval(lower: 0, upper: $0) }
    emitter.domain = domain
    try vectorizedOrScalar { try $0.nest(over: domain) }
  }
}
