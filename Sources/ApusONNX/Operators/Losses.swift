import ApusIR
import ApusTensor

extension Operators {
  /// Losses of classifications, over [batch, classes, ...] and labels without the axis of classes.
  static var losses: [OperatorRule] {
    [
      OperatorRule("NegativeLogLikelihoodLoss") { n in [.value(try n.likelihoodLoss(n.value(0)))] },
      OperatorRule("SoftmaxCrossEntropyLoss") { n in
        let logarithms = try n.rounded(n.value(0)) { try n.call(.logSoftmax, [.value($0)], ["axis": .integer(1)]) }
        return [.value(try n.likelihoodLoss(logarithms)), .value(logarithms)]
      },
    ]
  }
}

extension NodeTranslation {
  /// The weighted negative logarithms of the labels' classes, reduced as the node says. Operand 1 has the labels, operand 2
  /// perhaps the weights of the classes.
  fileprivate func likelihoodLoss(_ logarithms: ValueID) throws -> ValueID {
    let element = element(logarithms)
    let x = widened(logarithms)
    let labels = try value(1)
    guard rank(x) >= 2, rank(labels) == rank(x) - 1 else {
      throw error("onnx.shape", "\(rank(labels)) axes of labels do not go with \(rank(x)) axes of scores")
    }
    var isIgnored: ValueID?
    var classes = labels
    if let ignored = try optionalInt("ignore_index") {
      let ignores = try call(.equal, [.value(labels), .integer(ignored)])
      isIgnored = ignores
      classes = try call(.select, [.value(ignores), .integer(0), .value(labels)])
    }
    let rows = dims(labels)
    let column = try reshape(classes, [rows[0], 1] + rows[1...])
    let picked = try call(.gatherElements, [.value(x), .value(column)], ["axis": .integer(1)])
    var loss = try call(.neg, reshape(picked, rows))
    var weight: ValueID?
    if let weights = try optionalValue(2) {
      weight = try call(.gather, [.value(widened(weights)), .value(classes)], ["axis": .integer(0)])
    } else if isIgnored != nil {
      weight = try filled(1, self.element(x), rows)
    }
    if let ignores = isIgnored, let all = weight {
      weight = try call(.select, [.value(ignores), .number(0), .value(all)])
    }
    if let weight { loss = try call(.mul, loss, weight) }
    if let ignores = isIgnored { loss = try call(.select, [.value(ignores), .number(0), .value(loss)]) }
    return convert(try reduced(loss, weight), to: element)
  }

  private func reduced(_ loss: ValueID, _ weight: ValueID?) throws -> ValueID {
    let axes: KeyValuePairs<String, Meaning> = ["axes": .ints(Array(0..<rank(loss)))]
    switch try string("reduction", "mean") {
    case "none": return loss
    case "sum": return try call(.reduceSum, loss, attributes: axes)
    case "mean":
      guard let weight else { return try call(.mean, loss, attributes: axes) }
      return try call(.div, call(.reduceSum, loss, attributes: axes), call(.reduceSum, weight, attributes: axes))
    case let other: throw error("onnx.attribute", "the reduction '\(other)' is none of none, sum and mean")
    }
  }
}
