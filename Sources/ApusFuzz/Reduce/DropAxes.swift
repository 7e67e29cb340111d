import ApusIR

extension ReductionSearch {
  /// Drops axes of size 1: from all types of a rank, or from one parameter.
  mutating func dropAxes() {
    for rank in (1...Self.mostAxes).reversed() {
      for axis in 0..<rank where module.hasOnes(rank: rank, axis: axis) {
        attempt(TypeChange(dropped: (rank, axis)))
      }
    }
    var number = 0
    while !isOver {
      let axes = module.parameterAxes
      guard number < axes.count else { return }
      let (id, value, axis) = axes[number]
      let isKept = attempt { module in
        var type = module[id].type(of: value)
        type.dims.remove(at: axis)
        module[id].setType(type, of: value)
        return true
      }
      if !isKept { number += 1 }
    }
  }

  /// Higher ranks are rare, and few ops take them.
  private static let mostAxes = 8
}

extension Module {
  fileprivate func hasOnes(rank: Int, axis: Int) -> Bool {
    functions.contains { function in
      function.allValues.contains { function.type(of: $0).rank == rank && function.type(of: $0).dims[axis] == 1 }
    }
  }

  fileprivate var parameterAxes: [(FunctionID, ValueID, Int)] {
    ids.flatMap { id in
      self[id].parameters.flatMap { value in
        self[id].type(of: value).dims.indices.map { (id, value, $0) }
      }
    }
  }
}
