import ApusCompiler
import ApusRuntime
import ApusSupport
import ApusTensor
import Synchronization

/// Memory for one call in which every byte is the same before it: results must not depend on it, and where no value lies, around
/// the arena and its values and around each output, it must be left alone.
final class PoisonedMemory {
  /// What lies around a block: no less than the vectors that code writes.
  static let space = 256
  /// NaN or −1, and an ordinary number in every type: a write that goes unseen in one is seen in the other.
  static let poisons: [UInt8] = [0xFF, 0x5A]

  private let poison: UInt8
  private let places: [Range<Int>]
  private var blocks: [Block] = []
  /// What the code asks for while it runs.
  private let further = FurtherBlocks()
  private var furtherDamage: String?

  /// - Parameter places: where values lie in the arena.
  init(_ poison: UInt8, places: [Range<Int>]) {
    self.poison = poison
    self.places = places
  }

  var memory: CallMemory {
    var memory = CallMemory(
      arena: { self.add("the arena", $0, self.places).start },
      output: { type, shape in
        let count = try Tensor.byteCount(of: type, shape: shape)
        let block = self.add("output \(self.blocks.count - 1)", count, [0..<count])
        let bytes = UnsafeMutableRawBufferPointer(start: block.start, count: count)
        return try Tensor(type, shape: shape, storage: TensorStorage(borrowingWritable: bytes) { withExtendedLifetime(block) {} })
      })
    memory.space = Self.space
    memory.allocated = { [further, poison] in further.add($0, poison) }
    memory.finished = { [poison] in self.furtherDamage = self.further.damage(poison) }
    return memory
  }

  /// The first byte that was written where no value lies.
  var damage: String? {
    for block in blocks {
      if let offset = block.firstChange(poison) {
        return "byte \(offset) of \(block.name), which has \(block.count), is written though nothing lies there"
      }
    }
    return furtherDamage
  }

  private func add(_ name: String, _ count: Int, _ places: [Range<Int>]) -> Block {
    let block = Block(name, count, places, poison)
    blocks.append(block)
    return block
  }

  /// Blocks with space behind them, which last as long as the call.
  private final class FurtherBlocks: Sendable {
    private let blocks = Mutex<[(address: UInt, count: Int)]>([])

    func add(_ block: UnsafeMutableRawBufferPointer, _ poison: UInt8) {
      block.initializeMemory(as: UInt8.self, repeating: poison)
      let place = (UInt(bitPattern: block.baseAddress), block.count)
      blocks.withLock { $0.append(place) }
    }

    func damage(_ poison: UInt8) -> String? {
      for (address, count) in blocks.withLock({ $0 }) {
        let bytes = UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count)
        let end = count - PoisonedMemory.space
        if let offset = bytes[end...].firstIndex(where: { $0 != poison }) {
          return "byte \(offset) of a block of \(end) that the code asked for is written though nothing lies there"
        }
      }
      return nil
    }
  }

  /// Bytes with space before and behind them. Nobody but the call writes them, and that has ended when they are looked at.
  private final class Block: @unchecked Sendable {
    let name: String
    let count: Int
    let start: UnsafeMutableRawPointer
    private let places: [Range<Int>]
    private let whole: UnsafeMutableRawBufferPointer

    init(_ name: String, _ count: Int, _ places: [Range<Int>], _ poison: UInt8) {
      (self.name, self.count) = (name, count)
      self.places = places.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
      whole = .allocate(byteCount: count + 2 * PoisonedMemory.space, alignment: Arena.alignment)
      whole.initializeMemory(as: UInt8.self, repeating: poison)
      guard let base = whole.baseAddress else { preconditionFailure("the space around a block has an address") }
      start = base + PoisonedMemory.space
    }

    deinit { whole.deallocate() }

    /// The first byte outside of all places that is not as it was, counted from the start.
    func firstChange(_ poison: UInt8) -> Int? {
      var next = -PoisonedMemory.space
      for place in places + [count + PoisonedMemory.space..<Int.max] {
        while next < place.lowerBound {
          if start.load(fromByteOffset: next, as: UInt8.self) != poison { return next }
          next += 1
        }
        next = max(next, place.upperBound)
      }
      return nil
    }
  }
}

extension PoisonedMemory {
  /// What shows on these inputs that code depends on what lies in memory before, or writes where it must not.
  ///
  /// - Parameter expected: how the code ends in other memory.
  static func problem(
    _ code: Executable, _ loops: LoopsModule, _ inputs: [Tensor], _ expected: RunOutcome
  ) throws -> String? {
    // Shapes that are refused have no places, and no code that runs.
    let places = (try? loops.placesInArena(inputShapes: inputs.map(\.shape))) ?? []
    for poison in poisons {
      let memory = PoisonedMemory(poison, places: places)
      let outcome = try RunOutcome { try code.run(inputs, in: memory.memory) }
      if let damage = memory.damage { return damage }
      if !outcome.isSame(as: expected) {
        return "in memory full of 0x\(String(poison, radix: 16)): \(Judge.difference(expected, outcome))"
      }
    }
    return nil
  }
}
