import ApusSupport
import Testing

@Suite struct RandomNumberTests {
  /// The known answer of Random123's test vectors for a counter and a key of zeros.
  @Test func philox() {
    #expect(Philox(key: 0).block(0) == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let one = Philox(key: 7)
    #expect(one.block(3) == Philox(key: 7).block(3) && one.block(3) != one.block(4))
  }

  /// The first numbers of the authors' program for the seed 1234567.
  @Test func splitMix() {
    var random = SplitMix64(seed: 1_234_567)
    #expect((0..<3).map { _ in random.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  private struct Key: Handle {
    let raw: UInt32
    init(raw: UInt32) { self.raw = raw }
  }

  @Test func tables() {
    var table = Table<Key, String>()
    let keys = ["a", "b", "c"].map { table.append($0) }
    table[keys[1]] += "!"
    #expect(table.count == 3 && table[keys[1]] == "b!" && Array(table.keys) == keys)
    #expect(keys[0] < keys[1] && Key.none.isNone && !keys[2].isNone && Key(2) == keys[2])
  }
}
