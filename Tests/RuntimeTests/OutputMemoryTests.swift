import ApusTensor
import Testing

@testable import ApusRuntime

@Suite struct OutputMemoryTests {
  private let count = OutputMemory.leastBytes / 4

  private func address(_ tensor: Tensor) -> Int { tensor.withUnsafeBytes { Int(bitPattern: $0.baseAddress) } }

  @Test func memoryIsLentAgainOnceItsTensorIsGone() throws {
    let memory = OutputMemory(mostIdle: 1)
    var first: Tensor? = try memory.tensor(.f32, shape: [count])
    let place = address(first!)
    let second = try memory.tensor(.f32, shape: [count])
    #expect(address(second) != place)
    let copy = first
    first = nil
    #expect(memory.idleBytes == 0)
    #expect(copy.map(address) == place)
    _ = consume copy
    #expect(memory.idleBytes == 4 * count)
    #expect(address(try memory.tensor(.s32, shape: [count / 2, 2])) == place)
  }

  @Test func onlySoManyBlocksAreKept() throws {
    let memory = OutputMemory(mostIdle: 2)
    do {
      let tensors = try (0..<5).map { try memory.tensor(.f32, shape: [count + $0]) }
      #expect(Set(tensors.map(address)).count == 5)
    }
    #expect(memory.idleBytes <= 2 * 4 * (count + 4) && memory.idleBytes > 4 * count)
  }

  @Test func otherSizesAndSmallTensorsGetMemoryOfTheirOwn() throws {
    let memory = OutputMemory(mostIdle: 4)
    _ = try memory.tensor(.f32, shape: [count])
    #expect(memory.idleBytes == 4 * count)
    let other = try memory.tensor(.f32, shape: [count + 1])
    #expect(memory.idleBytes == 4 * count && other.shape == [count + 1])
    _ = try memory.tensor(.f32, shape: [3])
    _ = try memory.tensor(.f32, shape: [0])
    #expect(memory.idleBytes == 4 * count)
  }

  @Test func aTensorOutlivesTheMemoryItCameFrom() throws {
    var memory: OutputMemory? = OutputMemory(mostIdle: 1)
    var tensor = try memory!.tensor(.f32, shape: [count])
    memory = nil
    tensor.withUnsafeMutableBytes { bytes in for index in bytes.indices { bytes[index] = 7 } }
    #expect(tensor.withUnsafeBytes { $0.allSatisfy { $0 == 7 } })
  }

  @Test func sizesThatOverflowAreRefused() {
    #expect(throws: (any Error).self) { try OutputMemory(mostIdle: 1).tensor(.f64, shape: [.max, 2]) }
  }
}
