import ApusONNX
import ApusTensor
import Testing

@Suite struct EinsumTests {
  private let a = Tensor([1, 2, 3, 4] as [Int32], shape: [2, 2])
  private let b = Tensor([10, 1] as [Int32])

  private func sum(_ equation: String, _ operands: Tensor...) throws -> Tensor {
    try ModelWriter.result(of: "Einsum", operands, ["equation": .string(equation)], opset: 12)
  }

  @Test func oneOperand() throws {
    #expect(try sum("ii->i", a) == Tensor([1, 4] as [Int32]))
    #expect(try sum("ii", a) == Tensor(scalar: 5 as Int32))
    #expect(try sum("ba", a) == Tensor([1, 3, 2, 4] as [Int32], shape: [2, 2]))
    #expect(try sum("...i->...", a) == Tensor([3, 7] as [Int32]))
  }

  @Test func severalOperands() throws {
    #expect(try sum(" i j , j -> i ", a, b) == Tensor([12, 34] as [Int32]))
    #expect(try sum("ij,jk,k", a, a, b) == Tensor([80, 172] as [Int32]))
    #expect(try sum("i,j->ji", b, b) == Tensor([100, 10, 10, 1] as [Int32], shape: [2, 2]))
    #expect(try sum("ij,kl->", a, a) == Tensor(scalar: 100 as Int32))
  }

  @Test func sizesOfOneAreRepeated() throws {
    let row = Tensor([2, 3] as [Int32], shape: [1, 2])
    #expect(try sum("ij,ij->ij", a, row) == Tensor([2, 6, 6, 12] as [Int32], shape: [2, 2]))
    #expect(try sum("...j,...j->...", a, row) == Tensor([8, 18] as [Int32]))
  }

  @Test(arguments: ["ij->ik", "i->i", "ij,jk->ik", "ij->ii", "i.j->ij"]) func badEquations(_ equation: String) {
    let model = ModelWriter(
      opset: 12, inputs: [.tensor("x", .s32, [2, 2])], outputs: ["y"],
      nodes: [.init("Einsum", ["x"], ["y"], ["equation": .string(equation)])])
    #expect(model.problems(["x": a]).map(\.id) == ["onnx.equation"])
  }
}
