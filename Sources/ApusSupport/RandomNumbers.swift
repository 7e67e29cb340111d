/// Counter-based random numbers: `block(counter)` depends on the key and the counter alone, so the
/// bits are the same in every order of evaluation and on every thread count.
///
/// Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC'11).
public struct Philox: Sendable {
  public let key: UInt64
  public init(key: UInt64) { self.key = key }

  public func block(_ counter: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
    var x = (UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), UInt32(0), UInt32(0))
    var k = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    for _ in 0..<10 {
      let a = UInt64(x.0) * 0xD251_1F53
      let b = UInt64(x.2) * 0xCD9E_8D57
      x = (
        UInt32(b >> 32) ^ x.1 ^ k.0, UInt32(truncatingIfNeeded: b),
        UInt32(a >> 32) ^ x.3 ^ k.1, UInt32(truncatingIfNeeded: a)
      )
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
    }
    return x
  }
}

/// SplitMix64, for tests, seeds and generated inputs (Steele, Lea and Flood, OOPSLA'14).
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
