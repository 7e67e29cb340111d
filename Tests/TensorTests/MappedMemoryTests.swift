import Foundation
import Testing

@testable import ApusTensor

/// Bytes of mapped files take memory only while they are needed.
@Suite struct MappedMemoryTests {
  static let count = 12 << 20

  /// A tensor in the middle of a file, which begins off any boundary; the body also gets the file's path.
  private func withMapped(_ body: (Tensor, String) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/weights.bin"
      var bytes = Data(count: Self.count + 100)
      for place in stride(from: 0, to: bytes.count, by: 1000) { bytes[place] = UInt8(truncatingIfNeeded: place / 1000) }
      try bytes.write(to: URL(fileURLWithPath: path))
      let file = try FileBytes(path: path)
      let part = try #require(file.slice(37..<37 + Self.count))
      try body(try Tensor(.u8, shape: [Self.count], storage: part.storage), path)
    }
  }

  private func sum(_ tensor: Tensor) -> Int { tensor.withUnsafeBytes { $0.reduce(0) { $0 + Int($1) } } }

  /// The bytes of a mapped file that lie in this process's memory; nil where the system does not tell.
  private func resident(_ path: String) -> Int? {
    guard let data = FileHandle(forReadingAtPath: "/proc/self/smaps")?.readDataToEndOfFile() else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    var isOwn = false
    var kilobytes = 0
    for line in text.split(separator: "\n") {
      if line.contains(path) { isOwn = true }
      guard isOwn, line.hasPrefix("Rss:") else { continue }
      kilobytes += Int(line.split(separator: " ")[1]) ?? 0
      isOwn = false
    }
    return kilobytes << 10
  }

  @Test func bytesLeaveAndComeBack() throws {
    try withMapped { tensor, path in
      let known = sum(tensor)
      let before = try #require(resident(path))
      tensor.leaveMemory()
      let after = try #require(resident(path))
      #expect(before >= Self.count)
      #expect(after < Self.count / 8)
      #expect(sum(tensor) == known)
    }
  }

  @Test func aCopyTakesTheirPlace() throws {
    try withMapped { tensor, path in
      let copy = try tensor.aligned(to: 64)
      let left = try #require(resident(path))
      #expect(copy.storage.isAligned(to: 64))
      #expect(left < Self.count / 8)
      #expect(copy == tensor)
    }
  }

  @Test func whatIsNotMappedStays() {
    let tensor = Tensor([1, 2, 3] as [Float], shape: [3])
    tensor.leaveMemory()
    let numbers = tensor.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    #expect(numbers == [1, 2, 3])
  }
}
