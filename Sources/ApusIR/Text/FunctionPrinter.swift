import ApusSupport
import ApusTensor

/// Writes one function. Generic over `OpInfo`.
struct FunctionPrinter {
  let function: Function
  let options: TextOptions
  var constants: ConstantTable
  /// Holds the text too.
  var types: TypeWriter
  /// What stands for each value: `%x`, `%0`.
  private var labels: [String]
  private var names = VisibleNames()
  private var nextNumber = 0
  private var indent = 1
  /// Within a region that sees nothing from outside, types that can be inferred are left out.
  private var isolation = 0
  private var inference = InferenceCache()

  init(_ function: Function, _ options: TextOptions, _ constants: ConstantTable) {
    self.function = function
    self.options = options
    self.constants = constants
    types = TypeWriter(function.symbols)
    labels = [String](repeating: "", count: function.valueCapacity)
  }

  mutating func print() {
    let symbols = SymbolOrder(function)
    types.names = symbols.names
    write("func @\(NameText.name(function.name))")
    if symbols.needsList { write("[\(symbols.list(function.symbols, types.names))]") }
    write("(")
    for (index, value) in function.parameters.enumerated() {
      if index > 0 { write(", ") }
      define(value)
      register(value)
      write(labels[value.index])
      write(": ")
      types.write(function.type(of: value))
    }
    write(")")
    writeResults()
    writeBounds(symbols)
    if function.phase != .graph { write(" phase \(function.phase.rawValue)") }
    write(" {\n")
    writeOps(of: function.entry)
    write("}\n")
  }

  private mutating func write(_ text: String) { types.text += text }

  private mutating func writeResults() {
    let results = function.resultTypes
    if results.isEmpty { return }
    let hasNames = function.resultNames.count == results.count
    let isPlain = results.count == 1 && !hasNames
    write(isPlain ? " -> " : " -> (")
    for (index, type) in results.enumerated() {
      if index > 0 { write(", ") }
      if hasNames { write("\(NameText.word(function.resultNames[index])): ") }
      types.write(type)
    }
    if !isPlain { write(")") }
  }

  private mutating func writeBounds(_ symbols: SymbolOrder) {
    var keyword = " where "
    for id in symbols.printed {
      let symbol = function.symbols[id]
      let name = types.names[id] ?? symbol.name
      let lower = symbol.bounds.lower ?? 0
      if name.isEmpty || (lower == 0 && symbol.bounds.upper == nil) { continue }
      write("\(keyword)\(NameText.word(name)) in \(lower)...\(symbol.bounds.upper.map(String.init) ?? "")")
      keyword = ", "
    }
  }
}

// MARK: - Ops

extension FunctionPrinter {
  private mutating func writeOps(of block: BlockID) {
    let inlined = function.phase == .loops || isolation > 0 ? inlinedLiterals(of: block) : []
    var current = function.firstOp(of: block)
    while let op = current {
      current = function.op(after: op)
      if !inlined.contains(op) { write(op, inlined) }
    }
  }

  private mutating func write(_ op: OpID, _ inlined: Set<OpID>) {
    let code = function.opcode(of: op)
    let info = code.info
    types.text += String(repeating: "  ", count: indent)
    let results = function.results(of: op)
    let hasTypes = isolation == 0 || !areTypesInferred(op, results)
    for (index, value) in results.enumerated() {
      if index > 0 { write(", ") }
      define(value, besides: results[..<index])
      write(labels[value.index])
      if hasTypes {
        write(": ")
        types.write(function.type(of: value))
      }
    }
    if !results.isEmpty { write(" = ") }
    write(info.name)
    var separator = " "
    let attributes = function.attributes(of: op)
    for entry in attributes where info.attribute(entry.name)?.kind == .constant {
      separate(&separator)
      writeConstant(entry.value, op)
    }
    let header = code.bindsParametersInHeader ? bindHeader(op) : []
    for (index, value) in function.operands(of: op).enumerated() {
      separate(&separator)
      if code.bindsParametersInHeader {
        writeCarried(index < header.count ? header[index] : nil, value)
      } else if let literal = function.definingOp(of: value), inlined.contains(literal) {
        writeConstant(function.attribute("value", of: literal) ?? .bool(false), literal)
      } else {
        write(labels[value.index])
      }
    }
    for declared in info.attributes where declared.kind != .constant {
      guard let value = attributes.first(where: { $0.name == declared.name })?.value,
        value != declared.defaultValue || declared.kind.isAxis
      else { continue }
      separate(&separator)
      write("\(declared.name): ")
      types.write(value, declared.kind)
    }
    for index in 0..<function.regionCount(of: op) { writeRegion(index, of: op, info) }
    if options.showsLocations { writeLocation(function.location(of: op)) }
    write("\n")
    // The op's own region does not see its results.
    for value in results { register(value) }
  }

  private mutating func separate(_ separator: inout String) {
    write(separator)
    separator = ", "
  }

  private mutating func areTypesInferred(_ op: OpID, _ results: [ValueID]) -> Bool {
    let code = function.opcode(of: op)
    if code.info.results == .stated || code == .constant { return false }
    var symbols = function.symbols
    let inferred = try? inference.infer(
      code, operands: function.operands(of: op).map { function.typeID(of: $0) },
      attributes: function.attributes(of: op), stated: nil, types: function.types, symbols: &symbols)
    return inferred?.results == results.map { function.type(of: $0) }
  }

  /// The constants that are written as literals in place of their only use, which follows at once.
  private func inlinedLiterals(of block: BlockID) -> Set<OpID> {
    var inlined: Set<OpID> = []
    for user in function.ops(in: block) where !function.opcode(of: user).bindsParametersInHeader {
      guard let last = function.op(before: user), isLiteral(last) else { continue }
      let operands = function.operands(of: user)
      var candidates: [Int] = []
      var before: OpID? = last
      for index in operands.indices.reversed() {
        guard let op = before, function.definingOp(of: operands[index]) == op else { continue }
        guard isLiteral(op) else { break }
        candidates.append(index)
        before = function.op(before: op)
      }
      // A constant that stays keeps those before it from being next to their use.
      for count in stride(from: candidates.count, to: 0, by: -1) {
        let chosen = Set(candidates[..<count])
        let known = operands.indices.map { chosen.contains($0) ? nil : function.type(of: operands[$0]) }
        let info = function.opcode(of: user).info
        let isRight = chosen.allSatisfy {
          info.typeOfLiteral(at: $0, known, phase: function.phase) == function.type(of: operands[$0])
        }
        guard isRight else { continue }
        for index in chosen {
          if let op = function.definingOp(of: operands[index]) { inlined.insert(op) }
        }
        break
      }
    }
    return inlined
  }

  private func isLiteral(_ op: OpID) -> Bool {
    guard function.opcode(of: op) == .constant, case .scalar? = function.attribute("value", of: op)
    else { return false }
    let value = function.result(of: op)
    return function.hasOneUse(value) && (options.hidesNames || function.name(of: value) == nil)
      && !options.showsLocations
  }

  private mutating func writeConstant(_ value: Attribute, _ op: OpID) {
    let type = function.resultCount(of: op) > 0 ? function.type(of: function.result(of: op)) : .scalar(.f32)
    switch value {
    case .scalar(let scalar): write(ScalarText.text(scalar, type.element))
    case .tensor(let constant) where constant.tensor.count > Module.inlineConstantLimit:
      let hint = function.resultCount(of: op) > 0 ? function.name(of: function.result(of: op)) : nil
      write("@\(NameText.name(constants.name(of: constant, hint: hint)))")
    case .tensor(let constant): types.write(constant.tensor)
    case .int, .float, .bool, .string, .name, .ints, .floats, .dims, .elementType, .function, .schedule:
      types.write(value, .constant)
    }
  }
}

// MARK: - Regions

extension FunctionPrinter {
  /// Names the parameters that all regions of the op share.
  private mutating func bindHeader(_ op: OpID) -> [ValueID] {
    let regions = function.regions(of: op).map { function.parameters(of: $0) }
    guard let first = regions.first else { return [] }
    for (index, value) in first.enumerated() {
      define(value, besides: first[..<index])
      for other in regions.dropFirst() where index < other.count { labels[other[index].index] = labels[value.index] }
    }
    return first
  }

  private mutating func writeCarried(_ parameter: ValueID?, _ initial: ValueID) {
    if let parameter {
      write(labels[parameter.index])
      let type = function.type(of: parameter)
      if type != function.type(of: initial) {
        write(": ")
        types.write(type)
      }
      write(" = ")
    }
    write(labels[initial.index])
  }

  private mutating func writeRegion(_ index: Int, of op: OpID, _ info: OpInfo) {
    let block = function.region(index, of: op)
    let isIsolated = index < info.regions.count && info.regions[index].isIsolated
    if index > 0 { write(" \(index < info.regions.count ? info.regions[index].name : "region")") }
    let parameters = info.code.bindsParametersInHeader ? [] : function.parameters(of: block)
    if parameters.isEmpty, function.firstOp(of: block) == nil { return write(" { }") }
    let outerNumber = nextNumber
    if isIsolated {
      nextNumber = 0
      isolation += 1
    }
    names.open(isIsolated: isIsolated)
    if info.code.bindsParametersInHeader { for value in function.parameters(of: block) { register(value) } }
    write(" {")
    writeParameters(parameters, of: op)
    write("\n")
    indent += 1
    writeOps(of: block)
    indent -= 1
    names.close(isIsolated: isIsolated)
    if isIsolated {
      nextNumber = outerNumber
      isolation -= 1
    }
    write(String(repeating: "  ", count: indent) + "}")
  }

  private mutating func writeParameters(_ parameters: [ValueID], of op: OpID) {
    if parameters.isEmpty { return }
    let operands = function.operands(of: op).map { function.type(of: $0) }
    let known = function.opcode(of: op).regionParameters(operands: operands) ?? []
    for (index, value) in parameters.enumerated() {
      write(index > 0 ? ", " : " ")
      define(value)
      register(value)
      write(labels[value.index])
      let type = function.type(of: value)
      if index >= known.count || known[index] != type {
        write(": ")
        types.write(type)
      }
    }
    write(" in")
  }
}

// MARK: - Names

extension FunctionPrinter {
  /// Chooses what stands for the value; not what stands for `others`, which are not visible yet.
  private mutating func define(_ value: ValueID, besides others: ArraySlice<ValueID> = []) {
    if let name = function.name(of: value), !options.hidesNames {
      var label = "%" + NameText.name(names.unique(name))
      while others.contains(where: { labels[$0.index] == label }) {
        label = "%" + NameText.name(names.next(name))
      }
      labels[value.index] = label
    } else {
      labels[value.index] = "%\(nextNumber)"
      nextNumber += 1
    }
  }

  /// Makes the value's name visible from here on.
  private mutating func register(_ value: ValueID) {
    if function.name(of: value) != nil, !options.hidesNames { names.insert(labels[value.index]) }
  }
}

/// The labels in sight, so that no two values in sight share one.
private struct VisibleNames {
  private var labels: Set<String> = []
  private var regions: [[String]] = [[]]
  private var hidden: [Set<String>] = []
  private var suffixes: [String: Int] = [:]

  /// The name itself if it is free, or the name with a number.
  mutating func unique(_ name: String) -> String {
    labels.contains("%" + NameText.name(name)) ? next(name) : name
  }

  /// The name with the next number that makes it free.
  mutating func next(_ name: String) -> String {
    while true {
      let suffix = (suffixes[name] ?? 0) + 1
      suffixes[name] = suffix
      let candidate = "\(name)_\(suffix)"
      if !labels.contains("%" + NameText.name(candidate)) { return candidate }
    }
  }

  mutating func insert(_ label: String) {
    if labels.insert(label).inserted { regions[regions.count - 1].append(label) }
  }

  mutating func open(isIsolated: Bool) {
    if isIsolated {
      hidden.append(labels)
      labels = []
    }
    regions.append([])
  }

  mutating func close(isIsolated: Bool) {
    let own = regions.removeLast()
    if isIsolated { labels = hidden.removeLast() } else { labels.subtract(own) }
  }
}
