import ApusRuntime
import ApusSupport
import Testing

@Suite struct ArenaTests {
  @Test func growsAndIsReused() throws {
    let arena = Arena()
    let first = try arena.reserve(100)
    #expect(Int(bitPattern: first) % 64 == 0 && arena.capacity == 128)
    #expect(try arena.reserve(128) == first && arena.reserve(0) == first)
    _ = try arena.reserve(1_000_000)
    #expect(arena.capacity >= 1_000_000)
    let large = try arena.reserve(5)
    large.initializeMemory(as: UInt8.self, repeating: 1, count: arena.capacity)
    arena.release()
    #expect(arena.capacity == 0)
    _ = try arena.reserve(0)
  }

  @Test func hugePagesAlignLargeBlocks() throws {
    let arena = Arena()
    _ = try arena.reserve(1000)
    #expect(arena.capacity == 1024)
    let block = try arena.reserve(3 << 20)
    #expect(Int(bitPattern: block) % (2 << 20) == 0 && arena.capacity == 4 << 20)
  }

  @Test func impossibleSizesThrow() throws {
    let arena = Arena()
    #expect(throws: DiagnosticError.self) { try arena.reserve(.max) }
    #expect(throws: DiagnosticError.self) { try arena.reserve(.max - 4096) }
    #expect(arena.capacity == 0)
    _ = try arena.reserve(10)
    #expect(arena.capacity == 64)
  }
}
