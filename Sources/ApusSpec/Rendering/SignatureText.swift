extension Declaration {
  /// The head of the declaration in its one canonical form, on one line:
  /// `matmul(lhs: [..b, m, k]T, rhs: [..b, k, n]T) -> [..b, m, n]T  where T: number`.
  public var signature: String {
    let entries = operands.map(\.text) + attributes.map(\.text)
    var text = "\(name.value)(\(entries.joined(separator: ", ")))\(results.text)"
    if !typeVariables.isEmpty {
      text += "  where " + typeVariables.map { "\($0.name.value): \($0.elementClass.rawValue)" }.joined(separator: ", ")
    }
    return text
  }
}

extension Operand {
  fileprivate var text: String { "\(name.value): \(pattern.text)\(arity.rawValue)" }
}

extension Pattern {
  var text: String {
    guard let shape else { return "any" }
    let dims = shape.map { dim in
      switch dim {
      case .pack(let name): "..\(name)"
      case .named(let name): name
      case .constant(let value): "\(value)"
      }
    }.joined(separator: ", ")
    let name =
      switch element {
      case .any: "any"
      case .variable(let name), .fixed(let name): name
      }
    switch form {
    case .value: return "[\(dims)]\(name)"
    case .buffer: return "&[\(dims)]\(name)"
    case .register: return "<\(dims)>\(name)"
    }
  }
}

extension AttributeDeclaration {
  fileprivate var text: String {
    var text = "\(name.value): \(kind.text)"
    if let defaultValue { text += " = \(defaultValue.text)" }
    return isOptional ? text + "?" : text
  }
}

extension AttributeDeclaration.Kind {
  var text: String {
    switch self {
    case .name(let cases): return "name(\(cases.joined(separator: "|")))"
    case .axis(let operand): return "axis(\(operand.value))"
    case .axes(let operand): return "axes(\(operand.value))"
    case .int, .float, .bool, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule:
      return Vocabulary.plainKinds.first { $0.kind == self }?.word ?? ""
    }
  }
}

extension AttributeDeclaration.Default {
  var text: String {
    switch self {
    case .int(let value): "\(value)"
    case .float(let text), .name(let text): text
    case .bool(let value): "\(value)"
    case .string(let text): "\"\(text)\""
    case .integers(let list): "\(list)"
    case .floats(let list): "[\(list.joined(separator: ", "))]"
    }
  }
}

extension Results {
  fileprivate var text: String {
    switch self {
    case .patterns(let patterns, let names):
      if patterns.isEmpty { return "" }
      if names.isEmpty { return " -> " + patterns.map(\.text).joined(separator: ", ") }
      return " -> (" + zip(names, patterns).map { "\($0.value): \($1.text)" }.joined(separator: ", ") + ")"
    case .custom(let function, let names):
      return " -> custom \(function.value)" + (names.isEmpty ? "" : " (\(names.map(\.value).joined(separator: ", ")))")
    case .stated: return " -> stated"
    }
  }

  /// The names of the results, if there are several with names.
  var names: [String] {
    switch self {
    case .patterns(_, let names), .custom(_, let names): names.map(\.value)
    case .stated: []
    }
  }
}
