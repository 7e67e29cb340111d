/// A value of JSON, for `--json`.
enum JSONValue {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case string(String)
  case list([JSONValue])
  /// In the order given.
  case object([(String, JSONValue)])

  /// One line. Numbers that JSON cannot hold are written as strings.
  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : Self.quoted("\(value)")
    case .string(let value): Self.quoted(value)
    case .list(let values): "[\(values.map(\.text).joined(separator: ", "))]"
    case .object(let members): "{\(members.map { "\(Self.quoted($0)): \($1.text)" }.joined(separator: ", "))}"
    }
  }

  /// For people: without the quotes.
  var plainText: String {
    if case .string(let value) = self { value } else { text }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      case _: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// One object on stdout, with the version of its form.
func printJSON(_ members: [(String, JSONValue)]) {
  Output.print(JSONValue.object([("schema_version", .int(1))] + members).text)
}
