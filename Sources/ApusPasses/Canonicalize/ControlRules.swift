import ApusIR
import ApusSupport
import ApusTensor

extension Canonicalization {
  /// `if`, `while` and `assert`.
  static let controlRules: [CanonicalRule] = [
    // if constant true { a } else { b } → a, where the result is not of a size that only this `if` names
    CanonicalRule("if-constant", [.if]) { f, op in
      guard let condition = f.splat(of: f.operand(0, of: op)) else { return .unchanged }
      let branch = f.region(condition.isTrue ? 0 : 1, of: op)
      guard let end = f.terminator(of: branch),
        zip(f.results(of: op), f.operands(of: end)).allSatisfy({ f.isInterchangeable($0, $1) })
      else { return .unchanged }
      return .replaced(f.inline(branch, arguments: [], before: op))
    },
    // Both branches yield one value of outside
    CanonicalRule("if-of-equal-results", [.if]) { f, op in
      guard let then = f.terminator(of: f.region(0, of: op)), let otherwise = f.terminator(of: f.region(1, of: op))
      else { return .unchanged }
      var isChanged = false
      for (index, (a, b)) in zip(f.operands(of: then), f.operands(of: otherwise)).enumerated() {
        let result = f.result(index, of: op)
        let isDecided = isPlanted(.firstMergeDecidesForAll) && f.operand(0, of: then) == f.operand(0, of: otherwise)
        guard a == b || isDecided, f.type(of: a) == f.type(of: result), !f.isUnused(result) else { continue }
        f.replaceUses(of: result, with: a)
        isChanged = true
      }
      return isChanged ? .changed : .unchanged
    },
    // while … continue constant false → the initial values
    CanonicalRule("while-never", [.while]) { f, op in
      guard let end = f.terminator(of: f.region(0, of: op)), let condition = f.splat(of: f.operand(0, of: end)),
        !condition.isTrue, f.block(of: end) == f.region(0, of: op), f.region(0, of: op).isFreeOfEffects(in: f),
        zip(f.operands(of: op), f.results(of: op)).allSatisfy({ f.type(of: $0) == f.type(of: $1) })
      else { return .unchanged }
      return .replaced(f.operands(of: op))
    },
    // A carried value that no turn changes is its initial value
    CanonicalRule("while-invariant", [.while]) { f, op in
      guard let end = f.terminator(of: f.region(1, of: op)) else { return .unchanged }
      var isChanged = false
      for (index, next) in f.operands(of: end).enumerated() {
        let initial = f.operand(index, of: op)
        let parameters = f.regions(of: op).map { f.parameters(of: $0)[index] }
        let values = parameters + [f.result(index, of: op)]
        let isKept = isPlanted(.rotatedValuesAreInvariant) && f.parameters(of: f.region(1, of: op)).contains(next)
        guard next == parameters[1] || next == initial || isKept, values.allSatisfy({ f.type(of: $0) == f.type(of: initial) })
        else { continue }
        // What the loop yields is the parameter's only reader that may stay.
        let readers = f.uses(of: parameters[1]).filter { $0.op != end || $0.index != index }
        guard !readers.isEmpty || !f.isUnused(parameters[0]) || !f.isUnused(values[2]) else { continue }
        for value in values where !f.isUnused(value) { f.replaceUses(of: value, with: initial) }
        isChanged = true
      }
      return isChanged ? .changed : .unchanged
    },
    CanonicalRule("assert-true", [.assert]) { f, op in
      guard let condition = f.splat(of: f.operand(0, of: op)), condition.isTrue else { return .unchanged }
      f.erase(op)
      return .changed
    },
  ]
}

extension BlockID {
  fileprivate func isFreeOfEffects(in f: Function) -> Bool {
    var blocks = [self]
    while let block = blocks.popLast() {
      for op in f.ops(in: block) {
        if f.hasEffect(op) { return false }
        blocks += f.regions(of: op)
      }
    }
    return true
  }
}
