import ApusIR

extension ReductionSearch {
  /// Leaves attributes out that have defaults, and makes numbers in others smaller.
  mutating func simplifyAttributes() {
    minimize { $0.module.optionalAttributes.count } remove: { search, run in
      let entries = search.module.optionalAttributes[run]
      return search.attempt { module in
        for entry in entries { module[entry.place.function].setAttribute(entry.name, nil, of: entry.place.op) }
        return true
      }
    }
    var number = 0
    while !isOver {
      let entries = module.writtenAttributes
      guard number < entries.count else { return }
      let entry = entries[number]
      let isKept = module.simplerValues(of: entry).contains { simpler in
        attempt { module in
          module[entry.place.function].setAttribute(entry.name, simpler, of: entry.place.op)
          return true
        }
      }
      if !isKept { number += 1 }
    }
  }
}

/// An attribute as it is written.
struct AttributePlace {
  var place: OpPlace
  var name: String
}

extension Module {
  var writtenAttributes: [AttributePlace] {
    removableOps.filter { self[$0.function].opcode(of: $0.op) != .constant }.flatMap { place in
      self[place.function].attributes(of: place.op).map { AttributePlace(place: place, name: $0.name) }
    }
  }

  /// Values to try in the place of an attribute's, the simplest first.
  func simplerValues(of entry: AttributePlace) -> [Attribute] {
    let info = self[entry.place.function].opcode(of: entry.place.op).info.attribute(entry.name)
    return self[entry.place.function].attribute(entry.name, of: entry.place.op)?.simpler(info?.kind) ?? []
  }

  fileprivate var optionalAttributes: [AttributePlace] {
    writtenAttributes.filter { entry in
      let info = self[entry.place.function].opcode(of: entry.place.op).info.attribute(entry.name)
      return info.map { $0.defaultValue != nil || $0.isOptional } ?? false
    }
  }
}

extension Attribute {
  fileprivate func simpler(_ kind: AttributeInfo.Kind?) -> [Attribute] {
    switch self {
    case .int(let value): Self.smaller(value).map { .int($0) }
    case .float(let value): [0, 1].filter { $0 != value }.map { .float($0) }
    case .bool(let value): value ? [.bool(false)] : []
    case .string(let text): text.isEmpty ? [] : [.string("")]
    case .ints(let values):
      values.indices.flatMap { index in
        Self.smaller(values[index]).map { .ints(Self.replacing(index, of: values, with: $0)) }
      }
    case .floats(let values):
      values.indices.flatMap { index in
        [0, 1].filter { $0 != values[index] }.map { .floats(Self.replacing(index, of: values, with: $0)) }
      }
    case .dims(let dims):
      dims.indices.flatMap { index in
        (dims[index].constantValue.map(Self.smaller) ?? [0, 1, 2]).map {
          .dims(Self.replacing(index, of: dims, with: .constant($0)))
        }
      }
    case .name(let name):
      if case .name(let names)? = kind, let index = names.firstIndex(of: name) {
        names[..<index].map { .name($0) }
      } else {
        []
      }
    case .elementType, .function, .scalar, .tensor, .schedule: []
    }
  }

  private static func smaller(_ value: Int) -> [Int] {
    var found: [Int] = []
    for candidate in [0, 1, 2, value / 2, value < 0 ? value + 1 : value - 1] {
      if candidate.magnitude < value.magnitude, !found.contains(candidate) { found.append(candidate) }
    }
    return found
  }

  private static func replacing<Element>(_ index: Int, of list: [Element], with value: Element) -> [Element] {
    var list = list
    list[index] = value
    return list
  }
}
