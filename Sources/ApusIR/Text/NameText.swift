/// Names and strings as text that reads back to the same name.
enum NameText {
  /// A letter or `_`, then letters, digits and `_`.
  static func isWord(_ name: String) -> Bool {
    guard let first = name.utf8.first, Byte.isLetter(first) else { return false }
    return name.utf8.allSatisfy { Byte.isLetter($0) || Byte.isDigit($0) }
  }

  /// What may stand behind `%` or `@` without quotes: words joined by dots, the later ones perhaps
  /// starting with a digit.
  static func isPlain(_ name: String) -> Bool {
    guard let first = name.utf8.first, Byte.isLetter(first) else { return false }
    var isAfterDot = false
    for byte in name.utf8 {
      if byte == Byte.dot, !isAfterDot {
        isAfterDot = true
      } else if Byte.isLetter(byte) || Byte.isDigit(byte) {
        isAfterDot = false
      } else {
        return false
      }
    }
    return !isAfterDot
  }

  /// The name of a value or function without its sign.
  static func name(_ name: String) -> String { isPlain(name) ? name : quoted(name) }

  /// The name of a dimension, label or result.
  static func word(_ name: String) -> String { isWord(name) ? name : quoted(name) }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0": result += "\\0"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
