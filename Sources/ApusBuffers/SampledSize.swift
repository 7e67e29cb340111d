import ApusIR
import ApusSupport

/// A size, and what it is for a few values of its symbols: what is not in order there is not in order for all values, and
/// no proof needs to be looked for.
struct SampledSize {
  let size: Dim
  /// None where one does not fit in 64 bits.
  private let samples: [Int]

  init(_ size: Dim, _ symbols: SymbolTable) {
    self.size = size
    let places = [symbols.usualSize] + SymbolTable.samples.map { symbols.size(near: $0) }
    samples = (try? places.map { try size.evaluate($0) }) ?? []
  }

  /// Whether it surely is no larger than another.
  func isAtMost(_ other: SampledSize, _ symbols: SymbolTable) -> Bool {
    zip(samples, other.samples).allSatisfy { $0 <= $1 } && symbols.lessOrEqual(size, other.size) == .yes
  }

  func isEqual(to other: SampledSize, _ symbols: SymbolTable) -> Bool {
    zip(samples, other.samples).allSatisfy { $0 == $1 } && symbols.equal(size, other.size) == .yes
  }
}

extension SymbolTable {
  /// Sizes for which plans are compared.
  static let samples = [1, 7, 40]

  /// For each symbol the size nearest to one that it can have.
  func size(near size: Int) -> @Sendable (SymbolID) -> Int {
    { min(max(size, self[$0].bounds.lower ?? 0), self[$0].bounds.upper ?? .max) }
  }
}
