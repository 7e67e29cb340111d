import ApusIR

/// Convolutions and what looks at images.
extension ConstraintBreakers {
  static let images: [OpCode: [String: Breaker]] = [
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
      "C6": { use, draw in
        let axes = use.operands[0].rank - 2
        let index = draw.int(0...(axes - 1))
        use.setSize(0, 2 + index, 0)
        use.setSize(1, 2 + index, 1)
        use.set("pads", .ints([Int](repeating: 0, count: 2 * axes)))
        use.set("output_pads", .ints([Int](repeating: 0, count: axes)))
        return true
      },
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
      let count = use.operands[0].rank - 2
      let index = draw.int(0...(count - 1))
      use.setSize(1, 2 + index, tooWide(use.size(0, 2 + index), index, count, use, &draw))
      return true
    },
    "C7": emptyKernel,
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
}
