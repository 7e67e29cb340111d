import ApusSupport
import ApusTensor

extension Emitter {
  /// The attributes of a call, each as its kind wants it; inference checks them further.
  /// Reports `op.attribute`.
  func attributeList(_ call: OpArguments, _ info: OpInfo) throws(EmissionError) -> [NamedAttribute] {
    var list: [NamedAttribute] = []
    for attribute in info.attributes {
      guard let argument = call.attributes[attribute.name], !argument.meaning.isAbsent else { continue }
      guard let value = argument.meaning.attribute(of: attribute.kind) else {
        throw failed(
          "op.attribute",
          "'\(attribute.name)' of \(info.name) is \(attribute.kind.expectation), not \(argument.meaning.kindName)",
          at: argument.place)
      }
      list.append(NamedAttribute(attribute.name, value))
    }
    return list
  }
}

extension Meaning {
  var isAbsent: Bool {
    if case .absent = self { true } else { false }
  }

  /// What is known while compiling, as an attribute of a kind; `nil` where it is none.
  func attribute(of kind: AttributeInfo.Kind) -> Attribute? {
    switch (kind, self) {
    case (.int, .size(.constant(let value))), (.axis, .size(.constant(let value))): return .int(value)
    case (.float, _): return asDouble.map { .float($0) }
    case (.bool, .bool(let value)): return .bool(value)
    case (.string, .string(let value)): return .string(value)
    case (.ints, .list), (.axes, .list): return constantIntegers.map { .ints($0) }
    case (.floats, .list(let list)):
      let values = list.elements.compactMap(\.asDouble)
      return values.count == list.count ? .floats(values) : nil
    case (.dims, .list(let list)): return list.sizes.map { .dims($0) }
    case (.dims, .size(let dim)): return .dims([dim])
    case (.elementType, .elementType(let type)): return .elementType(type)
    case (.function, .name(let name)): return .function(name)
    case (.name(let cases), .name(let name)): return cases.contains(name) ? .name(name) : nil
    case (.int, _), (.axis, _), (.bool, _), (.string, _), (.ints, _), (.axes, _), (.floats, _), (.dims, _),
      (.elementType, _), (.function, _), (.name, _), (.constant, _), (.schedule, _):
      return nil
    }
  }

  /// A list of constant integers.
  var constantIntegers: [Int]? {
    guard case .list(let list) = self, let dims = list.sizes else { return nil }
    let values = dims.compactMap(\.constantValue)
    return values.count == dims.count ? values : nil
  }
}
