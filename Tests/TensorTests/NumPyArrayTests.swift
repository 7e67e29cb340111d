import ApusSupport
import ApusTensor
import Testing

@Suite struct NumPyArrayTests {
  static let grid = (0..<24).map { Double($0) }

  @Test func arraysWrittenByNumPy() throws {
    let c = try NumPyArray.read(path: fixture("c-order-f32.npy"))
    #expect(c == Tensor(Self.grid.map { Float($0) / 2 }, shape: [2, 3, 4]))
    let fortran = try NumPyArray.read(path: fixture("fortran-f64.npy"))
    #expect(fortran == Tensor(Self.grid, shape: [2, 3, 4]))
    let big = try NumPyArray.read(path: fixture("fortran-big-f16.npy"))
    #expect(big == Tensor(Self.grid.map { Float16($0) }, shape: [2, 3, 4]))
    #expect(try NumPyArray.read(path: fixture("big-s64.npy")) == Tensor([1, -2, 1 << 62] as [Int64]))
    #expect(try NumPyArray.read(path: fixture("version2-s16.npy")) == Tensor([1, -2] as [Int16], shape: [1, 2]))
    #expect(try NumPyArray.read(path: fixture("version3-u32.npy")) == Tensor(scalar: 7 as UInt32))
    let brain = try NumPyArray.read(path: fixture("bf16.npy"))
    #expect(brain.values(as: BFloat16.self).map { Float($0) } == [1, -2.5, .infinity])
  }

  @Test func nativeOrderIsMappedNotCopied() throws {
    let tensor = try NumPyArray.read(path: fixture("c-order-f32.npy"))
    #expect(!tensor.storage.isWritable)
    var copy = tensor
    copy.setScalar(.float(9), at: 0)
    #expect(tensor.scalar(at: 0) == .float(0) && copy.scalar(at: 0) == .float(9))
  }

  @Test func everyTypeComesBack() throws {
    try withTemporaryFolder { folder in
      for (_, tensor) in sampleTensors {
        try NumPyArray.write(tensor, path: "\(folder)/x.npy")
        #expect(try NumPyArray.read(path: "\(folder)/x.npy") == tensor)
        #expect(try contents("\(folder)/x.npy").count % 64 == tensor.byteCount % 64)
      }
    }
  }

  @Test(arguments: ["complex.npy", "structured.npy"]) func otherTypesAreUnsupported(_ name: String) throws {
    let found = try #require(error { _ = try NumPyArray.read(path: fixture(name)) })
    #expect(found.id == "npy.type" && found.severity == .unsupported && found.place == .file(fixture(name)))
  }

  static func file(
    _ header: String, version: UInt8 = 1, data: Int = 0, fill: UInt8 = 0
  ) throws -> FileBytes {
    let text = Array(header.utf8)
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
    bytes += [UInt8(text.count & 255), UInt8(text.count >> 8)] + (version == 1 ? [] : [0, 0])
    return try FileBytes(name: "x.npy", bytes: bytes + text + [UInt8](repeating: fill, count: data))
  }

  @Test(arguments: [
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8, nil),
    ("{\"shape\":(2L,1L),\"fortran_order\":True,\"descr\":\"<f4\"}  \n", 8, nil),
    ("{'descr': 'f4', 'fortran_order': False, 'shape': (), }", 4, nil),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 9223372036854775807), }", 0, nil),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, "npy.truncated"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, "npy.size"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,), }", 0, "tensor.too-large"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807), }", 0, "tensor.too-large"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0, "tensor.too-large"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 0, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (nan,), }", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,), }", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, }", 8, "npy.header"),
    ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", 8, "npy.header"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,", 8, "npy.header"),
    ("{'descr': '<f4", 8, "npy.header"),
    ("", 8, "npy.header"),
    ("{'descr': '<f16', 'fortran_order': False, 'shape': (2,), }", 32, "npy.type"),
    ("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16, "npy.type"),
    ("{'descr': '<U5', 'fortran_order': False, 'shape': (2,), }", 16, "npy.type"),
    ("{'descr': '>V2', 'fortran_order': False, 'shape': (2,), }", 4, "npy.type"),
    ("{'descr': '|f4', 'fortran_order': False, 'shape': (2,), }", 8, "npy.type"),
    ("{'descr': '', 'fortran_order': False, 'shape': (2,), }", 8, "npy.type"),
  ])
  func headers(_ header: String, _ data: Int, _ id: String?) throws {
    for version: UInt8 in 1...3 {
      let file = try Self.file(header, version: version, data: data)
      #expect(errorID { _ = try NumPyArray.read(file) } == id)
    }
  }

  @Test func headersThatLieAboutTheirLength() throws {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    for (rest, id) in [
      ([2, 0, 255, 255, 255, 255], "npy.header"), ([1, 0, 255, 255], "npy.truncated"), ([1, 0, 9], "npy.truncated"),
      ([1], "npy.truncated"), ([], "npy.truncated"), ([4, 0, 0, 0], "npy.header"), ([1, 1, 0, 0], "npy.header"),
    ] as [([UInt8], String)] {
      let file = try FileBytes(name: "x.npy", bytes: magic + rest)
      #expect(errorID { _ = try NumPyArray.read(file) } == id)
    }
    #expect(errorID { _ = try NumPyArray.read(FileBytes(name: "x", bytes: [])) } == "npy.truncated")
    let text = try FileBytes(name: "x", bytes: Array("hello, world".utf8))
    #expect(errorID { _ = try NumPyArray.read(text) } == "npy.header")
  }

  @Test func boolsAreZeroOrOne() throws {
    let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }"
    let good = try NumPyArray.read(Self.file(header, data: 2, fill: 1))
    #expect(good.values(as: Bool.self) == [true, true])
    #expect(errorID { _ = try NumPyArray.read(Self.file(header, data: 2, fill: 2)) } == "npy.bool")
  }

  @Test func rankIsBounded() throws {
    let ones = [Int](repeating: 1, count: 65)
    #expect(errorID { try NumPyArray.write(Tensor([1 as Float], shape: ones), path: "/nowhere/x.npy") } == "npy.rank")
    let shape = ones.map { "\($0)" }.joined(separator: ", ")
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(shape)), }"
    #expect(errorID { _ = try NumPyArray.read(Self.file(header, data: 4)) } == "npy.header")
  }
}
