import ApusTensor
import Testing

@Suite struct SHA256Tests {
  /// The examples of FIPS 180-4 and of NIST's CAVP short messages.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
        + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func nistVectors(_ text: String, _ expected: String) {
    var hash = SHA256()
    hash.update(text)
    #expect(hash.finalized().description == expected)
  }

  @Test func oneByte() {
    var hash = SHA256()
    hash.update([0xD3])
    #expect(hash.finalized().description == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1")
  }

  @Test func aHundredThousandLetters() {
    var hash = SHA256()
    for _ in 0..<100 { hash.update([UInt8](repeating: UInt8(ascii: "a"), count: 1000)) }
    #expect(hash.finalized().description == "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee")
  }

  @Test func piecesOfAnySizeGiveTheSameDigest() {
    let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var whole = SHA256()
    whole.update(message)
    for size in [1, 3, 55, 56, 63, 64, 65, 128, 299] {
      var pieces = SHA256()
      for start in stride(from: 0, to: 300, by: size) { pieces.update(Array(message[start..<min(300, start + size)])) }
      #expect(pieces.finalized() == whole.finalized())
    }
  }

  @Test func tensorHashesItsBytes() {
    #expect(Tensor([UInt8](Array("abc".utf8))).sha256.description.hasPrefix("ba7816bf"))
  }
}
