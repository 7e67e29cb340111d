import ApusIR
import ApusTensor

/// An op before its operands are there.
struct OpDraft {
  /// The types of the operands.
  var operands: [TensorType]
  /// Operands that are there already, by position.
  var given: [Int: ValueID]
  var attributes: [NamedAttribute]
  /// The results' types, where the declaration leaves them open.
  var stated: [TensorType]?

  init(
    _ operands: [TensorType] = [], given: [Int: ValueID] = [:], _ attributes: [NamedAttribute] = [],
    stated: [TensorType]? = nil
  ) {
    self.operands = operands
    self.given = given
    self.attributes = attributes
    self.stated = stated
  }

  /// All operands are there.
  init(_ values: [ValueID], of drawing: GraphDrawing, _ attributes: [NamedAttribute] = [], stated: TensorType? = nil) {
    self.init(
      values.map { drawing.type($0) }, given: Dictionary(uniqueKeysWithValues: values.enumerated().map { ($0, $1) }),
      attributes, stated: stated.map { [$0] })
  }
}

/// What the names of a signature stand for.
struct SignatureBinding {
  var packs: [String: [Dim]] = [:]
  var dims: [String: Dim] = [:]

  /// Takes the names of a pattern from a shape. False where it does not fit.
  mutating func bind(_ pattern: TypePattern, _ shape: [Dim]) -> Bool {
    guard case .dims(let entries) = pattern.shape else { return true }
    let fixed = entries.count { if case .pack = $0 { false } else { true } }
    guard shape.count >= fixed, fixed < entries.count || shape.count == fixed else { return false }
    var next = 0
    for entry in entries {
      switch entry {
      case .pack(let name):
        let length = shape.count - fixed
        packs[name] = Array(shape[next..<next + length])
        next += length
      case .dim(let name):
        if let known = dims[name], known != shape[next] { return false }
        dims[name] = shape[next]
        next += 1
      case .constant(let value):
        if shape[next] != .constant(value) { return false }
        next += 1
      }
    }
    return true
  }
}

extension GraphDrawing {
  /// Draws what an op reads and its attributes.
  mutating func draft(_ choice: OpChoice) throws -> OpDraft {
    if let rule = Self.rules[choice.code] { return try rule(&self, choice) }
    return try signatureDraft(choice)
  }

  /// An op whose signature says all.
  mutating func signatureDraft(
    _ choice: OpChoice, rank ranks: ClosedRange<Int> = 0...5, where isIncluded: ([Dim]) -> Bool = { _ in true },
    binding adjust: (inout GraphDrawing, inout SignatureBinding) throws -> Void = { _, _ in }
  ) throws -> OpDraft {
    let info = choice.code.info
    guard let first = info.operands.first else { throw NoFit() }
    var trial = SignatureBinding()
    let least = leastRank(first.pattern)
    let value = try anchor(
      element(first.pattern, choice), rank: max(ranks.lowerBound, least)...max(ranks.upperBound, least),
      where: { dims in
        var binding = SignatureBinding()
        return binding.bind(first.pattern, dims) && isIncluded(dims)
      })
    guard trial.bind(first.pattern, type(value).dims) else { throw NoFit() }
    try adjust(&self, &trial)
    var draft = OpDraft([type(value)], given: [0: value])
    for operand in info.operands.dropFirst() {
      if operand.arity == .optional, draw.chance(40) { break }
      let dims = try instantiate(operand.pattern, &trial)
      draft.operands.append(TensorType(element(operand.pattern, choice), dims))
    }
    draft.attributes = try attributes(info, anchor: draft.operands[0])
    return draft
  }

  func element(_ pattern: TypePattern, _ choice: OpChoice) -> ElementType {
    switch pattern.element {
    case .fixed(let type): type
    case .variable(let name): choice.types[name] ?? .f32
    case .any: .f32
    }
  }

  private func leastRank(_ pattern: TypePattern) -> Int {
    guard case .dims(let entries) = pattern.shape else { return 0 }
    return entries.count { if case .pack = $0 { false } else { true } }
  }

  /// A shape for a pattern; names that stand for nothing yet are drawn.
  private mutating func instantiate(_ pattern: TypePattern, _ binding: inout SignatureBinding) throws -> [Dim] {
    guard case .dims(let entries) = pattern.shape else { return try shape(rank()) }
    var dims: [Dim] = []
    for entry in entries {
      switch entry {
      case .pack(let name):
        let pack = try binding.packs[name] ?? shape(rank(0...2))
        binding.packs[name] = pack
        dims += pack
      case .dim(let name):
        let dim = try binding.dims[name] ?? size()
        binding.dims[name] = dim
        dims.append(dim)
      case .constant(let value): dims.append(.constant(value))
      }
    }
    return dims
  }

  // MARK: Attributes

  /// Attributes that every value of their kind suits; those that need a rule of their own are left at their defaults.
  mutating func attributes(_ info: OpInfo, anchor: TensorType) throws -> [NamedAttribute] {
    var list: [NamedAttribute] = []
    for attribute in info.attributes {
      guard let value = try attributeValue(attribute, anchor.rank) else { continue }
      list.append(NamedAttribute(attribute.name, value))
    }
    return list
  }

  private mutating func attributeValue(_ attribute: AttributeInfo, _ rank: Int) throws -> Attribute? {
    switch attribute.kind {
    case .axis:
      guard rank > 0 else { throw NoFit() }
      return .int(draw.int(-rank...rank - 1))
    case .axes: return .ints(draw.some(of: 0..<rank))
    case .bool: return draw.chance(50) ? .bool(draw.chance(50)) : nil
    case .name(let cases): return draw.chance(70) || attribute.defaultValue == nil ? .name(draw.one(of: cases)) : nil
    case .float: return draw.chance(50) ? .float(draw.one(of: [0.25, 1, 0.5, 2, 1e-3])) : nil
    case .int, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule: return nil
    }
  }
}
