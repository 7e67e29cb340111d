/// In which order the symbols of a function first appear in its text, and what they are called there.
struct SymbolOrder {
  /// The symbols that the text names or that it must list, by id.
  private(set) var printed: [SymbolID] = []
  /// Names for symbols whose own does not serve: none where `?` cannot stand, or one that is taken.
  private(set) var names: [SymbolID: String] = [:]
  /// Reading the text back would number the symbols otherwise, or mistake where they come from.
  private(set) var needsList = false

  init(_ function: Function) {
    let symbols = function.symbols
    if symbols.count == 0 { return }
    var walk = Walk(count: symbols.count)
    for value in function.parameters { walk.visit(function.type(of: value)) }
    let parameterSymbols = walk.seen
    for type in function.resultTypes { walk.visit(type) }
    walk.visitBody(of: function)

    let isComplete = function.phase == .loops
    printed = symbols.ids.filter { walk.seen[$0.index] || (isComplete && symbols[$0].origin == .argument) }
    name(printed, symbols, walk)
    let named = printed.filter { !(names[$0] ?? symbols[$0].name).isEmpty }
    // Bounds are read before the body, so the symbols that have some come first.
    let bounded = named.filter { !walk.header[$0.index] && symbols[$0].bounds != DimBounds() }
    needsList = printed.contains { id in
      let isArgument = symbols[id].origin == .argument
      return isArgument != parameterSymbols[id.index]
    }
    let isBounded = Set(bounded)
    let order = walk.order.filter { walk.header[$0.index] } + bounded
      + walk.order.filter { !walk.header[$0.index] && !isBounded.contains($0) }
    // A list cannot say where those stand that have no name, and it does not matter: no expression holds them.
    let isNamed = Set(named)
    let listed = order.filter { isNamed.contains($0) }
    needsList = needsList || zip(listed, listed.dropFirst()).contains { $0 > $1 }
  }

  /// `B, T, N?`.
  func list(_ symbols: SymbolTable, _ names: [SymbolID: String]) -> String {
    printed.compactMap { id in
      let name = names[id] ?? symbols[id].name
      if name.isEmpty { return nil }
      return NameText.word(name) + (symbols[id].origin == .value ? "?" : "")
    }.joined(separator: ", ")
  }

  private mutating func name(_ ids: [SymbolID], _ symbols: SymbolTable, _ walk: Walk) {
    var taken = Set(ids.map { symbols[$0].name })
    var used: Set<String> = []
    var next = 0
    for id in ids {
      let name = symbols[id].name
      if name.isEmpty {
        guard walk.needsName[id.index] || walk.uses[id.index] > 1 else { continue }
        var candidate = "d\(next)"
        while !taken.insert(candidate).inserted {
          next += 1
          candidate = "d\(next)"
        }
        names[id] = candidate
      } else if !used.insert(name).inserted {
        var suffix = 1
        while !taken.insert("\(name)_\(suffix)").inserted { suffix += 1 }
        names[id] = "\(name)_\(suffix)"
      }
    }
  }
}

/// Visits the symbols of everything that is printed, in order.
private struct Walk {
  var order: [SymbolID] = []
  var seen: [Bool]
  /// Seen in the types of parameters or results.
  var header: [Bool] = []
  var uses: [Int]
  /// Stands within an expression, where `?` has no place.
  var needsName: [Bool]

  init(count: Int) {
    seen = [Bool](repeating: false, count: count)
    uses = [Int](repeating: 0, count: count)
    needsName = seen
  }

  mutating func visit(_ type: TensorType) {
    for dim in type.dims { visit(dim) }
  }

  mutating func visit(_ dim: Dim) {
    if case .constant = dim { return }
    let isWhole = dim.symbolID != nil
    dim.forEachSymbol { id in
      uses[id.index] += 1
      if !isWhole { needsName[id.index] = true }
      if !seen[id.index] {
        seen[id.index] = true
        order.append(id)
      }
    }
  }

  mutating func visitBody(of function: Function) {
    header = seen
    // Types are interned, so a type whose symbols are all seen twice has nothing more to tell.
    var visits: [TypeID: Int] = [:]
    func visit(_ value: ValueID, _ walk: inout Walk) {
      let type = function.typeID(of: value)
      let count = visits[type, default: 0]
      if count >= 2 { return }
      visits[type] = count + 1
      walk.visit(function.type(of: value))
    }
    for op in function.allOps() {
      for value in function.results(of: op) { visit(value, &self) }
      for entry in function.attributes(of: op) {
        guard case .dims(let dims) = entry.value else { continue }
        for dim in dims {
          self.visit(dim)
          dim.forEachSymbol { needsName[$0.index] = true }
        }
      }
      for block in function.regions(of: op) {
        for value in function.parameters(of: block) { visit(value, &self) }
      }
    }
  }
}
