import ApusSupport
import ApusTensor
import Testing

@Suite struct TensorTests {
  @Test func valuesComeBack() {
    let tensor = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(tensor.values(as: Float.self) == [1, 2, 3, 4, 5, 6])
    #expect(tensor.elementType == .f32)
    #expect(tensor.byteCount == 24)
    #expect(tensor.rank == 2)
    #expect(tensor.description == "f32[2, 3]")
    #expect(tensor.storage.isAligned(to: 64))
  }

  @Test func scalarAndEmpty() throws {
    let scalar = Tensor(scalar: Int64.min)
    #expect(scalar.shape == [] && scalar.count == 1)
    #expect(scalar.scalar(at: 0) == .signed(.min))
    let empty = try Tensor.zeros(.f64, shape: [3, 0, 2])
    #expect(empty.count == 0 && empty.byteCount == 0)
    #expect(empty.values(as: Double.self) == [])
    #expect(Tensor([Float](), shape: [0]).count == 0)
  }

  /// Storage of a huge page and more starts on one, and is as usable to its last byte as any.
  @Test func largeStorage() throws {
    for count in [(2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5_000_001] {
      var tensor = try Tensor.uninitialized(.u8, shape: [count])
      #expect(tensor.storage.isAligned(to: count < 2 << 20 ? 64 : 2 << 20) && tensor.byteCount == count)
      tensor.withUnsafeMutableBytes { bytes in
        bytes[0] = 1
        bytes[count - 1] = 2
      }
      #expect(tensor.scalar(at: 0) == .unsigned(1) && tensor.scalar(at: count - 1) == .unsigned(2))
    }
  }

  @Test func zerosAreZero() throws {
    for type in ElementType.allCases {
      let tensor = try Tensor.zeros(type, shape: [3, 5])
      #expect(tensor.byteCount == 15 * type.byteCount)
      for index in 0..<15 { #expect(tensor.scalar(at: index) == .zero(type)) }
    }
  }

  @Test func writingCopiesWhatIsShared() {
    let first = Tensor([1, 2] as [Int32])
    var second = first
    second.setScalar(.signed(9), at: 0)
    #expect(first.values(as: Int32.self) == [1, 2])
    #expect(second.values(as: Int32.self) == [9, 2])
    let storage = ObjectIdentifier(second.storage)
    second.setScalar(.signed(8), at: 1)
    #expect(ObjectIdentifier(second.storage) == storage)
  }

  @Test func borrowedConstantsAreNeverWritten() throws {
    let released = Counter()
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
    defer { memory.deallocate() }
    memory.storeBytes(of: 5, as: Int32.self)
    memory.storeBytes(of: 6, toByteOffset: 4, as: Int32.self)
    do {
      let storage = TensorStorage(borrowing: UnsafeRawBufferPointer(memory), release: { released.increment() })
      var tensor = try Tensor(.s32, shape: [2], storage: storage)
      tensor.setScalar(.signed(7), at: 0)
      #expect(tensor.values(as: Int32.self) == [7, 6])
      #expect(released.value == 0)
    }
    #expect(memory.load(as: Int32.self) == 5)
    #expect(released.value == 1)
  }

  @Test func writableBorrowIsWrittenInPlaceWhenUnique() throws {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    var tensor = try Tensor(.s32, shape: [2], storage: TensorStorage(borrowingWritable: memory))
    tensor.setScalar(.signed(-1), at: 1)
    #expect(memory.load(fromByteOffset: 4, as: Int32.self) == -1)
    let copy = tensor
    tensor.setScalar(.signed(3), at: 1)
    #expect(memory.load(fromByteOffset: 4, as: Int32.self) == -1)
    #expect(copy.scalar(at: 1) == .signed(-1))
  }

  /// Four elements of every type, as they lie at each distance from an aligned address.
  @Test(arguments: ElementType.allCases) func elementsMayLieAnywhere(_ type: ElementType) throws {
    let width = type.byteCount
    let plain = try Tensor(repeating: .one(type), type, shape: [2, 2])
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 5 * width, alignment: 8)
    defer { memory.deallocate() }
    for shift in 0..<width {
      let place = UnsafeMutableRawBufferPointer(rebasing: memory[shift..<(shift + 4 * width)])
      plain.withUnsafeBytes { place.copyMemory(from: $0) }
      var tensor = try Tensor(type, shape: [2, 2], storage: TensorStorage(borrowing: UnsafeRawBufferPointer(place)))
      #expect(tensor == plain && tensor.hashValue == plain.hashValue && tensor.sha256 == plain.sha256)
      #expect(tensor.scalar(at: 3) == .one(type))
      for alignment in [1, 2, 4, 8, 64] {
        let aligned = try tensor.aligned(to: alignment)
        #expect(aligned == plain && aligned.storage.isAligned(to: alignment))
        #expect((aligned.storage === tensor.storage) == tensor.storage.isAligned(to: alignment))
      }
      tensor.setScalar(.zero(type), at: 0)
      #expect(tensor.scalar(at: 0) == .zero(type) && tensor.scalar(at: 1) == .one(type))
      #expect(plain.withUnsafeBytes { $0.elementsEqual(place) })
    }
  }

  @Test(arguments: [[Int.max], [1 << 32, 1 << 32], [0, Int.max, 2], [1 << 61]])
  func sizesThatOverflowAreRefused(_ shape: [Int]) {
    #expect(errorID { _ = try Tensor.zeros(.f64, shape: shape) } == "tensor.too-large")
  }

  @Test func hugeButCountableSizesAreRefusedByTheSystem() {
    #expect(errorID { _ = try Tensor.zeros(.u8, shape: [Int.max]) } == "tensor.no-memory")
    #expect(errorID { _ = try Tensor.zeros(.u8, shape: [1 << 60]) } == "tensor.no-memory")
  }

  @Test func negativeAndMismatchedSizesAreRefused() throws {
    #expect(errorID { _ = try Tensor.zeros(.f32, shape: [2, -1]) } == "tensor.negative-dimension")
    let storage = try TensorStorage(byteCount: 7)
    #expect(errorID { _ = try Tensor(.f32, shape: [2], storage: storage) } == "tensor.size")
    #expect(errorID { _ = try Tensor([1, 2] as [Float]).reshaped([3]) } == "tensor.size")
  }

  @Test func equalityIsByBits() throws {
    #expect(Tensor([Float.nan]) == Tensor([Float.nan]))
    #expect(Tensor([0.0 as Float]) != Tensor([-0.0 as Float]))
    #expect(Tensor([1 as Float]) != Tensor([1 as Float], shape: [1, 1]))
    #expect(Tensor([1 as Float]).hashValue == Tensor([1 as Float]).hashValue)
    #expect(try Tensor([1, 2] as [Int8]).reshaped([2, 1]) == Tensor([1, 2] as [Int8], shape: [2, 1]))
  }

  @Test func repeatingConverts() throws {
    let tensor = try Tensor(repeating: .float(2.9), .s16, shape: [3])
    #expect(tensor.values(as: Int16.self) == [2, 2, 2])
    #expect(Tensor([true, false]).values(as: Bool.self) == [true, false])
  }
}
