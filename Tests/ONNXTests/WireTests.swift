import ApusSupport
import ApusTensor
import Testing

@Suite struct WireTests {
  @Test func aTensorComesBack() throws {
    let tensor = Tensor([1, -2, 3.5] as [Float], shape: [3, 1])
    let file = try FileBytes(name: "t.pb", bytes: TensorProto.encoded(tensor, name: "x"))
    let proto = try TensorProto(WireReader(file))
    #expect(proto.name == "x" && proto.dims == [3, 1])
    #expect(try proto.tensor() == tensor)
  }
}
