import ApusSupport
import ApusTensor
import Testing

@Suite struct NumPyArchiveTests {
  @Test(arguments: ["stored.npz", "deflated.npz"]) func archivesWrittenByNumPy(_ name: String) throws {
    let archive = try NumPyArchive(path: fixture(name))
    #expect(archive.names.count == 15)
    #expect(archive.names.prefix(2) == ["f4", "f8"])
    let types: [(String, ElementType)] = [
      ("f4", .f32), ("f8", .f64), ("f2", .f16), ("i1", .s8), ("i2", .s16), ("i4", .s32), ("i8", .s64),
      ("u1", .u8), ("u2", .u16), ("u4", .u32), ("u8", .u64),
    ]
    for (name, type) in types {
      let tensor = try archive.tensor(named: name)
      #expect(tensor.elementType == type && tensor.shape == [5])
      #expect((0..<5).map { tensor.scalar(at: $0) } == (0..<5).map { Scalar.signed($0).converted(to: type) })
    }
    #expect(try archive.tensor(named: "flags") == Tensor([true, false, false, true], shape: [2, 2]))
    #expect(try archive.tensor(named: "scalar") == Tensor(scalar: 2.5 as Float))
    #expect(try archive.tensor(named: "empty") == Tensor([Int32](), shape: [0, 3]))
    #expect(try archive.tensor(named: "layer/0/weight") == Tensor((0..<24).map { Float($0) }, shape: [2, 3, 4]))
  }

  @Test func zip64() throws {
    let archive = try NumPyArchive(path: fixture("zip64.npz"))
    #expect(archive.names == ["a", "b"])
    #expect(try archive.tensor(named: "a") == Tensor([0, 1, 2] as [Float]))
    #expect(try archive.tensor(named: "b") == Tensor([0, 1, 2, 3] as [UInt8]))
  }

  @Test func everyTypeComesBackMapped() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/x.npz"
      try NumPyArchive.write(sampleTensors, path: path)
      let archive = try NumPyArchive(path: path)
      #expect(archive.names == sampleTensors.map(\.name))
      for (name, tensor) in sampleTensors {
        let read = try archive.tensor(named: name)
        #expect(read == tensor)
        #expect(read.storage.isAligned(to: 64) && !read.storage.isWritable)
      }
      let first = try contents(path)
      try NumPyArchive.write(sampleTensors, path: path)
      #expect(try contents(path) == first)
      try NumPyArchive.write([], path: path)
      #expect(try NumPyArchive(path: path).names == [])
    }
  }

  @Test func namesAreCheckedOnWriting() {
    let one = Tensor([1 as Float])
    #expect(errorID { try NumPyArchive.write([("a", one), ("a", one)], path: "/nowhere/x.npz") } == "npz.duplicate")
    #expect(errorID { try NumPyArchive.write([("", one)], path: "/nowhere/x.npz") } == "npz.name")
    #expect(errorID { try NumPyArchive.write([("a\0b", one)], path: "/nowhere/x.npz") } == "npz.name")
  }

  @Test func missingArraysAreListed() throws {
    let archive = try NumPyArchive(path: fixture("zip64.npz"))
    let found = try #require(error { _ = try archive.tensor(named: "c") })
    #expect(found.id == "npz.missing-array" && found.hint == "it has 'a', 'b'")
    #expect(found.place == .file(fixture("zip64.npz")))
  }

  @Test func arraysOverTheLimitAreRefused() throws {
    let archive = try NumPyArchive(path: fixture("deflated.npz"), byteLimit: 150)
    #expect(try archive.tensor(named: "i1").count == 5)
    let found = try #require(error { _ = try archive.tensor(named: "f8") })
    #expect(found.id == "npz.limit")
    #expect(found.place == .node(file: fixture("deflated.npz"), description: "array 'f8'"))
  }

  /// Damage to one field of the first member ("f4" of deflated.npz, or of stored.npz), local and central.
  private func damaged(
    _ name: String, _ change: (inout [UInt8], _ local: Int, _ central: Int) -> Void
  ) throws -> String? {
    var bytes = try contents(fixture(name))
    let central = try #require((0..<bytes.count).first { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
    change(&bytes, 0, central)
    let file = try FileBytes(name: name, bytes: bytes)
    return errorID { _ = try NumPyArchive(file).tensor(named: "f4") }
  }

  @Test func damageIsFound() throws {
    for name in ["stored.npz", "deflated.npz"] {
      #expect(try damaged(name) { _, _, _ in } == nil)
      #expect(try damaged(name) { $0[$2 + 16] ^= 1 } == "npz.checksum")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 8] |= 1 } == "npz.encrypted")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 10] = 12 } == "npz.method")
      #expect(try damaged(name) { bytes, local, _ in bytes[local] = 0 } == "npz.directory")
      #expect(try damaged(name) { bytes, local, _ in bytes[local + 30] = 0x7A } == "npz.directory")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 24] &+= 1 } == "npz.size")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 24] &-= 1 } == "npz.size")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 27] = 0x7F } == "npz.size")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 45] = 0x7F } == "npz.overlap")
      #expect(try damaged(name) { bytes, _, central in bytes[central + 22] = 0x7F } == "npz.overlap")
      #expect(try damaged(name) { bytes, _, _ in bytes.removeLast() } == "npz.directory")
      #expect(try damaged(name) { bytes, _, _ in bytes.append(0) } == "npz.directory")
    }
    #expect(try damaged("deflated.npz") { bytes, _, central in bytes[central + 20] -= 1 } == "npz.size")
    #expect(try damaged("deflated.npz") { bytes, _, _ in bytes[60] ^= 0xFF } != nil)
    // A block of the type that deflate does not have.
    #expect(try damaged("deflated.npz") { bytes, _, _ in bytes[30 + Int(bytes[26]) + Int(bytes[28])] |= 6 } == "npz.deflate")
    #expect(try damaged("stored.npz") { bytes, local, _ in bytes[local + 29] = 0xFF } == "npz.truncated")
    #expect(try damaged("stored.npz") { bytes, _, _ in bytes[200] ^= 1 } == "npz.checksum")
  }

  @Test func membersMayNotShareBytes() throws {
    // The second directory entry is pointed at the first member: a bomb of overlapping members.
    var bytes = try contents(fixture("stored.npz"))
    let entries = (0..<bytes.count).filter { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) }
    for index in 42..<46 { bytes[entries[1] + index] = bytes[entries[0] + index] }
    let file = try FileBytes(name: "x.npz", bytes: bytes)
    #expect(errorID { _ = try NumPyArchive(file) } == "npz.overlap")
    // And renamed to the first: the same name twice.
    for index in 42..<46 { bytes[entries[1] + index] = 0xFF }
    bytes[entries[1] + 46 + 1] = UInt8(ascii: "4")
    #expect(errorID { _ = try NumPyArchive(try FileBytes(name: "x.npz", bytes: bytes)) } != nil)
  }

  @Test func aDamagedArrayLeavesTheOthersReadable() throws {
    var bytes = try contents(fixture("stored.npz"))
    bytes[60] ^= 0xFF
    let archive = try NumPyArchive(try FileBytes(name: "x.npz", bytes: bytes))
    #expect(errorID { _ = try archive.tensor(named: "f4") } == "npz.checksum")
    #expect(try archive.tensor(named: "f8").count == 5)
  }

  @Test(arguments: [[], [0x50, 0x4B, 5, 6], Array("not an archive, but long enough for one".utf8)] as [[UInt8]])
  func otherFiles(_ bytes: [UInt8]) throws {
    let file = try FileBytes(name: "x.npz", bytes: bytes)
    #expect(errorID { _ = try NumPyArchive(file) } == "npz.directory")
  }
}
