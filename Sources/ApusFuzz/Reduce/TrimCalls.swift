import ApusIR
import ApusPasses

extension ReductionSearch {
  /// Puts the bodies of functions in the place of all calls, which may make the module larger: what is in them can then
  /// be taken apart with the rest.
  mutating func inlineEverything() {
    guard module.functions.count > 1 else { return }
    attempt(mayGrow: true) { (try? inlineCalls.run(on: &$0, PassArguments(inlineCalls.parameters))) == true }
  }

  /// Inlines calls where that makes the module smaller, and has functions take and return less.
  mutating func trimCalls() {
    guard module.functions.count > 1 else { return }
    attempt { (try? inlineCalls.run(on: &$0, PassArguments(inlineCalls.parameters))) == true }
    minimize { $0.module.signatureParts.count } remove: { search, run in
      let parts = Array(search.module.signatureParts[run])
      return search.attempt { module in
        var isChanged = false
        for part in parts.reversed() where module.drop(part) { isChanged = true }
        return isChanged
      }
    }
  }
}

/// A parameter or a result of a function that others call.
private struct SignaturePart {
  var function: FunctionID
  var isResult: Bool
  var index: Int
}

extension Module {
  fileprivate var signatureParts: [SignaturePart] {
    let called = calledFunctions
    return ids.filter { called.contains(self[$0].name) }.flatMap { id in
      self[id].parameters.indices.map { SignaturePart(function: id, isResult: false, index: $0) }
        + self[id].resultTypes.indices.map { SignaturePart(function: id, isResult: true, index: $0) }
    }
  }

  private func calls(of name: String) -> [OpPlace] {
    ops(.call).filter { self[$0.function].string("callee", of: $0.op) == name }
  }

  fileprivate mutating func drop(_ part: SignaturePart) -> Bool {
    let name = self[part.function].name
    let calls = calls(of: name)
    if part.isResult {
      guard part.index < self[part.function].resultTypes.count else { return false }
      for call in calls where !self[call.function].dropResult(part.index, of: call.op) { return false }
      guard let end = self[part.function].terminator(of: self[part.function].entry) else { return false }
      self[part.function].removeOperand(part.index, of: end)
      self[part.function].resultTypes.remove(at: part.index)
      self[part.function].resultNames = []
      return true
    }
    guard self[part.function].forget(parameter: part.index) else { return false }
    for call in calls { self[call.function].removeOperand(part.index, of: call.op) }
    return true
  }
}

extension Function {
  fileprivate mutating func dropResult(_ index: Int, of call: OpID) -> Bool {
    let value = result(index, of: call)
    if !isUnused(value) {
      guard let other = substitute(for: value, of: call, .similar, isCalled: true), other != value else { return false }
      replaceUses(of: value, with: other)
    }
    keepResults(of: call) { $0 != index }
    return true
  }

  /// Removes a parameter; zeros are read in its place.
  fileprivate mutating func forget(parameter index: Int) -> Bool {
    guard index < parameters.count else { return false }
    let value = parameters[index]
    if !isUnused(value) {
      guard let first = firstOp(of: entry), let other = insertZero(type(of: value), before: first) else { return false }
      replaceUses(of: value, with: other)
    }
    removeParameter(index, of: entry)
    return true
  }
}
