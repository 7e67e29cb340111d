extension OpInfo {
  /// The reference of one op as text, without a final line break: what `apus ops NAME` prints.
  public var reference: String {
    var lines = [signature, "  \(summary)", ""]
    lines += attributes.map { "  \($0.name): \($0.description)" }
    if !regions.isEmpty {
      let names = regions.map { $0.name + ($0.isIsolated ? " (isolated)" : "") }
      lines.append("  regions: \(names.joined(separator: ", "))")
    }
    lines += constraints.map { "  \(name).\($0.id): \($0.text)" }
    let legal = Phase.allCases.filter(phases.contains).map(\.rawValue)
    lines.append("  group: \(group)   phases: \(legal.joined(separator: ", "))")
    if let bound { lines.append("  error: \(bound)") }
    if let body { lines += ["  body:"] + body.split(separator: "\n").map { "    \($0)" } }
    lines += examples.map { "  example: \($0)" }
    return lines.joined(separator: "\n")
  }

  /// The reference of all ops, by group: each with its signature and the first sentence of its comment.
  public static var overview: String {
    var lines: [String] = []
    var group = ""
    for info in all {
      if info.group != group {
        group = info.group
        lines += lines.isEmpty ? ["\(group):"] : ["", "\(group):"]
      }
      lines.append("  \(info.signature)")
      lines.append("      \(info.firstSentence)")
    }
    return lines.joined(separator: "\n")
  }

  private var firstSentence: String {
    guard let end = summary.firstRange(of: ". ") else { return summary }
    return String(summary[..<end.lowerBound]) + "."
  }

  /// `nil` for ops that are exact or correctly rounded.
  private var bound: String? {
    guard let maxULP else { return "grows with the number of terms of the reduction" }
    return maxULP == 0 ? nil : "at most \(maxULP) ulp"
  }
}

extension AttributeInfo {
  fileprivate var description: String {
    if isOptional { return "\(kind.expectation); may be left out" }
    guard let text = defaultValue?.shortText else { return kind.expectation }
    return "\(kind.expectation); \(text) if left out"
  }
}

extension Attribute {
  /// Declarations have defaults of these kinds only.
  fileprivate var shortText: String? {
    switch self {
    case .int(let value): "\(value)"
    case .float(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .string(let value): "\"\(value)\""
    case .name(let value): value
    case .ints(let list): "\(list)"
    case .floats(let list): "\(list)"
    case .dims(let list): "[\(list.compactMap { $0.constantValue.map(String.init) }.joined(separator: ", "))]"
    case .elementType(let type): type.name
    case .function, .scalar, .tensor, .schedule: nil
    }
  }
}
