import ApusCompiler
@testable import ApusONNX
import ApusSupport
import ApusTensor
import Foundation
import Testing

/// Files that lie, and files that are broken: each is refused by name, and none brings the process down.
@Suite struct HostileTests {
  private typealias Node = ModelWriter.Node

  private func ids(_ nodes: [Node], opset: Int = 21, inputs: [ModelWriter.Value] = [.tensor("x", .f32, [2])]) -> [String] {
    let model = ModelWriter(opset: opset, inputs: inputs, outputs: ["y"], nodes: nodes)
    do {
      _ = try model.file().imported()
      return []
    } catch let error as DiagnosticError {
      return error.diagnostics.map(\.id)
    } catch {
      return ["\(error)"]
    }
  }

  private static var model: ModelWriter {
    ModelWriter(
      inputs: [.tensor("x", .f32, ["N", 2])], outputs: ["y"], initializers: ["w": Tensor([1, -2] as [Float])],
      nodes: [
        Node("Constant", [], ["v"], ["value": .tensor(Tensor([-1] as [Int64]))]),
        Node("Add", ["x", "w"], ["s"], name: "add"), Node("Softmax", ["s"], ["t"], ["axis": -1]),
        Node("Reshape", ["t", "v"], ["y"]),
      ])
  }

  @Test func everyBeginningOfAFileIsRefusedOrRead() throws {
    let bytes = Self.model.bytes
    for count in 0..<bytes.count {
      let file = try? ONNXFile(name: "m.onnx", bytes: Array(bytes[..<count]))
      _ = try? file?.imported()
    }
    #expect(throws: DiagnosticError.self) { try ONNXFile(name: "m.onnx", bytes: []) }
  }

  @Test func flippedBitsAreRefusedOrRead() throws {
    let bytes = Self.model.bytes
    var numbers = SplitMix64(seed: 1)
    var refused = 0
    for _ in 0..<400 {
      var broken = bytes
      for _ in 0..<3 { broken[Int(numbers.next() % UInt64(bytes.count))] ^= 1 << UInt8(numbers.next() % 8) }
      do { _ = try ONNXFile(name: "m.onnx", bytes: broken).imported() } catch { refused += 1 }
    }
    #expect(refused > 200)
  }

  @Test func namesAreAssignedOnce() {
    #expect(ids([Node("Relu", ["x"], ["y"]), Node("Abs", ["x"], ["y"])]) == ["onnx.name"])
    #expect(ids([Node("Relu", ["x"], ["x"]), Node("Abs", ["x"], ["y"])]).contains("onnx.name"))
    #expect(ids([Node("Add", ["x", "b"], ["a"]), Node("Add", ["x", "a"], ["b"]), Node("Relu", ["a"], ["y"])]) == ["onnx.name"])
    let twins: [ModelWriter.Value] = [.tensor("x", .f32, [2]), .tensor("x", .f32, [2])]
    #expect(ids([Node("Relu", ["x"], ["y"])], inputs: twins).contains("onnx.name"))
  }

  @Test func nodesAreHeldAgainstTheirSchemas() {
    #expect(ids([Node("Relu", ["x"], ["y"])]) == [])
    #expect(ids([Node("Relu", ["x", "x"], ["y"])]) == ["onnx.operand"])
    #expect(ids([Node("Add", ["x"], ["y"])]) == ["onnx.operand"])
    #expect(ids([Node("Concat", [], ["y"], ["axis": 0])]) == ["onnx.operand"])
    #expect(ids([Node("Relu", ["x"], ["y", "z"])]) == ["onnx.result"])
    #expect(ids([Node("And", ["x", "x"], ["y"])]) == ["onnx.type"])
    #expect(ids([Node("Relu", ["x"], ["y"], ["speed": 9])]) == ["onnx.attribute"])
    #expect(ids([Node("Softmax", ["x"], ["y"], ["axis": 0, "axis": 0])]) == ["onnx.attribute"])
    #expect(ids([Node("Softmax", ["x"], ["y"], ["axis": 0.5])]) == ["onnx.attribute"])
    #expect(ids([Node("Softmax", ["x"], ["y"], ["axis": .raw(kind: 2, field: 4, [1])])]) == ["onnx.attribute"])
    #expect(ids([Node("Softmax", ["x"], ["y"], ["axis": .reference("a", kind: 2)])]) == ["onnx.attribute"])
    #expect(ids([Node("Cast", ["x"], ["y"])]) == ["onnx.attribute"])
    #expect(ids([Node("Frobnicate", ["x"], ["y"])]) == ["onnx.operator"])
    #expect(ids([Node("Gelu", ["x"], ["y"])], opset: 19) == ["onnx.operator"])
  }

  @Test func versionsThatThereAreNot() {
    for opset in [0, 29, 9_999] { #expect(ids([Node("Relu", ["x"], ["y"])], opset: opset) == ["onnx.model"]) }
    var model = Self.model
    model.irVersion = 9_999
    #expect(throws: DiagnosticError.self) { try model.file() }
  }

  @Test func functionsThatUnfoldWithoutEnd() throws {
    func call(_ name: String, _ operand: String, _ result: String) -> Node { Node(name, [operand], [result], domain: "f") }
    func ids(_ functions: [ModelWriter.Function]) throws -> [String] {
      let model = ModelWriter(
        domains: ["f": 1], inputs: [.tensor("x", .f32, [2])], outputs: ["y"], functions: functions, nodes: [call("f0", "x", "y")])
      do {
        _ = try model.file().imported()
        return []
      } catch let error as DiagnosticError {
        return error.diagnostics.map(\.id)
      }
    }
    func twice(_ level: Int, _ callee: String) -> ModelWriter.Function {
      ModelWriter.Function(
        domain: "f", name: "f\(level)", inputs: ["a"], outputs: ["c"],
        nodes: [call(callee, "a", "b"), call(callee, "b", "c")])
    }
    #expect(try !ids([twice(0, "f0")]).isEmpty)
    let leaf = ModelWriter.Function(domain: "f", name: "f30", inputs: ["a"], outputs: ["c"], nodes: [Node("Relu", ["a"], ["c"])])
    #expect(try ids((0..<30).map { twice($0, "f\($0 + 1)") } + [leaf]) == ["limit.nodes"])
  }

  @Test func everyOperatorHasASchema() {
    let relu = Schemas.schema("Relu", opset: 21)
    let without: [ElementType] = [.u8, .u16, .u32, .u64, .bool]
    #expect(relu?.operandCount == 1...1 && relu?.types.count == 1)
    #expect(ElementType.allCases.allSatisfy { relu?.types[0]?.contains($0) == !without.contains($0) })
    #expect(Schemas.schema("Gelu", opset: 19) == nil && Schemas.firstOpset(of: "Gelu") == 20)
    #expect(Schemas.schema("Loop", opset: 21)?.operand(40)?.isMixed == true)
    // The last one is onnxruntime's own, in ONNX's domain.
    for rule in Operators.all where rule.domain.isEmpty && rule.name != "SimplifiedLayerNormalization" { #expect(Schemas.firstOpset(of: rule.name) != nil, "\(rule.name)") }
  }
}
