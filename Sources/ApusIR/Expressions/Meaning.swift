import ApusSupport
import ApusTensor

/// What an expression of the graph language stands for while it is lowered: a value of the function,
/// or something known already.
package indirect enum Meaning: Sendable {
  case value(ValueID)
  /// An integer, symbolic perhaps. A literal is a constant one.
  case size(Dim)
  /// An integer literal above `Int.max`.
  case wide(UInt64)
  case number(Double)
  case bool(Bool)
  /// One of an attribute's cases: `tanh`.
  case name(String)
  case string(String)
  case elementType(ElementType)
  case list(StaticList)
  /// An optional operand or attribute that was left out.
  case absent
  /// The results of a call, of `if` or of `while`; never exactly one.
  case several([Meaning])
  /// What a statement bound that was wrong. Reading it is not another mistake.
  case poison

  package static func sizes(_ dims: [Dim]) -> Meaning { .list(StaticList(dims.map { .size($0) })) }

  package static func integer(_ value: Int) -> Meaning { .size(.constant(value)) }

  /// One meaning itself, none or several as a group.
  static func results(_ meanings: [Meaning]) -> Meaning {
    meanings.count == 1 ? meanings[0] : .several(meanings)
  }

  package var value: ValueID? {
    if case .value(let value) = self { value } else { nil }
  }

  var isPoison: Bool {
    if case .poison = self { true } else { false }
  }

  /// Whether it is known without running anything; a list may hold values all the same.
  var isStatic: Bool {
    switch self {
    case .value, .several, .poison: false
    case .size, .wide, .number, .bool, .name, .string, .elementType, .list, .absent: true
    }
  }

  /// How a diagnostic calls it.
  package var kindName: String {
    switch self {
    case .value: "a tensor"
    case .size(.constant), .wide: "an integer"
    case .size: "a size"
    case .number: "a number"
    case .bool: "a bool"
    case .name(let name): "the name '\(name)'"
    case .string: "a string"
    case .elementType(let type): "the type \(type)"
    case .list: "a list"
    case .absent: "an operand that was left out"
    case .several(let parts): parts.isEmpty ? "nothing" : "\(parts.count) values"
    case .poison: "an error"
    }
  }
}

/// A list, and how much there is of it: sharing lets a short text name a list of 2⁶⁰ entries, so its
/// size is known before anything walks it.
package struct StaticList: Sendable {
  package let elements: [Meaning]
  /// Entries of it and of the lists in it; saturates.
  package let leaves: Int
  /// 1 for a list without lists.
  package let depth: Int
  /// Whether a value of the function is among the entries.
  package let holdsValues: Bool
  /// Whether a value of the function, or a symbolic size, is.
  package let isRuntime: Bool

  package init(_ elements: [Meaning]) {
    self.elements = elements
    var leaves = 0
    var depth = 1
    var holdsValues = false
    var isRuntime = false
    for element in elements {
      if case .list(let inner) = element {
        leaves = Swift.min(leaves + inner.leaves, 1 << 40)
        depth = max(depth, inner.depth + 1)
        holdsValues = holdsValues || inner.holdsValues
        isRuntime = isRuntime || inner.isRuntime
      } else {
        leaves += 1
        if case .value = element { holdsValues = true }
        if case .size(.polynomial) = element { isRuntime = true }
      }
    }
    self.leaves = leaves
    self.depth = depth
    self.holdsValues = holdsValues
    self.isRuntime = isRuntime || holdsValues
  }

  package var count: Int { elements.count }

  /// The entries as sizes, if all are.
  package var sizes: [Dim]? {
    var dims: [Dim] = []
    for element in elements {
      guard case .size(let dim) = element else { return nil }
      dims.append(dim)
    }
    return dims
  }
}

/// A meaning and where it was written, as an operand or attribute of a call.
package struct CallArgument: Sendable {
  package var label: String?
  package var meaning: Meaning
  package var place: Place

  package init(_ meaning: Meaning, label: String? = nil, at place: Place) {
    self.meaning = meaning
    self.label = label
    self.place = place
  }
}

/// Why lowering stopped.
package enum EmissionError: Error, Sendable {
  case failed([Diagnostic])
  /// What was reported already led to it.
  case silent
  /// A literal that a loop carries has to have another element type (see `Emitter.flexible`).
  case retype(group: Int, ElementType)

  static func failed(
    _ id: String, _ message: String, at place: Place, notes: [Diagnostic.Note] = [], hint: String? = nil
  ) -> EmissionError {
    .failed([Diagnostic(id: id, message, at: place, notes: notes, hint: hint)])
  }
}
