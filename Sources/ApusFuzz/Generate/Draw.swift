import ApusSupport

/// Choices drawn from a seed: the same seed makes the same choices.
struct Draw: Sendable {
  private var generator: SplitMix64

  init(seed: UInt64) { generator = SplitMix64(seed: seed) }

  /// A seed for something that draws by itself.
  mutating func seed() -> UInt64 { generator.next() }

  mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

  /// True `percent` times of a hundred.
  mutating func chance(_ percent: Int) -> Bool { int(0...99) < percent }

  mutating func pick<Element>(_ list: some Collection<Element>) -> Element? { list.randomElement(using: &generator) }

  /// One of a list that is not empty.
  mutating func one<Element>(of list: [Element]) -> Element {
    precondition(!list.isEmpty, "there is something to draw from")
    return list[int(0...list.count - 1)]
  }

  mutating func shuffled<Element>(_ list: some Sequence<Element>) -> [Element] { list.shuffled(using: &generator) }

  /// Some of a list in its order, each with the chance of a coin.
  mutating func some<Element>(of list: some Sequence<Element>) -> [Element] { list.filter { _ in chance(50) } }
}
