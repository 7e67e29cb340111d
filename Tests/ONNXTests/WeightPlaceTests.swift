import ApusIR
@testable import ApusONNX
import ApusSupport
import ApusTensor
import Foundation
import Testing

/// Weights stay where the file has them, be that at addresses where no pointer to their elements may point, and everything
/// computes with them from there.
@Suite struct WeightPlaceTests {
  /// The numbers 0 to 6 in turns; bools are every other one.
  private static func ramp(_ element: ElementType, _ shape: [Int]) throws -> Tensor {
    var tensor = try Tensor.zeros(element, shape: shape)
    for index in 0..<tensor.count { tensor.setScalar(.signed(Int64(element == .bool ? index % 2 : index % 7)), at: index) }
    return tensor
  }

  /// Names of growing length move what follows them from one address to the next.
  private static func name(_ index: Int) -> String { "w" + String(repeating: "_", count: index) }

  /// Eight constants of the type, each read by an op of its own, together at all offsets that there are.
  private static func model(_ element: ElementType, _ shape: [Int], count: Int = 8) throws -> ModelWriter {
    let w = try ramp(element, shape)
    var model = ModelWriter(
      inputs: [.tensor("x", element, shape.map { .fixed($0) })],
      outputs: (0..<count).map { .tensor("y\($0)", element, shape.map { .fixed($0) }) },
      nodes: (0..<count).map { .init(element == .bool ? "Xor" : "Add", ["x", name($0)], ["y\($0)"]) })
    model.graph.initializers = (0..<count).map { TensorProto.encoded(w, name: name($0)) }
    return model
  }

  private static func constants(of module: Module) -> [Tensor] {
    let function = module.functions[0]
    return function.allOps().compactMap { op in
      guard case .tensor(let constant)? = function.attribute("value", of: op) else { return nil }
      return constant.tensor
    }
  }

  @Test(arguments: ElementType.allCases)
  func anImportSharesTheMappedFile(_ element: ElementType) throws {
    let path = NSTemporaryDirectory() + "weights-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(Self.model(element, [5, 100]).bytes).write(to: URL(fileURLWithPath: path))
    let file = try ONNXFile(path: path)
    guard case .module(let module, _, _) = try file.imported() else {
      Issue.record("the model asks for values")
      return
    }
    let constants = Self.constants(of: module)
    #expect(constants.count == 8)
    let width = element.byteCount
    var offsets: Set<Int> = []
    let (begin, size) = file.file.storage.withUnsafeBytes { ($0.baseAddress, $0.count) }
    let start = try #require(begin)
    for tensor in constants {
      let place = tensor.withUnsafeBytes { $0.baseAddress }
      let address = try #require(place)
      #expect(address >= start && address + tensor.byteCount <= start + size)
      offsets.insert(Int(bitPattern: address) % width)
    }
    #expect(width == 1 || offsets.contains { $0 != 0 }, "no odd address is tried")
    #expect(constants.allSatisfy { tensor in (try? Self.ramp(element, [5, 100])) == tensor })
  }

  /// Small constants become part of the code, larger ones stand beside it.
  @Test(arguments: ElementType.allCases, [[], [0, 3], [3], [5, 131]] as [[Int]])
  func constantsAtOddOffsetsAreComputedWith(_ element: ElementType, _ shape: [Int]) throws {
    let model = try Self.model(element, shape)
    let x = try Self.ramp(element, shape)
    let (interpreted, compiled) = (try model.interpreted(["x": x]), try model.compiled(["x": x]))
    var expected = x
    for index in 0..<x.count {
      guard element != .bool else {
        expected.setScalar(.bool(false), at: index)
        continue
      }
      expected.setScalar(.signed(Int64(2 * (index % 7))), at: index)
    }
    for index in 0..<8 {
      #expect(interpreted["y\(index)"] == expected)
      #expect(compiled["y\(index)"] == expected)
    }
  }

  /// Products pack their weights, lookups and outputs read them as they are, axes are put in another order.
  @Test(arguments: [ElementType.f32, .f64, .f16])
  func weightsAtOddOffsetsArePackedMovedAndGiven(_ element: ElementType) throws {
    for shift in 0..<element.byteCount {
      let name = Self.name(shift)
      var model = ModelWriter(
        inputs: [.tensor("x", element, ["n", 37]), .tensor("i", .s64, ["n"])], outputs: ["p", "t", "g", "same", "c"],
        nodes: [
          .init("MatMul", ["x", name], ["p"]), .init("Transpose", [name], ["m"], ["perm": [1, 0]]),
          .init("MatMul", ["p", "m"], ["t"]), .init("Gather", [name, "i"], ["g"]), .init("Identity", [name], ["same"]),
          .init("Concat", ["g", name], ["c"], ["axis": 0]),
        ])
      let weights = try Self.ramp(element, [37, 53])
      model.graph.initializers = [TensorProto.encoded(weights, name: name)]
      let inputs = ["x": try Self.ramp(element, [3, 37]), "i": Tensor([36, 0, 7] as [Int64])]
      let (interpreted, compiled) = (try model.interpreted(inputs), try model.compiled(inputs))
      #expect(interpreted.count == 5 && interpreted["same"] == weights && compiled["same"] == weights)
      for (name, tensor) in interpreted {
        let tolerance = element == .f16 ? 2e-3 : 1e-6
        #expect(compiled[name]?.isClose(to: tensor, tolerance: tolerance) == true, "\(name), shifted by \(shift)")
      }
    }
  }

  /// Floats in one packed field lie as in raw data.
  @Test func packedFloatsAreSharedAndOthersRead() throws {
    func tensor(_ write: (inout WireWriter) -> Void, type: Int64 = 1) throws -> (tensor: Tensor, isShared: Bool) {
      var message = WireWriter()
      message.integer(1, 2)
      message.integer(2, type)
      message.text(8, "w")
      write(&message)
      let file = try FileBytes(name: "m.onnx", bytes: message.bytes)
      let tensor = try TensorProto(WireReader(file)).tensor()
      let isShared = file.storage.withUnsafeBytes { whole in
        tensor.withUnsafeBytes { bytes in
          guard let start = whole.baseAddress, let first = bytes.baseAddress else { return false }
          return first >= start && first < start + whole.count
        }
      }
      return (tensor, isShared)
    }
    func bytes<Value>(_ values: [Value]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
    let packed = try tensor { $0.data(4, bytes([1.5, -2] as [Float])) }
    #expect(packed.isShared && packed.tensor.values(as: Float.self) == [1.5, -2])
    let doubles = try tensor({ $0.data(10, bytes([1.5, -2] as [Double])) }, type: 11)
    #expect(doubles.isShared && doubles.tensor.values(as: Double.self) == [1.5, -2])
    let single = try tensor { message in
      for value in [1.5, -2] as [Float] { message.fixed32(4, value.bitPattern) }
    }
    #expect(!single.isShared && single.tensor.values(as: Float.self) == [1.5, -2])
    let halves = try tensor { message in
      for value in [1.5, -2] as [Float] { message.data(4, bytes([value])) }
    }
    #expect(!halves.isShared && halves.tensor.values(as: Float.self) == [1.5, -2])
    let integers = try tensor({ $0.data(7, [3, 4]) }, type: 7)
    #expect(!integers.isShared && integers.tensor.values(as: Int64.self) == [3, 4])
    for count in [0, 1, 3] {
      #expect(throws: DiagnosticError.self) { try tensor { $0.data(4, bytes([Float](repeating: 1, count: count))) } }
    }
  }

  /// What a file of its own holds is run on as it is, and code takes elements that are aligned.
  @Test func valuesOfFilesOfTheirOwnAreAligned() throws {
    for shift in 0..<8 {
      let written = Tensor([1, 2, 3] as [Double])
      let file = try FileBytes(name: "x.pb", bytes: TensorProto.encoded(written, name: Self.name(shift)))
      guard case .tensor(let tensor) = try ONNXFile.Kind.tensor(nil).read(file).value else {
        Issue.record("a tensor is expected")
        return
      }
      #expect(tensor == written && tensor.storage.isAligned(to: 8))
    }
  }
}
