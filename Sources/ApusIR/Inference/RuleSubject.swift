/// The part of an op that a broken rule is about.
enum RuleSubject: Hashable {
  case op
  case operand(Int)
  case attribute(String)
  case result(Int)
}

extension InferenceError {
  /// - Parameter related: operands whose definitions explain what is wrong.
  init(_ id: String, _ message: String, at subject: RuleSubject, related: [Int] = [], hint: String? = nil) {
    switch subject {
    case .operand(let index): self.init(id, message, operands: [index] + related.filter { $0 != index }, hint: hint)
    case .attribute(let name): self.init(id, message, operands: related, attribute: name, hint: hint)
    case .op, .result: self.init(id, message, operands: related, hint: hint)
    }
  }
}
