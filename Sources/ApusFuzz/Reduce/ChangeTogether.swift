import ApusIR

extension ReductionSearch {
  /// The pairs of changes of which a round tries no more.
  private static let mostPairs = 300

  /// Changes two sizes, or a size and an attribute, that are tied to each other: the groups of a convolution and its
  /// channels.
  mutating func changeTogether() {
    var rest = Self.mostPairs
    var isKept = true
    while isKept, rest > 0, !isOver {
      isKept = false
      let changes = module.tiedChanges
      search: for (index, first) in changes.enumerated() {
        for second in changes[(index + 1)...] where !first.isOfSamePart(second) {
          rest -= 1
          if rest < 0 || isOver { return }
          isKept = attempt { module in
            first.apply(to: &module)
            second.apply(to: &module)
            return true
          }
          if isKept { break search }
        }
      }
    }
  }
}

/// A change that may need another one.
private enum TiedChange {
  case axis(StatedAxis, to: Int)
  case attribute(AttributePlace, to: Attribute)

  func apply(to module: inout Module) {
    switch self {
    case .axis(let axis, let size): module.shrink(axis, to: size)
    case .attribute(let entry, let value):
      module[entry.place.function].setAttribute(entry.name, value, of: entry.place.op)
    }
  }

  func isOfSamePart(_ other: TiedChange) -> Bool {
    switch (self, other) {
    case (.axis(let a, _), .axis(let b, _)): a.function == b.function && a.value == b.value && a.axis == b.axis
    case (.attribute(let a, _), .attribute(let b, _)):
      a.place.function == b.place.function && a.place.op == b.place.op && a.name == b.name
    case (.axis, .attribute), (.attribute, .axis): false
    }
  }
}

extension Module {
  fileprivate var tiedChanges: [TiedChange] {
    let sizes = statedAxes.filter { $0.size > 1 }.flatMap { axis in
      Set([1, 2, axis.size / 2]).filter { $0 > 0 && $0 < axis.size }.sorted().map { TiedChange.axis(axis, to: $0) }
    }
    let values = writtenAttributes.flatMap { entry in
      simplerValues(of: entry).prefix(3).map { TiedChange.attribute(entry, to: $0) }
    }
    return values + sizes
  }
}
