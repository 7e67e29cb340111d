import ApusSupport
import ApusTensor
@testable import ApusRuntime
import Synchronization
import Testing

/// An executable of one custom call: operand x: f32[N], result f32[N] or, with `dynamic`, f32[?].
private func executable(_ operation: CustomOperation, dynamic: Bool = false) -> Executable {
  entryExecutable(
    inputs: [TensorSignature("x", .f32, [.symbolic("N")])],
    outputs: [TensorSignature("y", .f32, [.symbolic(dynamic ? "M" : "N")])],
    customOperations: [operation],
    plan: { Executable.CallPlan(arenaBytes: 0, outputShapes: [dynamic ? nil : $0[0]]) }
  ) { context, inputs, outputs in
    guard let context else { return 1 }
    return context.pointee.custom_call(context, 0, inputs, 1, outputs, 1)
  }
}

private func ids(_ body: () throws -> Void) -> [String] {
  do {
    try body()
    return []
  } catch let error as DiagnosticError {
    return error.diagnostics.map(\.id)
  } catch {
    return ["\(error)"]
  }
}

@Suite struct CustomOperationTests {
  private let x = Tensor([1, 2, 3] as [Float])

  @Test func aClosureReturnsItsResult() throws {
    let double = CustomOperation("double") { operands in
      [Tensor(operands[0].values(as: Float.self).map { $0 * 2 }, shape: operands[0].shape)]
    }
    #expect(try executable(double).run([x]) == [Tensor([2, 4, 6] as [Float])])
    #expect(try executable(double, dynamic: true).run([x]) == [Tensor([2, 4, 6] as [Float])])
    let empty = Tensor([] as [Float])
    #expect(try executable(double).run([empty]) == [empty])
    #expect(try executable(double, dynamic: true).run([empty]) == [empty])
  }

  @Test func anOperandMayBeTheResult() throws {
    #expect(try executable(CustomOperation("same") { $0 }).run([x]) == [x])
  }

  @Test func aResultMayGrow() throws {
    let twice = CustomOperation("twice") { operands in
      let values = operands[0].values(as: Float.self)
      return [Tensor(values + values)]
    }
    let results = try executable(twice, dynamic: true).run([x])
    #expect(results == [Tensor([1, 2, 3, 1, 2, 3] as [Float])])
    #expect(ids { _ = try executable(twice).run([x]) } == ["custom.result-shape"])
  }

  @Test func aClosureFillsItsResult() throws {
    let negate = CustomOperation("negate", filling: { operands, results in
      let values = operands[0].values(as: Float.self)
      for (index, value) in values.enumerated() {
        results[0].bytes.storeBytes(of: -value, toByteOffset: index * 4, as: Float.self)
      }
    })
    #expect(try executable(negate).run([x]) == [Tensor([-1, -2, -3] as [Float])])
    #expect(ids { _ = try executable(negate, dynamic: true).run([x]) } == ["custom.unknown-shape"])
  }

  @Test func wrongResultsAreRejected() {
    #expect(ids { _ = try executable(CustomOperation("none") { _ in [] }).run([x]) } == ["custom.result-count"])
    let integers = CustomOperation("integers") { _ in [Tensor([1, 2, 3] as [Int32])] }
    #expect(ids { _ = try executable(integers).run([x]) } == ["custom.result-type"])
    let matrix = CustomOperation("matrix") { _ in [Tensor([1, 2, 3] as [Float], shape: [3, 1])] }
    #expect(ids { _ = try executable(matrix).run([x]) } == ["custom.result-shape"])
  }

  @Test func whatAClosureThrowsTheCallThrows() {
    struct Refusal: Error {}
    let refuse = executable(CustomOperation("refuse") { _ in throw Refusal() })
    #expect(throws: Refusal.self) { try refuse.run([x]) }
    #expect(throws: Refusal.self, "a context serves again after a failure") { try refuse.run([x]) }
    let diagnose = CustomOperation("diagnose") { _ in throw DiagnosticError(id: "mine.own", "no") }
    #expect(ids { _ = try executable(diagnose).run([x]) } == ["mine.own"])
  }

  @Test func anOperandThatIsKeptFailsTheCall() throws {
    let kept = Mutex<[Tensor]>([])
    let keep = executable(
      CustomOperation("keep") { operands in
        kept.withLock { $0 = operands }
        return operands
      })
    #expect(ids { _ = try keep.run([x]) } == ["custom.kept"])
    kept.withLock { $0 = [] }
  }

  @Test func manyThreadsCallOneOperation() async throws {
    let square = executable(
      CustomOperation("square") { operands in
        [Tensor(operands[0].values(as: Float.self).map { $0 * $0 })]
      })
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<16 {
        group.addTask {
          let values = (0..<50 + task).map { Float($0 + task) }
          return try await square.run([Tensor(values)]) == [Tensor(values.map { $0 * $0 })]
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}

@Suite struct CFunctionTests {
  private let x = Tensor([1, 2, 3] as [Float])

  private func address(
    _ function: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64, Float) -> Void
  ) -> UnsafeRawPointer { unsafeBitCast(function, to: UnsafeRawPointer.self) }

  @Test func aCFunctionScales() throws {
    let function = address { x, y, n, factor in
      guard let x, let y else { return }
      for index in 0..<Int(n) { y[index] = x[index] * factor }
    }
    let scale = CustomOperation(
      "scale", CFunction(function, [.pointer(.operand(0)), .pointer(.result(0)), .count(.operand(0)), .f32(2.5)]))
    #expect(try executable(scale).run([x]) == [Tensor([2.5, 5, 7.5] as [Float])])
    #expect(ids { _ = try executable(scale, dynamic: true).run([x]) } == ["custom.unknown-shape"])
  }

  @Test func extentsAndScalarsArePassedByValue() throws {
    typealias Function = @convention(c) (
      UnsafePointer<Int32>?, UnsafeMutablePointer<Int32>?, Int32, Int64, Int16, Double, Int32, Int64
    ) -> Int32
    let function: Function = { x, y, rows, columns, bias, scale, a, b in
      guard let x, let y, a == -9, b == -10 else { return 3 }
      for index in 0..<Int(rows) * Int(columns) { y[index] = x[index] * Int32(scale) + Int32(bias) }
      return 0
    }
    let operation = CustomOperation(
      "affine",
      CFunction(
        unsafeBitCast(function, to: UnsafeRawPointer.self),
        [
          .pointer(.operand(0)), .pointer(.result(0)), .dimension(.operand(0), axis: 0, .int32),
          .dimension(.result(0), axis: 1), .value(1), .f64(3), .s32(-9), .s64(-10),
        ], returns: .status))
    let matrix = Tensor([1, 2, 3, 4, 5, 6] as [Int32], shape: [2, 3])
    let executable = entryExecutable(
      inputs: [TensorSignature("x", .s32, [.fixed(2), .fixed(3)]), TensorSignature("bias", .s16, [])],
      outputs: [TensorSignature("y", .s32, [.fixed(2), .fixed(3)])], customOperations: [operation],
      plan: { _ in Executable.CallPlan(arenaBytes: 0, outputShapes: [[2, 3]]) }
    ) { context, inputs, outputs in
      context?.pointee.custom_call(context, 0, inputs, 2, outputs, 1) ?? 1
    }
    let result = try executable.run([matrix, Tensor(scalar: Int16(-2))])
    #expect(result == [Tensor([1, 4, 7, 10, 13, 16] as [Int32], shape: [2, 3])])
  }

  @Test(arguments: [
    (CFunction.Argument.pointer(.operand(1)), "custom.argument"), (.pointer(.result(-1)), "custom.argument"),
    (.dimension(.operand(0), axis: 1), "custom.argument"), (.value(0), "custom.argument"),
    (.count(.result(4)), "custom.argument"),
  ])
  func wrongArgumentListsAreRejected(argument: CFunction.Argument, id: String) {
    let function: @convention(c) (Int64) -> Void = { _ in }
    let operation = CustomOperation("f", CFunction(unsafeBitCast(function, to: UnsafeRawPointer.self), [argument]))
    #expect(ids { _ = try executable(operation).run([x]) } == [id])
  }

  @Test func anExtentThatNoInt32HoldsIsRefused() throws {
    let function: @convention(c) (Int32) -> Void = { _ in }
    let operation = CustomOperation(
      "f", CFunction(unsafeBitCast(function, to: UnsafeRawPointer.self), [.dimension(.operand(0), axis: 1, .int32)]))
    let executable = entryExecutable(
      inputs: [TensorSignature("x", .f32, [.fixed(0), .symbolic("N")])], outputs: [], customOperations: [operation],
      plan: { _ in Executable.CallPlan(arenaBytes: 0, outputShapes: []) }
    ) { context, inputs, _ in context?.pointee.custom_call(context, 0, inputs, 1, nil, 0) ?? 1 }
    let empty = try Tensor.zeros(.f32, shape: [0, 1 << 31])
    #expect(ids { _ = try executable.run([empty]) } == ["custom.dimension"])
  }

  @Test func aStatusFailsTheCall() {
    let function: @convention(c) () -> Int32 = { -4 }
    let operation = CustomOperation(
      "f", CFunction(unsafeBitCast(function, to: UnsafeRawPointer.self), [], returns: .status))
    #expect(ids { _ = try executable(operation).run([x]) } == ["custom.status"])
  }
}

@Suite struct CustomOperationsTests {
  @Test func namesAreUnique() throws {
    var operations = try CustomOperations([CustomOperation("b") { $0 }, CustomOperation("a") { $0 }])
    #expect(operations.names == ["a", "b"])
    #expect(operations["a"]?.name == "a" && operations["c"] == nil)
    #expect(ids { try operations.register(CustomOperation("a") { $0 }) } == ["custom.duplicate"])
    #expect(try operations.resolve(["b", "a", "b"]).map(\.name) == ["b", "a", "b"])
    #expect(
      ids { _ = try operations.resolve(["a", "x", "y"]) } == ["custom.unregistered", "custom.unregistered"])
  }
}
