import ApusIR

/// What the compiler knows of a function's sizes without running it: rules decide by it what is valid and what is the same.
struct SizeFacts {
  private let symbols: SymbolTable
  private let sizes: [Dim]
  /// Enough for most functions; pairs are compared.
  private static let mostSizes = 16

  /// Sizes of values, and small numbers to compare them with.
  init(_ function: Function) {
    symbols = function.symbols
    var sizes: [Dim] = []
    func add(_ size: Dim) {
      if sizes.count < Self.mostSizes, !sizes.contains(size) { sizes.append(size) }
    }
    let types = function.parameters.map { function.type(of: $0) } + function.resultTypes
    for size in types.flatMap(\.dims) where size.constantValue == nil { add(size) }
    function.forEachOp { op in
      for value in function.results(of: op) {
        for size in function.type(of: value).dims where size.constantValue == nil { add(size) }
      }
    }
    if !sizes.isEmpty { for number in 0...3 { add(.constant(number)) } }
    self.sizes = sizes
  }

  /// A fact that is wrong for some numbers within the symbols' bounds.
  func problem(seed: UInt64) -> String? {
    guard !sizes.isEmpty else { return nil }
    var draw = Draw(seed: seed)
    let samples = [{ $0.lowerBound }, { $0.upperBound }, { draw.int($0) }].map { (pick: (ClosedRange<Int>) -> Int) in
      Dictionary(uniqueKeysWithValues: symbols.ids.map { ($0, pick(range(of: $0))) })
    }
    let values = samples.map { sample in sizes.map { size in try? size.evaluate { sample[$0] ?? 0 } } }
    for (index, size) in sizes.enumerated() {
      let bounds = symbols.bounds(of: size)
      for value in values.compactMap({ $0[index] }) where !bounds.contains(value) {
        return "\(symbols.text(size)) can be \(value), outside of its bounds"
      }
      for (other, second) in sizes.enumerated() where other != index {
        let (equal, atMost) = (symbols.equal(size, second), symbols.lessOrEqual(size, second))
        for sample in values {
          guard let a = sample[index], let b = sample[other] else { continue }
          if equal.excludes(a == b) { return "\(symbols.text(size)) == \(symbols.text(second)) is said to be '\(equal)' for \(a) and \(b)" }
          if atMost.excludes(a <= b) { return "\(symbols.text(size)) <= \(symbols.text(second)) is said to be '\(atMost)' for \(a) and \(b)" }
        }
      }
    }
    return nil
  }

  private func range(of symbol: SymbolID) -> ClosedRange<Int> {
    let bounds = symbols[symbol].bounds
    let lower = max(bounds.lower ?? 0, 0)
    return lower...max(lower, min(bounds.upper ?? .max, lower + InputDrawing.mostAboveLeast))
  }
}

extension Trilean {
  /// Whether it says that `outcome` cannot be.
  fileprivate func excludes(_ outcome: Bool) -> Bool { self == (outcome ? .no : .yes) }
}
