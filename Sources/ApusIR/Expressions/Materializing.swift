import ApusSupport
import ApusTensor

extension Emitter {
  /// What the element type of a meaning is, or could be.
  enum ElementHint: Hashable {
    case runtime(ElementType)
    case float, integer, wide, bool
    /// An empty list says nothing.
    case nothing

    /// The type on its own: f32, s64, u64, bool.
    var alone: ElementType {
      switch self {
      case .runtime(let type): type
      case .float: .f32
      case .integer, .nothing: .s64
      case .wide: .u64
      case .bool: .bool
      }
    }
  }

  /// The element type that a meaning has or suggests; `nil` if it is nothing that a tensor can hold.
  func hint(_ meaning: Meaning) -> ElementHint? {
    switch meaning {
    case .value(let value): return .runtime(type(of: value).element)
    case .size: return .integer
    case .wide: return .wide
    case .number: return .float
    case .bool: return .bool
    case .list(let list):
      var best = ElementHint.nothing
      for element in list.elements {
        guard let next = hint(element) else { return nil }
        best = Self.stronger(best, next)
      }
      return best
    case .name, .string, .elementType, .absent, .several, .poison: return nil
    }
  }

  private static func stronger(_ a: ElementHint, _ b: ElementHint) -> ElementHint {
    if case .runtime = a { return a }
    if case .runtime = b { return b }
    if a == .nothing { return b }
    if b == .nothing { return a }
    if a == .float || b == .float { return .float }
    if a == .wide || b == .wide { return .wide }
    return a
  }

  // MARK: Scalars

  /// A literal as an element of a type. Reports `literal.type` or `literal.range`.
  package func scalar(_ meaning: Meaning, as type: ElementType, at place: Place) throws(EmissionError) -> Scalar {
    switch meaning {
    case .bool(let value):
      guard type == .bool else { throw misfit(meaning, type, place) }
      return .bool(value)
    case .size(.constant(let value)):
      guard type != .bool else { throw misfit(meaning, type, place) }
      let scalar = Scalar.signed(Int64(value)).converted(to: type)
      guard fits(scalar, type, Double(value)), type.isFloat || scalar.isEqual(to: value) else {
        throw failed("literal.range", "\(value) does not fit in \(type)", at: place)
      }
      return scalar
    case .wide(let value):
      guard type == .u64 || type.isFloat else {
        throw failed("literal.range", "\(value) does not fit in \(type)", at: place)
      }
      return Scalar.unsigned(value).converted(to: type)
    case .number(let value):
      guard type.isFloat else {
        throw failed(
          "literal.type", "\(value) is no value of \(type)", at: place,
          hint: type.isInteger ? "an integer is written without a point" : nil)
      }
      let scalar = Scalar.float(value).converted(to: type)
      guard fits(scalar, type, value) else {
        throw failed("literal.range", "\(value) is larger than any \(type)", at: place)
      }
      return scalar
    case .value, .size, .name, .string, .elementType, .list, .absent, .several, .poison:
      throw misfit(meaning, type, place)
    }
  }

  private func fits(_ scalar: Scalar, _ type: ElementType, _ value: Double) -> Bool {
    guard type.isFloat, value.isFinite, case .float(let rounded) = scalar else { return true }
    return rounded.isFinite
  }

  private func misfit(_ meaning: Meaning, _ type: ElementType, _ place: Place) -> EmissionError {
    if case .poison = meaning { return .silent }
    return failed("literal.type", "\(meaning.kindName) is no value of \(type)", at: place)
  }

  // MARK: Values

  /// A meaning as a value. What is static becomes constants, `size` ops and their like, with elements of
  /// `element`; a value stays as it is.
  package mutating func value(
    of meaning: Meaning, as element: ElementType, at place: Place
  ) throws(EmissionError) -> ValueID {
    switch meaning {
    case .value(let value): return value
    case .size(let dim) where dim.constantValue == nil:
      guard element != .bool else { throw misfit(meaning, element, place) }
      let size = insert(.size, [], [NamedAttribute("of", .dims([dim]))], .scalar(.s64))
      return convert(size, to: element)
    case .size, .wide, .number, .bool: return constant(try scalar(meaning, as: element, at: place), element)
    case .list(let list): return try tensor(list, as: element, at: place)
    case .several(let parts):
      throw failed("name.count", "\(parts.count) values stand where one is needed", at: place)
    case .poison: throw .silent
    case .name, .string, .elementType, .absent:
      throw failed("operand.kind", "\(meaning.kindName) is no tensor", at: place)
    }
  }

  /// A meaning as a value of its own element type, or of the default one for a literal.
  package mutating func value(of meaning: Meaning, at place: Place) throws(EmissionError) -> ValueID {
    if let value = meaning.value { return value }
    return try value(of: meaning, as: hint(meaning)?.alone ?? .s64, at: place)
  }

  mutating func constant(_ scalar: Scalar, _ type: ElementType) -> ValueID {
    insert(.constant, [], [NamedAttribute("value", .scalar(scalar))], .scalar(type))
  }

  package mutating func constant(_ tensor: ConstantTensor) -> ValueID {
    let type = TensorType(tensor.tensor.elementType, tensor.tensor.shape.map { .constant($0) })
    return insert(.constant, [], [NamedAttribute("value", .tensor(tensor))], type)
  }

  package mutating func convert(_ value: ValueID, to element: ElementType) -> ValueID {
    let type = type(of: value)
    return type.element == element ? value : insert(.convert, [value], [], type.with(element: element))
  }

  package mutating func reshape(_ value: ValueID, to dims: [Dim]) -> ValueID {
    let type = type(of: value)
    guard type.dims != dims else { return value }
    let result = insert(.reshape, [value], [], type.with(dims: dims))
    flexible[result] = flexible[value]
    return result
  }

  /// Repeats a value along axes; its axes are the last ones of `dims`.
  package mutating func broadcast(_ value: ValueID, to dims: [Dim]) -> ValueID {
    let type = type(of: value)
    guard type.dims != dims else { return value }
    let axes = Array(dims.count - type.rank..<dims.count)
    let result = insert(.broadcast, [value], [NamedAttribute("axes", .ints(axes))], type.with(dims: dims))
    flexible[result] = flexible[value]
    return result
  }

  // MARK: Lists

  /// Most elements that a list in a text may make a tensor of.
  static let maximumLeaves = 1 << 24
  /// Most entries where some are known only when the graph runs: each takes ops of its own.
  static let maximumStackedLeaves = 1 << 14

  private mutating func tensor(
    _ list: StaticList, as element: ElementType, at place: Place
  ) throws(EmissionError) -> ValueID {
    let limit = list.isRuntime ? Self.maximumStackedLeaves : Self.maximumLeaves
    guard list.leaves <= limit, list.depth <= TypeParser.maximumRank else {
      throw failed("static.limit", "the list is too large for a tensor", at: place)
    }
    if list.isRuntime { return try stacked(list, as: element, at: place) }
    return constant(ConstantTensor(try tensorLiteral(list, as: element, at: place)))
  }

  /// A list of literals as a tensor. Reports `literal.shape` where it is ragged.
  package func tensorLiteral(
    _ list: StaticList, as element: ElementType, at place: Place
  ) throws(EmissionError) -> Tensor {
    var shape: [Int] = []
    var probe: Meaning = .list(list)
    while case .list(let inner) = probe {
      shape.append(inner.count)
      guard let first = inner.elements.first else { break }
      probe = first
    }
    var scalars: [Scalar] = []
    try collect(list, shape[...], element, place, into: &scalars)
    do {
      var tensor = try Tensor.uninitialized(element, shape: shape)
      tensor.withUnsafeMutableBytes { bytes in
        for (index, scalar) in scalars.enumerated() { scalar.store(to: bytes, at: index, as: element) }
      }
      return tensor
    } catch {
      throw .failed(error.diagnostics)
    }
  }

  private func collect(
    _ list: StaticList, _ shape: ArraySlice<Int>, _ element: ElementType, _ place: Place, into scalars: inout [Scalar]
  ) throws(EmissionError) {
    guard list.count == shape.first else {
      throw failed("literal.shape", "the lists within the list differ in length", at: place)
    }
    let rest = shape.dropFirst()
    for entry in list.elements {
      if case .list(let inner) = entry {
        guard !rest.isEmpty else { throw failed("literal.shape", "lists and numbers stand side by side", at: place) }
        try collect(inner, rest, element, place, into: &scalars)
      } else {
        guard rest.isEmpty else { throw failed("literal.shape", "lists and numbers stand side by side", at: place) }
        scalars.append(try scalar(entry, as: element, at: place))
      }
    }
  }

  /// A list with entries that are known only when the graph runs: they are put one after another.
  private mutating func stacked(
    _ list: StaticList, as element: ElementType, at place: Place
  ) throws(EmissionError) -> ValueID {
    try checkCount(list.count, of: "entries")
    var parts: [ValueID] = []
    for entry in list.elements {
      let part = try value(of: entry, as: element, at: place)
      try adapt(part, to: element, at: place)
      let type = type(of: part)
      if let first = parts.first {
        let expected = Array(self.type(of: first).dims.dropFirst())
        guard expected.count == type.rank else {
          throw failed("literal.shape", "the entries of the list differ in rank", at: place)
        }
        for (a, b) in zip(expected, type.dims) { try require(a, equals: b) }
      }
      parts.append(reshape(part, to: [1] + type.dims))
    }
    if parts.count == 1 { return parts[0] }
    return try emit(.concat, parts, [NamedAttribute("axis", .int(0))])[0]
  }

  /// Refuses a value of another element type; a literal that a loop carries is given that type.
  func adapt(_ value: ValueID, to element: ElementType, at place: Place) throws(EmissionError) {
    let found = type(of: value).element
    guard found != element else { return }
    if let group = flexible[value] { throw .retype(group: group, element) }
    throw failed("type.mismatch", "this is \(found), where \(element) is needed", at: place)
  }
}

extension Scalar {
  fileprivate func isEqual(to value: Int) -> Bool {
    switch self {
    case .signed(let own): Int(own) == value
    case .unsigned(let own): value >= 0 && own == UInt64(value)
    case .float, .bool: false
    }
  }
}
