import ApusCompiler
import ApusONNX
import ApusTensor
import Foundation
import Testing

/// Models of many nodes: nothing that is done with one may need a stack that grows with them.
@Suite struct LongModelTests {
  #if DEBUG
    private static let nodes = 3_000
  #else
    private static let nodes = 10_000
  #endif

  /// Elementwise nodes and products in turns, each of which reads the one before.
  private func chain(_ count: Int, _ ops: [String]) -> ModelWriter {
    var nodes: [ModelWriter.Node] = []
    var last = "x"
    for index in 0..<count {
      let op = ops[index % ops.count]
      nodes.append(.init(op, ["Tanh", "Relu", "Neg"].contains(op) ? [last] : [last, op == "MatMul" ? "w" : "b"], ["v\(index)"]))
      last = "v\(index)"
    }
    let w = Tensor([0.5, -1, 1, 0.25] as [Float], shape: [2, 2])
    return ModelWriter(
      inputs: [.tensor("x", .f32, ["n", 2])], outputs: [.tensor(last, .f32, ["n", 2])],
      initializers: ["w": w, "b": Tensor([0.5, 2] as [Float])], nodes: nodes)
  }

  @Test(arguments: [["MatMul", "Add", "Tanh", "Mul", "Sub", "Relu"], ["Add", "Tanh", "Neg"]])
  func aLongChainFitsASmallStack(_ ops: [String]) throws {
    let file = try chain(Self.nodes, ops).file()
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var outcome: Result<[Float], any Error>?
    let thread = Thread {
      outcome = Result {
        let model = ImportedModel(file, CompilerOptions(threads: 1))
        return try model.run(["x": Tensor([1, -1] as [Float], shape: [1, 2])])[0].tensor.values(as: Float.self)
      }
      done.signal()
    }
    thread.stackSize = 2 << 20  // a quarter of what threads have
    thread.start()
    done.wait()
    #expect(try outcome?.get().allSatisfy { $0.isFinite } == true)
  }
}
