/// MT19937 (Matsumoto and Nishimura, 1998), which ONNX's reference implementation draws from: with a stated seed the
/// numbers are the same everywhere.
struct MersenneTwister {
  private var state: [UInt32]
  private var position: Int

  init(seed: UInt32) {
    var state: [UInt32] = [seed]
    state.reserveCapacity(Self.count)
    for index in 1..<Self.count {
      let last = state[index - 1]
      state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index))
    }
    self.state = state
    position = Self.count
  }

  /// Uniform in 0 ..< 1, with 53 random bits.
  mutating func uniform() -> Double {
    let (high, low) = (next() >> 5, next() >> 6)
    return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
  }

  private static let count = 624
  private static let distance = 397

  private mutating func next() -> UInt32 {
    if position == Self.count { refill() }
    var word = state[position]
    position += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9d2c_5680
    word ^= (word << 15) & 0xefc6_0000
    return word ^ (word >> 18)
  }

  private mutating func refill() {
    for index in 0..<Self.count {
      let mixed = (state[index] & 0x8000_0000) | (state[(index + 1) % Self.count] & 0x7fff_ffff)
      let twisted = (mixed >> 1) ^ (mixed & 1 == 0 ? 0 : 0x9908_b0df)
      state[index] = state[(index + Self.distance) % Self.count] ^ twisted
    }
    position = 0
  }
}
