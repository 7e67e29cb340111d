/// Reads the one Python literal that an `.npy` header is: a dictionary with exactly the keys `descr`,
/// `fortran_order` and `shape`. Nothing is evaluated.
struct PythonDictionary {
  struct Fields {
    var descr: String
    var fortranOrder: Bool
    var shape: [Int]
  }

  enum Fault: Error {
    case malformed(String)
    /// A valid `descr` that is no plain number: a structured type.
    case unsupported(String)
  }

  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  mutating func parse() throws(Fault) -> Fields {
    var descr: String?
    var order: Bool?
    var shape: [Int]?
    try expect("{")
    while !accept("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where descr == nil:
        if peek == UInt8(ascii: "[") || peek == UInt8(ascii: "(") { throw .unsupported("a structured type") }
        descr = try string()
      case "fortran_order" where order == nil: order = try boolean()
      case "shape" where shape == nil: shape = try tuple()
      default: throw .malformed("the header has a duplicate or unknown key \(quoted(key))")
      }
      guard accept(",") else {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard position == text.count else { throw .malformed("something follows the header's dictionary") }
    guard let descr, let order, let shape else {
      throw .malformed("the header lacks one of 'descr', 'fortran_order' and 'shape'")
    }
    return Fields(descr: descr, fortranOrder: order, shape: shape)
  }
}

extension PythonDictionary {
  private var peek: UInt8? {
    mutating get {
      skipSpace()
      return position < text.count ? text[position] : nil
    }
  }

  private mutating func skipSpace() {
    while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Fault) {
    guard accept(character) else { throw .malformed("the header is malformed: '\(character)' is missing") }
  }

  private mutating func string() throws(Fault) -> String {
    guard let quote = peek, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw .malformed("the header is malformed: a string is missing")
    }
    let start = position + 1
    guard let end = text[start...].firstIndex(of: quote) else {
      throw .malformed("the header is malformed: a string does not end")
    }
    position = end + 1
    // No key and no type of ours has an escape; one that does will not be found.
    return String(decoding: text[start..<end], as: UTF8.self)
  }

  private mutating func boolean() throws(Fault) -> Bool {
    skipSpace()
    for (word, value) in [("True", true), ("False", false)] where text[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw .malformed("'fortran_order' is neither True nor False")
  }

  private mutating func tuple() throws(Fault) -> [Int] {
    try expect("(")
    var extents: [Int] = []
    while !accept(")") {
      extents.append(try extent())
      guard extents.count <= NumPyHeader.rankLimit else {
        throw .malformed("'shape' has more than \(NumPyHeader.rankLimit) dimensions")
      }
      guard accept(",") else {
        guard extents.count > 1 else { throw .malformed("'shape' is not a tuple") }
        try expect(")")
        break
      }
    }
    return extents
  }

  private mutating func extent() throws(Fault) -> Int {
    guard let first = peek, (0x30...0x39).contains(first) else {
      throw .malformed("'shape' has something else than non-negative integers")
    }
    var value = 0
    while position < text.count, (0x30...0x39).contains(text[position]) {
      let (scaled, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = scaled.addingReportingOverflow(Int(text[position] - 0x30))
      guard !over, !overflow else { throw .malformed("a dimension of 'shape' is too large") }
      value = sum
      position += 1
    }
    // Python 2 wrote long integers with a suffix.
    if position < text.count, text[position] == UInt8(ascii: "L") { position += 1 }
    return value
  }
}
