import ApusIR

/// Folds along an axis, and windows.
extension ConstraintBreakers {
  static let folds: [OpCode: [String: Breaker]] = [
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
      let (count, rank) = (window.count, use.operands[0].rank)
      let index = draw.int(0...(count - 1))
      window[index] = tooWide(use.size(0, rank - count + index), index, count, use, &draw)
      use.set("window", .ints(window))
      return true
    },
  ]

  /// A window that reaches beyond an axis and what is added to it, often by no more than it has to.
  static func tooWide(_ size: Int, _ index: Int, _ count: Int, _ use: OpUse, _ draw: inout Draw) -> Int {
    let (pads, dilations) = (use.ints("pads"), use.ints("dilations"))
    let padded = size + (pads.isEmpty ? 0 : pads[index] + pads[count + index])
    let dilation = dilations.isEmpty ? 1 : dilations[index]
    let least = padded == 0 ? 1 : (padded - 1) / dilation + 2
    return draw.chance(70) ? least : 1000
  }
}
