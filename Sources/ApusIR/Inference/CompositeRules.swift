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
