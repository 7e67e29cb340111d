import ApusIR
import ApusTensor

/// Ways to break each numbered constraint, and no other rule before it. False where the op as drawn leaves no way.
enum ConstraintBreakers {
  typealias Breaker = @Sendable (inout OpUse, inout Draw) -> Bool

  static let all: [OpCode: [String: Breaker]] = movement.merging(indexing) { $1 }.merging(folds) { $1 }
    .merging(images) { $1 }.merging(blocks) { $1 }.merging(sources) { $1 }

  /// Gives a list one entry too many.
  private static func lengthened(_ name: String, by entry: Dim = 0) -> Breaker {
    { use, _ in
      use.set(name, .dims(use.dims(name) + [entry]))
      return true
    }
  }

  // MARK: Movement

  private static let movement: [OpCode: [String: Breaker]] = [
    .broadcast: [
      "C1": { use, draw in
        let axes = use.ints("axes")
        use.set("axes", .ints(axes.isEmpty || draw.chance(50) ? axes + [axes.count] : axes.dropLast()))
        return true
      },
      "C2": { use, draw in
        var axes = use.ints("axes")
        guard let last = axes.indices.last, let rank = use.stated?[0].rank else { return false }
        if last > 0, draw.chance(50) { axes.swapAt(0, last) } else { axes[last] = draw.chance(50) ? rank : -1 }
        use.set("axes", .ints(axes))
        return true
      },
      "C3": { use, draw in
        let axes = use.ints("axes")
        guard let index = draw.pick(axes.indices), let target = use.stated?[0].dims[axes[index]].constantValue else { return false }
        use.setSize(0, index, target + (target == 0 ? 2 : 1))
        return true
      },
    ],
    .reshape: [
      "C1": { use, _ in
        guard let type = use.stated?[0] else { return false }
        let isEmpty = use.operands[0].dims.contains(0)
        use.results = [type.with(dims: isEmpty ? [3] : use.operands[0].dims + [2])]
        return true
      }
    ],
    .transpose: [
      "C1": { use, draw in
        let perm = use.ints("perm")
        if perm.count > 1, draw.chance(50) {
          use.set("perm", .ints([perm[1]] + perm.dropFirst()))
        } else {
          use.set("perm", .ints(perm + [perm.count]))
        }
        return true
      }
    ],
    .slice: [
      "C1": { use, draw in lengthened(draw.chance(50) ? "starts" : "limits")(&use, &draw) },
      "C2": { use, draw in
        guard let axis = draw.pick(use.operands[0].dims.indices) else { return false }
        var (starts, limits) = (use.dims("starts"), use.dims("limits"))
        switch draw.int(0...2) {
        case 0: starts[axis] = -1
        case 1: limits[axis] = .constant(use.size(0, axis) + 1)
        case _: starts[axis] = .constant((limits[axis].constantValue ?? 0) + 1)
        }
        use.set("starts", .dims(starts))
        use.set("limits", .dims(limits))
        return true
      },
      "C3": { use, draw in
        let rank = use.operands[0].rank
        guard rank > 0 else { return false }
        var strides = [Int](repeating: 1, count: rank)
        strides[draw.int(0...(rank - 1))] = draw.one(of: [0, -1])
        use.set("strides", .ints(strides))
        return true
      },
    ],
    .pad: [
      "C1": { use, draw in lengthened(draw.chance(50) ? "low" : "high")(&use, &draw) },
      "C2": { use, draw in
        guard let axis = draw.pick(use.operands[0].dims.indices) else { return false }
        let name = draw.chance(50) ? "low" : "high"
        var amounts = use.dims(name)
        amounts[axis] = -1
        use.set(name, .dims(amounts))
        return true
      },
    ],
    .concat: [
      "C1": { use, draw in
        guard use.operands.count > 1 else { return false }
        use.operands[draw.int(1...(use.operands.count - 1))].dims.append(1)
        return true
      },
      "C2": { use, draw in
        let along = use.axis()
        guard use.operands.count > 1, let axis = draw.pick(use.operands[0].dims.indices.filter({ $0 != along })) else {
          return false
        }
        let input = draw.int(1...(use.operands.count - 1))
        use.setSize(input, axis, use.size(input, axis) + 1)
        return true
      },
    ],
  ]

  // MARK: Indexing

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

  private static let indexing: [OpCode: [String: Breaker]] = [
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

  /// An attribute that is one size, and not negative.
  private static func oneSize(_ name: String) -> Breaker {
    { use, draw in
      let isLong = draw.chance(50)
      use.set(name, .dims(isLong ? use.dims(name) + [1] : [-1]))
      return true
    }
  }

  // MARK: Folds

  private static let emptyAxis: Breaker = { use, _ in
    use.setSize(0, use.axis(), 0)
    return true
  }

  private static let pools: [String: Breaker] = [
    "C1": { use, _ in
      let window = use.ints("window")
      use.set("window", .ints(window + [Int](repeating: 1, count: use.operands[0].rank - window.count + 1)))
      return true
    },
    "C2": { use, draw in wrongLengths(use.ints("window").count, &use, &draw) },
    "C3": { use, draw in
      if draw.chance(30) {
        var window = use.ints("window")
        window[0] = 0
        use.set("window", .ints(window))
        return true
      }
      return wrongSigns(use.ints("window").count, &use, &draw)
    },
    "C4": { use, draw in
      var window = use.ints("window")
      window[draw.int(0...(window.count - 1))] = 1000
      use.set("window", .ints(window))
      return true
    },
  ]

  /// Strides, dilations or pads that are too many for so many axes.
  private static func wrongLengths(_ count: Int, _ use: inout OpUse, _ draw: inout Draw) -> Bool {
    switch draw.int(0...2) {
    case 0: use.set("strides", .ints([Int](repeating: 1, count: count + 1)))
    case 1: use.set("dilations", .ints([Int](repeating: 1, count: count + 1)))
    case _: use.set("pads", .ints([Int](repeating: 0, count: 2 * count + 1)))
    }
    return true
  }

  private static func wrongSigns(_ count: Int, _ use: inout OpUse, _ draw: inout Draw) -> Bool {
    var list = [Int](repeating: 1, count: count)
    list[draw.int(0...(count - 1))] = draw.one(of: [0, -2])
    switch draw.int(0...2) {
    case 0: use.set("strides", .ints(list))
    case 1: use.set("dilations", .ints(list))
    case _: use.set("pads", .ints([Int](repeating: 0, count: 2 * count - 1) + [-1]))
    }
    return true
  }

  private static let folds: [OpCode: [String: Breaker]] = [
    .argMax: ["C1": emptyAxis], .argMin: ["C1": emptyAxis],
    .topK: [
      "C1": { use, draw in
        switch draw.int(0...2) {
        case 0: use.set("k", .dims([.constant(use.size(0, use.axis()) + 1)]))
        case 1: use.set("k", .dims([-1]))
        case _: use.set("k", .dims(use.dims("k") + [1]))
        }
        return true
      }
    ],
    .reduceWindow: pools, .maxPool: pools, .averagePool: pools,
  ]

  // MARK: Images

  private static let wrongKernelRank: Breaker = { use, draw in
    use.operands[draw.int(0...1)].dims.append(1)
    return true
  }

  private static let emptyKernel: Breaker = { use, draw in
    use.setSize(1, draw.int(2...(use.operands[1].rank - 1)), 0)
    return true
  }

  private static let convolutions: [String: Breaker] = [
    "C1": wrongKernelRank,
    "C2": { use, _ in
      use.setSize(1, 1, use.size(1, 1) + 1)
      return true
    },
    "C3": { use, draw in
      let groups = use.int("groups")
      if groups > 1, draw.chance(50) {
        use.setSize(1, 0, use.size(1, 0) + 1)
      } else {
        use.set("groups", .int(draw.one(of: [0, -1])))
      }
      return true
    },
    "C4": { use, draw in wrongLengths(use.operands[0].rank - 2, &use, &draw) },
    "C5": { use, draw in wrongSigns(use.operands[0].rank - 2, &use, &draw) },
    "C6": { use, draw in
      use.setSize(1, draw.int(2...(use.operands[1].rank - 1)), 1000)
      return true
    },
    "C7": emptyKernel,
  ]

  private static let images: [OpCode: [String: Breaker]] = [
    .conv: convolutions, .convInteger: convolutions,
    .convTranspose: [
      "C1": wrongKernelRank,
      "C2": { use, draw in
        if draw.chance(50) { use.set("groups", .int(0)) } else { use.setSize(1, 0, use.size(1, 0) + 1) }
        return true
      },
      "C3": { use, draw in
        let axes = use.operands[0].rank - 2
        if draw.chance(70) { return wrongLengths(axes, &use, &draw) }
        use.set("output_pads", .ints([Int](repeating: 0, count: axes + 1)))
        return true
      },
      "C4": { use, draw in
        let axes = use.operands[0].rank - 2
        if draw.chance(70) { return wrongSigns(axes, &use, &draw) }
        use.set("output_pads", .ints([Int](repeating: -1, count: axes)))
        return true
      },
      "C5": emptyKernel,
    ],
    .depthToSpace: ["C1": wrongBlock([1])], .spaceToDepth: ["C1": wrongBlock([2, 3])],
    .resizeAxis: ["C1": oneSize("size")],
    .resize: [
      "C1": { use, draw in
        if draw.chance(50) { return lengthened("sizes", by: 1)(&use, &draw) }
        use.set("scales", .floats([Double](repeating: 1, count: use.operands[0].rank - 1)))
        return true
      },
      "C2": { use, _ in
        use.set("sizes", .dims([Dim](repeating: -1, count: use.operands[0].rank - 2)))
        return true
      },
    ],
  ]

  /// A block that is not positive, or does not divide the axes.
  private static func wrongBlock(_ axes: [Int]) -> Breaker {
    { use, draw in
      let sizes = axes.map { use.size(0, $0) }
      let indivisible = (2...11).filter { block in sizes.contains { $0 % (axes.count == 1 ? block * block : block) != 0 } }
      use.set("block", .int(draw.chance(50) ? draw.pick(indivisible) ?? 0 : draw.one(of: [0, -1])))
      return true
    }
  }

  // MARK: Blocks

  private static func wrongScale(_ most: Int) -> Breaker {
    { use, draw in
      let x = use.operands[0]
      guard let last = x.dims.last?.constantValue else { return false }
      let wrong: [Dim] = draw.chance(50) ? [1] + x.dims : [.constant(last + (last == 0 ? 2 : 1))]
      let place = min(use.operands.count, most)
      if place < use.operands.count { use.operands[place].dims = wrong } else { use.operands.append(x.with(dims: wrong)) }
      return true
    }
  }

  private static func wrongGates(_ bias: Int) -> Breaker {
    { use, draw in
      if use.operands.count > bias, draw.chance(50) {
        use.setSize(bias, 0, use.size(bias, 0) + 1)
      } else {
        let gates = use.size(1, 0) + 1
        use.setSize(1, 0, gates)
        use.setSize(2, 0, gates)
      }
      return true
    }
  }

  private static let blocks: [OpCode: [String: Breaker]] = [
    .layerNorm: ["C1": wrongScale(2)], .rmsNorm: ["C1": wrongScale(1)],
    .groupNorm: [
      "C1": { use, draw in
        let channels = use.size(0, 1)
        use.set("groups", .int(draw.one(of: [0, -1, channels == 0 ? 0 : channels + 1])))
        return true
      }
    ],
    .attention: [
      "C1": { use, _ in
        let heads = use.size(0, 1)
        guard heads > 0 else { return false }
        for operand in 1...2 { use.setSize(operand, 1, heads + 1) }
        return true
      },
      "C2": { use, draw in
        let length = use.size(1, 2)
        let wrong: [Dim] = draw.chance(50) ? [1, 1, 1, 1, 1] : [.constant(length == 0 ? 2 : length + 1)]
        let mask = use.operands[0].with(dims: wrong)
        if use.operands.count > 3 { use.operands[3] = mask } else { use.operands.append(mask) }
        return true
      },
    ],
    .rope: [
      "C1": { use, _ in
        for operand in 1...2 { use.setSize(operand, 1, use.size(0, 3) / 2 + 1) }
        return true
      }
    ],
    .lstm: ["C1": wrongGates(5)], .gru: ["C1": wrongGates(4)],
  ]

  // MARK: Sources

  private static let sources: [OpCode: [String: Breaker]] = [
    .constant: [
      "C1": { use, _ in
        guard case .tensor? = use.attribute("value"), let type = use.stated?[0] else { return false }
        use.results = [type.with(dims: type.dims + [2])]
        return true
      },
      "C2": { use, draw in
        guard let type = use.stated?[0] else { return false }
        switch type.element {
        case .bool: use.set("value", .scalar(.float(0.5)))
        case .f16, .bf16, .f32, .f64: use.set("value", .scalar(.bool(true)))
        case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64:
          use.set("value", .scalar(draw.chance(50) ? .bool(false) : .float(0.5)))
        }
        return true
      },
    ],
    .iota: [
      "C1": { use, draw in
        use.set("axis", .int(draw.chance(50) ? -1 : use.stated?[0].rank ?? 0))
        return true
      }
    ],
    .size: ["C1": lengthened("of", by: 1)],
    .randomBits: [
      "C1": { use, draw in
        let signed = draw.one(of: [ElementType.s8, .s16, .s32, .s64])
        use.results = use.stated?.map { $0.with(element: signed) }
        return true
      }
    ],
    .bitcast: [
      "C1": { use, draw in
        let from = use.operands[0].element
        guard from != .bool else { return false }
        let others = ElementType.allCases.filter { $0 != .bool && $0.bitWidth != from.bitWidth }
        use.results = use.stated?.map { $0.with(element: draw.one(of: others)) }
        return true
      },
      "C2": { use, _ in
        let to: ElementType = use.operands[0].element == .bool ? .u8 : .bool
        use.results = use.stated?.map { $0.with(element: to) }
        return true
      },
    ],
  ]
}
