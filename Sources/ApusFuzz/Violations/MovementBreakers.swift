import ApusIR

/// Ops that move elements: shapes, axes, cuts.
extension ConstraintBreakers {
  static let movement: [OpCode: [String: Breaker]] = [
    .broadcast: [
      "C1": { use, draw in
        let axes = use.ints("axes")
        use.set("axes", .ints(axes.isEmpty || draw.chance(50) ? axes + [axes.count] : axes.dropLast()))
        return true
      },
      "C2": { use, draw in
        var axes = use.ints("axes")
        guard let last = axes.indices.last, let rank = use.stated?[0].rank else { return false }
        switch draw.int(0...3) {
        case 0 where last > 0: axes.swapAt(0, last)
        case 1 where last > 0: axes[last] = axes[last - 1]
        case 0...2: axes[last] = rank
        case _: axes[last] = -1
        }
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
        let last = use.operands.count - 1
        let input = draw.chance(50) ? last : draw.int(1...last)
        use.setSize(input, axis, use.size(input, axis) + 1)
        return true
      },
    ],
  ]
}
