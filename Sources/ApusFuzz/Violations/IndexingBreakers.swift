import ApusIR
import ApusTensor

/// Ops that read and write where indices say.
extension ConstraintBreakers {
  static let indexing: [OpCode: [String: Breaker]] = [
    .gather: [
      "C1": { use, _ in
        use.operands[0].dims = []
        return true
      }
    ],
    .gatherElements: elements([1]),
    .scatterElements: elements([1, 2]).merging(["C3": reducesBool]) { $1 },
    .gatherNd: [
      "C1": { use, _ in
        guard use.operands[1].rank > 0 else { return false }
        use.setSize(1, use.operands[1].rank - 1, use.operands[0].rank - use.int("batch_axes") + 1)
        return true
      },
      "C2": { use, draw in
        let batch = use.int("batch_axes")
        guard batch > 0, draw.chance(50) else {
          use.set("batch_axes", .int(-1))
          return true
        }
        use.setSize(1, 0, use.size(1, 0) + 1)
        return true
      },
    ],
    .scatterNd: [
      "C1": { use, _ in
        guard use.operands[1].rank > 0 else { return false }
        use.setSize(1, use.operands[1].rank - 1, use.operands[0].rank + 1)
        return true
      },
      "C2": { use, draw in
        guard let axis = draw.pick(use.operands[2].dims.indices), draw.chance(50) else {
          use.operands[2].dims.append(1)
          return true
        }
        use.setSize(2, axis, use.size(2, axis) + 1)
        return true
      },
      "C3": reducesBool,
    ],
    .dynamicSlice: [
      "C1": { use, draw in
        guard draw.chance(50) else { return lengthened("sizes")(&use, &draw) }
        use.setSize(1, 0, use.size(1, 0) + 1)
        return true
      },
      "C2": { use, draw in
        var sizes = use.dims("sizes")
        guard let axis = draw.pick(sizes.indices) else { return false }
        sizes[axis] = draw.chance(50) ? .constant(use.size(0, axis) + 1) : -1
        use.set("sizes", .dims(sizes))
        return true
      },
    ],
    .dynamicUpdateSlice: [
      "C1": { use, draw in
        if draw.chance(50) { use.operands[1].dims.append(1) } else { use.setSize(2, 0, use.size(2, 0) + 1) }
        return true
      },
      "C2": { use, draw in
        guard let axis = draw.pick(use.operands[0].dims.indices) else { return false }
        use.setSize(1, axis, use.size(0, axis) + 1)
        return true
      },
    ],
    .oneHot: ["C1": oneSize("depth")],
  ]

  private static let reducesBool: Breaker = { use, draw in
    use.operands[0].element = .bool
    use.operands[2].element = .bool
    use.results = [use.operands[0]]
    use.set("reduction", .name(draw.one(of: ["add", "mul", "min", "max"])))
    return true
  }

  /// The operands that share the shape of the indices.
  private static func elements(_ others: [Int]) -> [String: Breaker] {
    [
      "C1": { use, _ in
        for operand in others { use.operands[operand].dims.append(1) }
        return true
      },
      "C2": { use, draw in
        let along = use.axis()
        guard let axis = draw.pick(use.operands[0].dims.indices.filter({ $0 != along })) else { return false }
        let size = use.size(0, axis) + 1
        for operand in others { use.setSize(operand, axis, size) }
        if others.count == 1 { use.results = [use.operands[0].with(dims: use.operands[1].dims)] }
        return true
      },
    ]
  }
}
