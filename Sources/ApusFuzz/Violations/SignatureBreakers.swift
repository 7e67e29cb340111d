import ApusIR
import ApusTensor

/// Ways to break what every signature says: sizes and types that agree, ranks, counts, the kinds of attributes.
enum SignatureBreakers {
  /// Breaks one rule; its id, or `nil` where the way that was picked does not suit the op.
  static func breakOne(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    switch draw.int(0...8) {
    case 0, 1: size(&use, &draw)
    case 2: mixedElements(&use, &draw)
    case 3: elementClass(&use, &draw)
    case 4: rank(&use, &draw)
    case 5: operandCount(&use, &draw)
    case 6: axis(&use, &draw)
    case 7: attribute(&use, &draw)
    case _: result(&use, &draw)
    }
  }

  /// The declared operands that are there, each with its position. Only ops whose operands do not repeat.
  private static func placed(_ use: OpUse) -> [(index: Int, info: OperandInfo)]? {
    let info = use.code.info
    guard info.operands.allSatisfy({ $0.arity == .one || $0.arity == .optional }),
      let ranges = info.operandRanges(count: use.operands.count)
    else { return nil }
    return zip(info.operands, ranges).compactMap { operand, range in range.first.map { ($0, operand) } }
  }

  private static func entries(_ pattern: TypePattern) -> [DimPattern] {
    if case .dims(let entries) = pattern.shape { entries } else { [] }
  }

  /// A size, or a run of axes, that is not what an earlier operand says.
  private static func size(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    guard let placed = placed(use) else { return nil }
    var seen: Set<DimPattern> = []
    var places: [(operand: Int, axis: Int, name: String, isPack: Bool)] = []
    for (index, info) in placed {
      let entries = entries(info.pattern)
      let packLength = use.operands[index].rank - entries.count { if case .pack = $0 { false } else { true } }
      var axis = 0
      for entry in entries {
        switch entry {
        case .pack(let name):
          if seen.contains(entry) { places.append((index, axis, name, true)) }
          axis += packLength
        case .dim(let name):
          if seen.contains(entry) { places.append((index, axis, name, false)) }
          axis += 1
        case .constant: axis += 1
        }
        seen.insert(entry)
      }
    }
    guard let place = draw.pick(places) else { return nil }
    if place.isPack {
      use.operands[place.operand].dims.insert(2, at: place.axis)
    } else {
      use.setSize(place.operand, place.axis, use.size(place.operand, place.axis) + 1)
    }
    return "\(use.code.name).\(place.name)"
  }

  /// Operands whose elements should be of one type.
  private static func mixedElements(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    guard let placed = placed(use) else { return nil }
    var seen: Set<String> = []
    var places: [(Int, String)] = []
    for (index, info) in placed {
      guard case .variable(let name) = info.pattern.element else { continue }
      if !seen.insert(name).inserted { places.append((index, name)) }
    }
    guard let (operand, name) = draw.pick(places),
      let variable = use.code.info.typeVariables.first(where: { $0.name == name }),
      let other = draw.pick(variable.elementClass.members.filter { $0 != use.operands[operand].element })
    else { return nil }
    use.operands[operand].element = other
    return "type.mismatch"
  }

  /// An element type that the op is not for.
  private static func elementClass(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    guard let first = use.code.info.operands.first, !use.operands.isEmpty, case .variable(let name) = first.pattern.element,
      let variable = use.code.info.typeVariables.first(where: { $0.name == name }),
      let other = draw.pick(ElementType.allCases.filter { !variable.elementClass.contains($0) })
    else { return nil }
    use.operands[0].element = other
    return "\(use.code.name).\(name)"
  }

  /// An operand with fewer axes than its pattern names.
  private static func rank(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    guard let placed = placed(use) else { return nil }
    let places = placed.filter { index, info in
      entries(info.pattern).contains { if case .dim = $0 { true } else { false } }
    }
    guard let (index, info) = draw.pick(places) else { return nil }
    let least = entries(info.pattern).count { if case .pack = $0 { false } else { true } }
    use.operands[index].dims = [Dim](repeating: 1, count: least - 1)
    return "\(use.code.name).rank"
  }

  private static func operandCount(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    let info = use.code.info
    var operands = use.operands
    if draw.chance(50), !operands.isEmpty { operands.removeLast() } else { operands.append(.scalar(.f32)) }
    guard info.operandRanges(count: operands.count) == nil else { return nil }
    use.operands = operands
    return "op.operands"
  }

  private static func axis(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    guard let rank = use.operands.first?.rank else { return nil }
    for attribute in use.code.info.attributes {
      switch attribute.kind {
      case .axis:
        use.set(attribute.name, .int(draw.chance(50) ? rank : -rank - 1))
        return "axis.range"
      case .axes:
        if rank > 0, draw.chance(50) {
          use.set(attribute.name, .ints([rank - 1, -1]))
          return "axis.twice"
        }
        use.set(attribute.name, .ints([rank]))
        return "axis.range"
      case .int, .float, .bool, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule, .name: continue
      }
    }
    return nil
  }

  private static func attribute(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    let declared = use.code.info.attributes
    switch draw.int(0...2) {
    case 0: use.attributes.append(NamedAttribute("no_such_attribute", .int(1)))
    case 1:
      guard let needed = declared.first(where: { $0.defaultValue == nil && !$0.isOptional }) else { return nil }
      use.attributes.removeAll { $0.name == needed.name }
    case _:
      guard let one = draw.pick(declared) else { return nil }
      use.set(one.name, one.kind == .string ? .int(1) : .string("wrong"))
    }
    return "op.attribute"
  }

  /// A result of a type that the op does not have.
  private static func result(_ use: inout OpUse, _ draw: inout Draw) -> String? {
    // Where a type is stated, what is stated is right.
    guard use.stated == nil else { return nil }
    var symbols = SymbolTable()
    guard let inferred = try? infer(use.code, operands: use.operands, attributes: use.attributes, symbols: &symbols),
      symbols.count == 0, !inferred.results.isEmpty
    else { return nil }
    var results = inferred.results
    let index = draw.int(0...(results.count - 1))
    if draw.chance(50) {
      let element = results[index].element
      results[index].element = draw.one(of: ElementType.allCases.filter { $0 != element })
    } else {
      results[index].dims.append(1)
    }
    use.results = results
    return "type.mismatch"
  }
}
