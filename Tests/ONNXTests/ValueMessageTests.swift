import ApusONNX
import ApusSupport
import ApusTensor
import Testing

@Suite struct ValueMessageTests {
  private static let tensors: [ONNXValue] = [
    .tensor(Tensor([1, 2] as [Float])), .tensor(Tensor([] as [Float])), .tensor(Tensor(scalar: 3 as Float)),
  ]

  @Test(arguments: [
    (ONNXFile.Kind.tensor(nil), tensors[0]), (.sequence(.tensor(nil)), .sequence(tensors)),
    (.sequence(.tensor(nil)), .sequence([])), (.optional(.tensor(nil)), tensors[2]), (.optional(.tensor(nil)), .absent),
    (.optional(.sequence(.tensor(nil))), .sequence(tensors)), (.sequence(.sequence(.tensor(nil))), .sequence([.sequence(tensors)])),
  ])
  func aValueComesBack(kind: ONNXFile.Kind, value: ONNXValue) throws {
    let file = try FileBytes(name: "v.pb", bytes: kind.encoded(value, name: "v"))
    let read = try kind.read(file)
    #expect(read.name == "v" && read.value == value)
  }

  @Test func aMessageOfAnotherKindIsRefused() throws {
    let kind = ONNXFile.Kind.sequence(.sequence(.tensor(nil)))
    let bytes = ONNXFile.Kind.sequence(.tensor(nil)).encoded(.sequence(Self.tensors), name: "v")
    let file = try FileBytes(name: "v.pb", bytes: bytes)
    let error = #expect(throws: DiagnosticError.self) { try kind.read(file) }
    #expect(error?.diagnostics.map(\.id) == ["onnx.value"])
  }

  @Test func partsOfASequenceHaveNamesOfTheirOwn() {
    let nested = Structured<Int>.sequence([.tensor(1), .sequence([.tensor(2)]), .absent])
    #expect(nested.named("s").map(\.name) == ["s.0", "s.1.0"] && nested.leaves == [1, 2])
  }
}
