import ApusIR
import ApusSupport
import ApusTensor

extension Canonicalization {
  /// Reductions and contractions.
  static let foldRules: [CanonicalRule] = [
    // reduce_max %x: f32[n, 1], axes: [1] → reshape %x
    CanonicalRule(
      "reduction-of-ones", [.reduceSum, .reduceProd, .reduceMax, .reduceMin, .reduceAnd, .reduceOr]
    ) { f, op in
      var x = f.operand(0, of: op)
      let type = f.type(of: x)
      guard let axes = f.ints("axes", of: op), axes.allSatisfy({ type.dims[$0] == 1 }) else { return .unchanged }
      if f.opcode(of: op) == .reduceSum, type.element.isFloat, !isPlanted(.loneSummandIsItsSum) {
        // A sum starts at 0, so that of a lone −0 is 0, over no axes as well.
        let zero = f.insertSplat(.zero(type.element), type, before: op)
        x = f.insert(.add, [x, zero], [], type, before: op)
      }
      return .replaced([f.insertReshape(x, f.type(of: f.result(of: op)), before: op)])
    },
    // conv (pad %x, 0), pads: [1, 1] → conv %x, pads: [2, 2]: the padding of a conv is zeros, too
    CanonicalRule("conv-of-padded", [.conv, .convInteger]) { f, op in f.absorbPadding(op) },
    // matmul %x: [b, m, k], (broadcast %w: [k, n]) → one product of b·m rows
    CanonicalRule("matmul-by-repeated-matrix", [.matmul, .matmulInteger]) { f, op in f.flattenBatch(op) },
  ]
}

extension Function {
  fileprivate mutating func absorbPadding(_ op: OpID) -> Rewrite {
    guard let pad = definingOp(of: operand(0, of: op), .pad), let filler = splat(of: operand(1, of: pad)),
      filler == .zero(type(of: operand(0, of: pad)).element) || isPlanted(.anyPaddingIsTakenForZero),
      let interior = ints("interior", of: pad), interior.allSatisfy({ $0 == 0 }),
      let low = dims("low", of: pad)?.map(\.constantValue), let high = dims("high", of: pad)?.map(\.constantValue),
      let pads = ints("pads", of: op), low[..<2].allSatisfy({ $0 == 0 }), high[..<2].allSatisfy({ $0 == 0 })
    else { return .unchanged }
    let spatial = low.count - 2
    let old = pads.isEmpty ? [Int](repeating: 0, count: 2 * spatial) : pads
    var new: [Int] = []
    for (index, more) in (low[2...] + high[2...]).enumerated() {
      guard let more else { return .unchanged }
      let (sum, overflow) = old[index].addingReportingOverflow(more)
      if overflow { return .unchanged }
      new.append(sum)
    }
    var attributes = attributes(of: op).filter { $0.name != "pads" }
    let place = attributes.firstIndex { $0.name == "dilations" || $0.name == "groups" } ?? attributes.count
    attributes.insert(NamedAttribute("pads", .ints(new)), at: place)
    let type = type(of: result(of: op))
    return .replaced([insert(opcode(of: op), [operand(0, of: pad), operand(1, of: op)], attributes, type, before: op)])
  }

  fileprivate mutating func flattenBatch(_ op: OpID) -> Rewrite {
    let (lhs, rhs) = (operand(0, of: op), operand(1, of: op))
    let (left, result) = (type(of: lhs), type(of: self.result(of: op)))
    // A movement of the left operand is read in place by the product itself.
    guard definingOp(of: lhs).map({ !opcode(of: $0).isMovement || opcode(of: $0) == .reshape }) ?? true,
      let broadcast = definingOp(of: rhs, .broadcast), let axes = ints("axes", of: broadcast)
    else { return .unchanged }
    let source = operand(0, of: broadcast)
    let matrix = type(of: source)
    let rank = left.rank
    // The broadcast repeats a matrix along batch axes only.
    let batch = zip(axes, matrix.dims).filter { $0.0 < rank - 2 }
    guard rank > 2, axes.suffix(2) == [rank - 2, rank - 1], batch.allSatisfy({ $0.1 == 1 }),
      Array(matrix.dims.suffix(2)) == Array(type(of: rhs).dims.suffix(2)),
      let rows = try? Dim.product(left.dims.dropLast())
    else { return .unchanged }
    let flat = insertReshape(lhs, left.with(dims: [rows, left.dims[rank - 1]]), before: op)
    let plain = insertReshape(source, matrix.with(dims: matrix.dims.suffix(2)), before: op)
    let product = insert(
      opcode(of: op), [flat, plain], attributes(of: op), result.with(dims: [rows, result.dims[rank - 1]]), before: op)
    return .replaced([insertReshape(product, result, before: op)])
  }
}
