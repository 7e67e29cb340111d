import ApusIR

extension Module {
  /// Removes the ops and parameters that were read before and that nobody reads now. What nobody read before stays: it
  /// may be what a bug is about.
  ///
  /// - Parameter before: the module that this one was made from: in functions of the same name, ids are the same.
  mutating func sweep(since before: Module) {
    let called = calledFunctions
    for id in ids {
      let old = before.find(self[id].name).map { before[$0] }
      self[id].sweep(since: old)
      if !called.contains(self[id].name) { self[id].sweepParameters(since: old) }
    }
  }

  /// The names of the functions that ops run.
  var calledFunctions: Set<String> {
    var names: Set<String> = []
    for function in functions { names.formUnion(function.callees) }
    return names
  }

  /// Keeps the first function and those that it reaches.
  mutating func dropUncalled() {
    guard let first = functions.first else { return }
    var reached = [first.name]
    var next = 0
    while next < reached.count {
      if let id = find(reached[next]) { reached += self[id].callees.filter { !reached.contains($0) } }
      next += 1
    }
    if reached.count < functions.count { keep { reached.contains($0.name) } }
  }
}

extension Function {
  /// The names of the functions that its ops run, in their order, each once.
  var callees: [String] {
    var names: [String] = []
    forEachOp { op in
      for entry in attributes(of: op) {
        if case .function(let name) = entry.value, !names.contains(name) { names.append(name) }
      }
    }
    return names
  }

  fileprivate mutating func sweep(since before: Function?) {
    // Readers stand behind what they read, so one walk from the end finds what only they have read.
    for op in allOps().reversed() where !isErased(op) && !opcode(of: op).isTerminator {
      if results(of: op).allSatisfy({ isUnused($0) }), wasRead(op, before) { erase(op) }
    }
  }

  private func wasRead(_ op: OpID, _ before: Function?) -> Bool {
    guard let before else { return false }
    return results(of: op).contains { value in
      value.index >= before.valueCapacity || !before.isUnused(value)
    }
  }

  fileprivate mutating func sweepParameters(since before: Function?) {
    guard let before else { return }
    for (index, value) in parameters.enumerated().reversed() where isUnused(value) {
      if value.index >= before.valueCapacity || !before.isUnused(value) { removeParameter(index, of: entry) }
    }
  }
}
