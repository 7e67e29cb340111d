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
      window[draw.int(0...(window.count - 1))] = 1000
      use.set("window", .ints(window))
      return true
    },
  ]
}
