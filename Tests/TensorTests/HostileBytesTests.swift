import ApusSupport
import ApusTensor
import Testing

/// Whatever the bytes, a reader gives a value or a diagnostic, and no array over the limit.
@Suite struct HostileBytesTests {
  static let limit = 1 << 20

  enum Kind: CaseIterable, Sendable { case npy, npz, safetensors }

  struct Seed: Sendable, CustomTestStringConvertible {
    var kind: Kind
    var name: String
    var testDescription: String { name }
  }

  static let seeds = [
    Seed(kind: .npy, name: "fortran-big-f16.npy"), Seed(kind: .npy, name: "version2-s16.npy"),
    Seed(kind: .npz, name: "zip64.npz"), Seed(kind: .npz, name: "deflated.npz"),
    Seed(kind: .safetensors, name: "mixed.safetensors"),
  ]

  /// Reads everything in `bytes`; the number of arrays that came out. Any error but a diagnostic fails the test.
  private func readAll(_ bytes: [UInt8], as kind: Kind) throws -> Int {
    var read = 0
    func collect(_ body: () throws -> Tensor) throws {
      do {
        let tensor = try body()
        read += 1
        #expect(tensor.byteCount <= Self.limit)
        _ = tensor.sha256
      } catch let error as DiagnosticError {
        let id = error.diagnostics.first?.id ?? ""
        #expect(["npy.", "npz.", "safetensors.", "tensor."].contains { id.hasPrefix($0) })
        #expect(!error.description.isEmpty)
      }
    }
    let file = try FileBytes(name: "hostile", bytes: bytes)
    do {
      switch kind {
      case .npy: try collect { try NumPyArray.read(file) }
      case .npz:
        let archive = try NumPyArchive(file, byteLimit: Self.limit)
        for name in archive.names { try collect { try archive.tensor(named: name) } }
      case .safetensors:
        let tensors = try SafeTensors(file)
        for name in tensors.names { try collect { try tensors.tensor(named: name) } }
      }
    } catch is DiagnosticError {}
    return read
  }

  @Test(arguments: seeds) func everyTruncationIsRefused(_ seed: Seed) throws {
    let bytes = try contents(fixture(seed.name))
    #expect(try readAll(bytes, as: seed.kind) > 0)
    for length in 0..<bytes.count { #expect(try readAll(Array(bytes[..<length]), as: seed.kind) == 0) }
  }

  @Test(arguments: seeds) func mutationsNeverCrash(_ seed: Seed) throws {
    let original = try contents(fixture(seed.name))
    var random = SplitMix64(seed: 0xA9)
    var refused = 0
    for round in 0..<1000 {
      var bytes = original
      for _ in 0..<(round % 2 == 0 ? 1 : Int.random(in: 2...8, using: &random)) {
        mutate(&bytes, &random)
      }
      if try readAll(bytes, as: seed.kind) == 0 { refused += 1 }
    }
    // Both ways out must be taken, or the mutations test nothing.
    #expect(refused > 0 && refused < 1000)
  }

  private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    guard !bytes.isEmpty else { return }
    let at = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[at] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
    case 2: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
    case 3: bytes.remove(at: at)
    case 4: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: at)
    default: for index in at..<min(at + 4, bytes.count) { bytes[index] = 0xFF }
    }
  }
}
