import ApusIR
import ApusSupport
import ApusTensor

extension Canonicalization {
  /// Ops that place elements elsewhere.
  static let movementRules: [CanonicalRule] = [
    // add (reshape (matmul %x, %w)), %b → reshape (add (matmul %x, %w), %b): work on a product stays beside it
    CanonicalRule("elementwise-of-reshaped-product", OpCode.allCases.filter(\.isElementwise)) { f, op in
      f.sinkReshape(below: op)
    },
    // transpose (constant 0) → constant 0
    CanonicalRule("movement-of-splats", OpCode.allCases.filter(\.isMovement)) { f, op in
      let elements = f.operands(of: op).map { f.splat(of: $0) }
      guard let element = elements[0], elements.allSatisfy({ $0 == element }) else { return .unchanged }
      return .replaced([f.insertSplat(element, f.type(of: f.result(of: op)), before: op)])
    },
    CanonicalRule("reshape-of-reshape", [.reshape]) { f, op in
      let x = f.operand(0, of: op)
      let result = f.type(of: f.result(of: op))
      if f.type(of: x) == result { return .replaced([x]) }
      guard let inner = f.definingOp(of: x, .reshape) else { return .unchanged }
      return .replaced([f.insertReshape(f.operand(0, of: inner), result, before: op)])
    },
    // transpose %x: f32[1, n], perm: [1, 0] → reshape
    CanonicalRule("transpose-of-ones", [.transpose]) { f, op in
      let x = f.operand(0, of: op)
      guard let permutation = f.ints("perm", of: op) else { return .unchanged }
      if permutation == Array(permutation.indices) { return .replaced([x]) }
      let dims = f.type(of: x).dims
      let moved = permutation.filter { dims[$0] != 1 }
      guard moved == moved.sorted() else { return .unchanged }
      return .replaced([f.insertReshape(x, f.type(of: f.result(of: op)), before: op)])
    },
    CanonicalRule("transpose-of-transpose", [.transpose]) { f, op in
      guard let inner = f.definingOp(of: f.operand(0, of: op), .transpose),
        let outer = f.ints("perm", of: op), let first = f.ints("perm", of: inner)
      else { return .unchanged }
      let permutation = isPlanted(.permutationsComposeBackwards) ? first.map { outer[$0] } : outer.map { first[$0] }
      let type = f.type(of: f.result(of: op))
      return .replaced([
        f.insert(.transpose, [f.operand(0, of: inner)], [NamedAttribute("perm", .ints(permutation))], type, before: op)
      ])
    },
    // broadcast %x: f32[n], axes: [0] to f32[n, 1] → reshape
    CanonicalRule("broadcast-to-ones", [.broadcast]) { f, op in
      let x = f.operand(0, of: op)
      let result = f.type(of: f.result(of: op))
      let kept = f.type(of: x).dims.filter { $0 != 1 }
      guard kept == result.dims.filter({ $0 != 1 }) else { return .unchanged }
      return .replaced([f.insertReshape(x, result, before: op)])
    },
    CanonicalRule("broadcast-of-broadcast", [.broadcast]) { f, op in
      guard let inner = f.definingOp(of: f.operand(0, of: op), .broadcast),
        let outer = f.ints("axes", of: op), let first = f.ints("axes", of: inner)
      else { return .unchanged }
      let axes = isPlanted(.broadcastsForgetTheirPlace) ? first : first.map { outer[$0] }
      let type = f.type(of: f.result(of: op))
      return .replaced([
        f.insert(.broadcast, [f.operand(0, of: inner)], [NamedAttribute("axes", .ints(axes))], type, before: op)
      ])
    },
    // broadcast (reshape %x: f32[n] to f32[n, 1]), axes: [0, 1] → broadcast %x, axes: [0]
    CanonicalRule("broadcast-of-inserted-ones", [.broadcast]) { f, op in
      guard let inner = f.definingOp(of: f.operand(0, of: op), .reshape), let axes = f.ints("axes", of: op) else {
        return .unchanged
      }
      let (x, wide) = (f.operand(0, of: inner), f.type(of: f.operand(0, of: op)).dims)
      let dims = f.type(of: x).dims
      let kept = wide.indices.filter { wide[$0] != 1 }
      guard kept.count == dims.count, zip(kept, dims).allSatisfy({ wide[$0] == $1 }) else { return .unchanged }
      let attribute = NamedAttribute("axes", .ints(kept.map { axes[$0] }))
      return .replaced([f.insert(.broadcast, [x], [attribute], f.type(of: f.result(of: op)), before: op)])
    },
    CanonicalRule("slice-of-everything", [.slice]) { f, op in
      let x = f.operand(0, of: op)
      guard let starts = f.dims("starts", of: op), let limits = f.dims("limits", of: op),
        let strides = f.ints("strides", of: op), starts.allSatisfy({ $0 == 0 }), limits == f.type(of: x).dims,
        strides.allSatisfy({ $0 == 1 })
      else { return .unchanged }
      return .replaced([x])
    },
    CanonicalRule("slice-of-slice", [.slice]) { f, op in f.mergeSlices(op) },
    CanonicalRule("pad-by-nothing", [.pad]) { f, op in
      guard let low = f.dims("low", of: op), let high = f.dims("high", of: op),
        let interior = f.ints("interior", of: op),
        (low + high).allSatisfy({ $0 == 0 }), interior.allSatisfy({ $0 == 0 })
      else { return .unchanged }
      return .replaced([f.operand(0, of: op)])
    },
    // concat %x, %empty → %x
    CanonicalRule("concat-of-one", [.concat]) { f, op in
      let operands = f.operands(of: op)
      guard let axis = f.int("axis", of: op) else { return .unchanged }
      let filled = operands.filter { f.type(of: $0).dims[axis] != 0 }
      if filled.count == 1 || operands.count == 1 { return .replaced([filled.first ?? operands[0]]) }
      guard filled.count < operands.count, !filled.isEmpty else { return .unchanged }
      f.setOperands(filled, of: op)
      return .changed
    },
    // concat (concat %x, %y), %z → concat %x, %y, %z
    CanonicalRule("concat-of-concat", [.concat]) { f, op in
      var flat: [ValueID] = []
      for operand in f.operands(of: op) {
        if let inner = f.definingOp(of: operand, .concat), f.hasOneUse(operand),
          f.int("axis", of: inner) == f.int("axis", of: op) || isPlanted(.concatsOfOtherAxesMerge),
          flat.count < RuleLimits.concatenated
        {
          flat += f.operands(of: inner)
        } else {
          flat.append(operand)
        }
      }
      guard flat.count > f.operandCount(of: op) else { return .unchanged }
      f.setOperands(flat, of: op)
      return .changed
    },
    CanonicalRule("reverse-of-ones", [.reverse]) { f, op in
      let x = f.operand(0, of: op)
      guard let axes = f.ints("axes", of: op), axes.allSatisfy({ f.type(of: x).dims[$0] == 1 }) else {
        return .unchanged
      }
      return .replaced([x])
    },
    CanonicalRule("reverse-of-reverse", [.reverse]) { f, op in
      guard let inner = f.definingOp(of: f.operand(0, of: op), .reverse),
        Set(f.ints("axes", of: op) ?? []) == Set(f.ints("axes", of: inner) ?? [])
      else { return .unchanged }
      return .replaced([f.operand(0, of: inner)])
    },
  ]
}

extension RuleLimits {
  /// Operands of a concat up to which others are drawn in.
  static let concatenated = 256
}

extension Function {
  /// slice (slice %x, starts: [a], strides: [s]), starts: [b], strides: [t] → slice %x, starts: [a + s·b], strides:
  /// [s·t]
  fileprivate mutating func mergeSlices(_ op: OpID) -> Rewrite {
    guard let inner = definingOp(of: operand(0, of: op), .slice),
      let outerStarts = dims("starts", of: op), let outerLimits = dims("limits", of: op),
      let outerStrides = ints("strides", of: op), let innerStarts = dims("starts", of: inner),
      let innerStrides = ints("strides", of: inner)
    else { return .unchanged }
    var (starts, limits): ([Dim], [Dim]) = ([], [])
    var strides: [Int] = []
    for axis in outerStarts.indices {
      let (outer, step) = (outerStrides.isEmpty ? 1 : outerStrides[axis], innerStrides.isEmpty ? 1 : innerStrides[axis])
      let scale = isPlanted(.mergedSlicesForgetAStride) ? 1 : step
      guard let length = try? Dim.difference(outerLimits[axis], outerStarts[axis]),
        // Nothing is taken from anywhere: behind the last element of the inner slice may be outside of %x.
        let start = length == 0 && step != 1
          ? innerStarts[axis]
          : try? Dim.sum(innerStarts[axis], Dim.product(.constant(scale), outerStarts[axis])),
        // The end of the last element taken: beyond it the limit of the outer slice may pass that of %x.
        let limit = step == 1
          ? try? Dim.sum(innerStarts[axis], outerLimits[axis])
          : length == 0
            ? start : try? Dim.sum(start, Dim.sum(Dim.product(.constant(step), Dim.difference(length, 1)), 1)),
        step == 1 || length == 0 || symbols.lessOrEqual(1, length) == .yes
      else { return .unchanged }
      let (stride, overflow) = outer.multipliedReportingOverflow(by: step)
      if overflow { return .unchanged }
      starts.append(start)
      limits.append(limit)
      strides.append(stride)
    }
    var attributes = [NamedAttribute("starts", .dims(starts)), NamedAttribute("limits", .dims(limits))]
    if strides.contains(where: { $0 != 1 }) { attributes.append(NamedAttribute("strides", .ints(strides))) }
    let type = type(of: result(of: op))
    return .replaced([insert(.slice, [operand(0, of: inner)], attributes, type, before: op)])
  }
}
