import ApusTensor

extension TypeInference {
  func groupNormRules() throws(InferenceError) {
    let groups = int("groups")
    let channels = operand("x").dims[1]
    try requireDivides(
      .constant(groups), channels, "C1", .attribute("groups"), "\(groups) groups of \(text(channels)) channels")
  }

  func attentionRules() throws(InferenceError) {
    let queries = operand("q").dims[1]
    let keys = operand("k").dims[1]
    try requireDivides(keys, queries, "C1", subject("k"), "\(text(keys)) key heads, \(text(queries)) query heads")
    let scores = operand("q").dims[..<3] + [operand("k").dims[2]]
    try requireBroadcasts("mask", to: Array(scores), "C2")
  }

  func normRules() throws(InferenceError) {
    for name in ["scale", "bias"] where info.operands.contains(where: { $0.name == name }) {
      try requireBroadcasts(name, to: operand("x").dims, "C1")
    }
  }

  /// An operand that may be left out becomes `shape` by repeating axes, as the operators of the graph language do.
  private func requireBroadcasts(_ name: String, to shape: [Dim], _ constraint: String) throws(InferenceError) {
    guard let given = operandList(name).first?.dims else { return }
    let detail = "`\(name)` is \(text(given)), which has to become \(text(shape))"
    try require(given.count <= shape.count, constraint, subject(name), detail)
    for (size, target) in zip(given.reversed(), shape.reversed()) {
      try requireRepeats(size, target, constraint, subject(name), detail)
    }
  }

  func ropeRules() throws(InferenceError) {
    let pairs = operand("cos").dims[1]
    let features = operand("x").dims[3]
    let turned = try sized { () throws(DimOverflow) in try Dim.product(2, pairs) }
    try requireAtMost(turned, features, "C1", subject("cos"), "\(text(pairs)) pairs, \(text(features)) features")
  }

  func recurrentRules(gates count: Int) throws(InferenceError) {
    let gates = operand("r").dims[0]
    let hidden = operand("r").dims[1]
    let wanted = try sized { () throws(DimOverflow) in try Dim.product(.constant(count), hidden) }
    try requireEqual(gates, wanted, "C1", subject("r"), "\(text(gates)) gates, hidden size \(text(hidden))")
    guard let bias = operandList("bias").first?.dims[0] else { return }
    let both = try sized { () throws(DimOverflow) in try Dim.product(2, wanted) }
    try requireEqual(
      bias, both, "C1", subject("bias"), "\(text(bias)) biases, hidden size \(text(hidden))")
  }
}
