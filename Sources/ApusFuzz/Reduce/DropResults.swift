import ApusIR

extension ReductionSearch {
  /// Returns less, and with it computes less.
  mutating func dropResults() {
    minimize { $0.resultCount } remove: { search, run in
      search.attempt { module in
        guard let id = module.ids.first, let end = module[id].terminator(of: module[id].entry),
          run.upperBound <= module[id].operandCount(of: end)
        else { return false }
        var values = module[id].operands(of: end)
        values.removeSubrange(run)
        module[id].setOperands(values, of: end)
        module[id].dropResultNames(run)
        return true
      }
    }
  }

  private var resultCount: Int { module.functions.first?.resultTypes.count ?? 0 }

  /// Removes parameters that nobody reads, and has those read that have the type of another.
  mutating func dropParameters() {
    attempt { module in
      guard let id = module.ids.first, !module.isCalled(id) else { return false }
      return module[id].dropUnusedParameters { _ in true }
    }
    minimize { $0.module.functions.first?.parameters.count ?? 0 } remove: { search, run in
      search.attempt { module in
        guard let id = module.ids.first, !module.isCalled(id) else { return false }
        return module[id].dropUnusedParameters { run.contains($0) }
      }
    }
    minimize { $0.module.functions.first?.parameters.count ?? 0 } remove: { search, run in
      run.count == 1 && search.attempt { module in
        guard let id = module.ids.first, !module.isCalled(id) else { return false }
        let parameter = module[id].parameters[run.lowerBound]
        let type = module[id].type(of: parameter)
        guard let older = module[id].parameters[..<run.lowerBound].first(where: { module[id].type(of: $0) == type })
        else { return false }
        module[id].redirect(parameter, to: older)
        return module[id].dropUnusedParameters { $0 == run.lowerBound }
      }
    }
  }
}

extension Function {
  fileprivate mutating func dropResultNames(_ run: Range<Int>) {
    if run.upperBound <= resultNames.count { resultNames.removeSubrange(run) }
  }

  fileprivate mutating func dropUnusedParameters(where isIncluded: (Int) -> Bool) -> Bool {
    var isChanged = false
    for (index, value) in parameters.enumerated().reversed() where isUnused(value) && isIncluded(index) {
      removeParameter(index, of: entry)
      isChanged = true
    }
    return isChanged
  }
}
