import ApusSupport
import ApusTensor
import Testing

@Suite struct SafeTensorsTests {
  @Test func foreignFile() throws {
    let file = try SafeTensors(path: fixture("mixed.safetensors"))
    #expect(file.names == ["double", "weight", "half", "brain", "long", "flag", "odd", "eighth", "none"])
    #expect(file.metadata == ["format": "pt", "note": "naïve 😀"])
    #expect(try file.tensor(named: "double") == Tensor([0.5, -1] as [Double]))
    #expect(try file.tensor(named: "weight") == Tensor((0..<24).map { Float($0) / 4 }, shape: [2, 3, 4]))
    #expect(try file.tensor(named: "half") == Tensor([1.5 as Float16]))
    #expect(try file.tensor(named: "brain").values(as: BFloat16.self).map { Float($0) } == [1, -2.5])
    #expect(try file.tensor(named: "long") == Tensor(scalar: -5 as Int64))
    #expect(try file.tensor(named: "flag") == Tensor([true, false, true]))
    #expect(try file.tensor(named: "odd") == Tensor([9, 8] as [Float]))
    #expect(try file.tensor(named: "none") == Tensor([UInt16](), shape: [2, 0]))
    #expect(try !file.tensor(named: "weight").storage.isWritable)
    let unsupported = try #require(error { _ = try file.tensor(named: "eighth") })
    #expect(unsupported.id == "safetensors.type" && unsupported.severity == .unsupported)
    let missing = try #require(error { _ = try file.tensor(named: "nothing") })
    #expect(missing.id == "safetensors.missing-array")
    #expect(missing.hint?.hasSuffix("'eighth' and 1 more") == true)
  }

  @Test func everyTypeComesBackMapped() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/x.safetensors"
      try SafeTensors.write(sampleTensors, metadata: ["by \"us\"": "\u{1}\n"], path: path)
      let file = try SafeTensors(path: path)
      #expect(file.metadata == ["by \"us\"": "\u{1}\n"])
      #expect(Set(file.names) == Set(sampleTensors.map(\.name)))
      for (name, tensor) in sampleTensors {
        let read = try file.tensor(named: name)
        #expect(read == tensor)
        #expect(!read.storage.isWritable)
      }
      try SafeTensors.write([], path: path)
      #expect(try SafeTensors(path: path).names == [])
    }
  }

  @Test func namesAreCheckedOnWriting() {
    let one = Tensor([1 as Float])
    #expect(errorID { try SafeTensors.write([("a", one), ("a", one)], path: "/nowhere/x") } == "safetensors.duplicate")
    #expect(errorID { try SafeTensors.write([("__metadata__", one)], path: "/nowhere/x") } == "safetensors.name")
  }

  /// An entry of four bytes.
  static func bytes(_ name: String, _ begin: Int) -> String {
    #""\#(name)":{"dtype":"U8","shape":[4],"data_offsets":[\#(begin),\#(begin + 4)]}"#
  }

  @Test(arguments: [
    (#"{}"#, 0, nil),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   "#, 8, nil),
    (#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"more":[1.5e3,null,{}]}}"#, 4, nil),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7, "safetensors.offsets"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, "safetensors.offsets"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#, 9, "safetensors.offsets"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "safetensors.offsets"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "safetensors.size"),
    ("{\(bytes("a", 0)),\(bytes("b", 2))}", 6, "safetensors.offsets"),
    ("{\(bytes("a", 0)),\(bytes("b", 0))}", 4, "safetensors.offsets"),
    ("{\(bytes("a", 0)),\(bytes("b", 4))}", 8, nil),
    ("{\(bytes("a", 0)),\(bytes("a", 4))}", 8, "safetensors.header"),
    (#"{"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}}"#, 0, "tensor.too-large"),
    (#"{"a":{"dtype":"F64","shape":[99999999999999999999],"data_offsets":[0,0]}}"#, 0, "safetensors.header"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "safetensors.header"),
    (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, 4, "safetensors.header"),
    (#"{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}"#, 4, "safetensors.header"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, 4, "safetensors.header"),
    (#"{"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}"#, 4, "safetensors.header"),
    (#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, 4, "safetensors.header"),
    (#"{"a":3}"#, 0, "safetensors.header"),
    (#"{"__metadata__":{"a":1}}"#, 0, "safetensors.header"),
    (#"{"__metadata__":"a"}"#, 0, "safetensors.header"),
    (#" {}"#, 0, "safetensors.header"),
    (#"[]"#, 0, "safetensors.header"),
    (#"{"a":}"#, 0, "safetensors.header"),
    (#"{"a":{}"#, 0, "safetensors.header"),
    (#"{,}"#, 0, "safetensors.header"),
    (#"{"a":[01]}"#, 0, "safetensors.header"),
    (#"{"\ud800":3}"#, 0, "safetensors.header"),
    (#"{"\u+123":3}"#, 0, "safetensors.header"),
    (#"{} x"#, 0, "safetensors.header"),
    ("", 0, "safetensors.header"),
  ] as [(String, Int, String?)])
  func headers(_ header: String, _ data: Int, _ id: String?) throws {
    let file = try Self.file(Array(header.utf8), data: data)
    #expect(errorID { _ = try SafeTensors(file) } == id)
  }

  static func file(_ header: [UInt8], data: Int = 0) throws -> FileBytes {
    var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    bytes += header + [UInt8](repeating: 2, count: data)
    return try FileBytes(name: "x.safetensors", bytes: bytes)
  }

  @Test func deepNestingAndBadText() throws {
    let deep = "{\"a\":" + String(repeating: "[", count: 100_000)
    #expect(errorID { _ = try SafeTensors(Self.file(Array(deep.utf8))) } == "safetensors.header")
    let notUTF8 = [UInt8(ascii: "{"), UInt8(ascii: "\""), 0xFF, UInt8(ascii: "\"")] + Array(":1}".utf8)
    #expect(errorID { _ = try SafeTensors(Self.file(notUTF8)) } == "safetensors.header")
  }

  @Test func lengthsThatLie() throws {
    for (bytes, id) in [
      ([], "safetensors.truncated"), ([1, 0, 0], "safetensors.truncated"),
      ([UInt8](repeating: 0xFF, count: 8), "safetensors.header"),
      ([3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D], "safetensors.truncated"),
    ] as [([UInt8], String)] {
      let file = try FileBytes(name: "x.safetensors", bytes: bytes)
      #expect(errorID { _ = try SafeTensors(file) } == id)
    }
  }

  @Test func boolsAreZeroOrOne() throws {
    let header = #"{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}"#
    let file = try SafeTensors(Self.file(Array(header.utf8), data: 1))
    let found = try #require(error { _ = try file.tensor(named: "a") })
    #expect(found.id == "safetensors.bool")
    #expect(found.place == .node(file: "x.safetensors", description: "array 'a'"))
  }
}
