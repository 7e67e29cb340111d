/// Which values an op may use: those defined before it in its block or in the blocks around it, as far
/// as no isolated region lies between.
struct DominanceScope {
  enum Problem {
    case notVisible
    /// Visible but for an isolated region in between.
    case isIsolated
  }

  /// 0 where the value is not visible, else 1 + the number of the isolated region it belongs to.
  private var home: [UInt32]
  /// Values defined in each open region, innermost last.
  private var regions: [[ValueID]] = []
  /// Numbers of the isolated regions that are open; 0 is the function itself.
  private var isolated: [UInt32] = [0]
  private var isolatedCount: UInt32 = 0

  init(valueCount: Int) { home = [UInt32](repeating: 0, count: valueCount) }

  var isIsolated: Bool { isolated.count > 1 }

  mutating func open(isIsolated: Bool) {
    regions.append([])
    guard isIsolated else { return }
    isolatedCount += 1
    isolated.append(isolatedCount)
  }

  mutating func close(isIsolated: Bool) {
    for value in regions.removeLast() { home[value.index] = 0 }
    if isIsolated { isolated.removeLast() }
  }

  mutating func define(_ value: ValueID) {
    home[value.index] = 1 + isolated[isolated.count - 1]
    regions[regions.count - 1].append(value)
  }

  func problem(with value: ValueID) -> Problem? {
    let found = home[value.index]
    if found == 0 { return .notVisible }
    return found == 1 + isolated[isolated.count - 1] ? nil : .isIsolated
  }
}

/// Which symbols may stand in types and attributes: those of the arguments, and those that a visible
/// value brought in.
struct SymbolScope {
  private var isKnown: [Bool]
  private var regions: [[SymbolID]] = []

  init(_ function: Function) {
    let symbols = function.symbols
    isKnown = [Bool](repeating: false, count: symbols.count)
    for value in function.parameters {
      for dim in function.type(of: value).dims { dim.forEachSymbol { isKnown[$0.index] = true } }
    }
    // A function of phase `loops` is given its symbols by whoever launches it.
    guard function.phase == .loops else { return }
    for id in symbols.ids where symbols[id].origin == .argument { isKnown[id.index] = true }
  }

  func isVisible(_ id: SymbolID) -> Bool { isKnown[id.index] }

  mutating func introduce(_ id: SymbolID) {
    if isKnown[id.index] { return }
    isKnown[id.index] = true
    regions[regions.count - 1].append(id)
  }

  mutating func open() { regions.append([]) }

  mutating func close() {
    for id in regions.removeLast() { isKnown[id.index] = false }
  }
}
