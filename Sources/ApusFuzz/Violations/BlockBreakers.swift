import ApusIR

/// Composites of models: normalisations, attention, recurrent nets.
extension ConstraintBreakers {
  static let blocks: [OpCode: [String: Breaker]] = [
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
}
