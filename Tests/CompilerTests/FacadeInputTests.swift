import Apus
import Synchronization
import Testing

/// The inputs of a model in Swift: given by place and by name, wrong, borrowed, from many tasks, and taken back.
@Suite struct FacadeInputTests {
  private static let text = """
    graph f(x: f32[N, 2], k: f32[], y: f32[2*N]) where N in 1...8 {
      z = reduce_sum(x * k, axes: [1]) + reduce_sum(y, axes: [0])
      return z
    }
    """

  private static func zeros(_ type: ElementType, _ shape: [Int]) throws -> Tensor { try Tensor.zeros(type, shape: shape) }

  private func ids(_ body: () throws -> Void) -> [String] {
    do {
      try body()
      return []
    } catch {
      return (error as? DiagnosticError)?.diagnostics.map(\.id) ?? ["\(error)"]
    }
  }

  @Test(arguments: [
    ([(.f32, [3, 2]), (.f32, []), (.f32, [6])], []),
    ([], ["input.count"]), ([(.f32, [3, 2]), (.f32, [])], ["input.count"]),
    ([(.f32, [3, 2]), (.f32, []), (.f32, [6]), (.f32, [])], ["input.count"]),
    ([(.f64, [3, 2]), (.f32, []), (.f32, [6])], ["input.type"]),
    ([(.f32, [3, 2]), (.s32, []), (.f32, [6])], ["input.type"]),
    ([(.f32, [6]), (.f32, []), (.f32, [6])], ["input.rank"]),
    ([(.f32, [3, 2]), (.f32, [1]), (.f32, [6])], ["input.rank"]),
    ([(.f32, [3, 3]), (.f32, []), (.f32, [6])], ["input.shape"]),
    ([(.f32, [3, 2]), (.f32, []), (.f32, [7])], ["input.shape"]),
    ([(.f32, [3, 2]), (.f32, []), (.f32, [8])], ["input.shape"]),
    ([(.f32, [0, 2]), (.f32, []), (.f32, [0])], ["input.shape"]),
    ([(.f32, [9, 2]), (.f32, []), (.f32, [18])], ["input.shape"]),
  ] as [([(ElementType, [Int])], [String])])
  func wrongOnesAreRefused(_ shapes: [(ElementType, [Int])], _ expected: [String]) async throws {
    let model = try Model(graph: Self.text)
    let inputs = try shapes.map { try Self.zeros($0.0, $0.1) }
    #expect(ids { _ = try model.run(inputs) } == expected)
    do {
      _ = try await model.run(inputs)
      #expect(expected == [])
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.map(\.id) == expected)
    }
    guard inputs.count == 3 else { return }
    let named = Dictionary(uniqueKeysWithValues: zip(model.inputs.map(\.name), inputs))
    #expect(ids { _ = try model.run(named: named) } == expected)
  }

  @Test func namesThatAreMissingAndUnknownAreAllNamed() async throws {
    let model = try Model(graph: Self.text)
    let wrong = ["x": try Self.zeros(.f32, [1, 2]), "q": Tensor(scalar: 1 as Float), "r": Tensor(scalar: 1 as Float)]
    let expected = ["input.missing", "input.missing", "input.unknown", "input.unknown"]
    #expect(ids { _ = try model.run(named: wrong) } == expected)
    do {
      _ = try await model.run(named: wrong)
      Issue.record("a run without its inputs")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.map(\.id) == expected)
    }
  }

  /// Numbers that the caller owns, at any address that suits their type.
  @Test(arguments: [0, 1, 3]) func memoryOfTheCallerIsReadInPlace(offset: Int) throws {
    let seen = Mutex<UInt?>(nil)
    let probe = CustomOperation("probe") { operands in
      operands[0].withUnsafeBytes { bytes in seen.withLock { $0 = UInt(bitPattern: bytes.baseAddress) } }
      return [operands[0]]
    }
    let model = try jit(options: ModelOptions(operations: [probe])) { graph in
      let x = graph.input("x", .f32, ["N"])
      return ["y": customCall("probe", [x], results: [(.f32, ["N"])])[0] * 2, "same": x]
    }
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 64)
    memory.initialize(repeating: 1.5)
    let part = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: memory[offset..<offset + 33]))
    let address = UInt(bitPattern: part.baseAddress)
    let isReleased = Atomic(0)
    do {
      nonisolated(unsafe) let base = memory
      let storage = TensorStorage(borrowing: part) {
        base.deallocate()
        isReleased.add(1, ordering: .relaxed)
      }
      let results = try model(Tensor(.f32, shape: [33], storage: storage))
      #expect(seen.withLock { $0 } == address)
      #expect(results.map { $0.values(as: Float.self) } == [Array(repeating: 3, count: 33), Array(repeating: 1.5, count: 33)])
      // An output is never the input itself.
      #expect(results[1].withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } != address)
      #expect(isReleased.load(ordering: .relaxed) == 0)
    }
    #expect(isReleased.load(ordering: .relaxed) == 1)
  }

  @Test func memoryThatDoesNotFitIsRefused() throws {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
    defer { memory.deallocate() }
    let bytes = UnsafeRawBufferPointer(memory)
    for (shape, size) in [([5], 16), ([1, -1], 16), ([.max, .max], 16)] {
      let storage = TensorStorage(borrowing: UnsafeRawBufferPointer(rebasing: bytes[..<size]))
      #expect(ids { _ = try Tensor(.f32, shape: shape, storage: storage) }.count == 1)
    }
  }

  @Test func tasksAndThreadsShareAModel() async throws {
    let model = try Model(graph: "graph f(x: f32[N], n: s64[]) { i, y = while i = 0, y = x; i < n { i + 1, y + 1.0 }\n return y }")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<12 {
        group.addTask {
          let inputs = [Tensor([Float](repeating: Float(index), count: index * 9)), Tensor(scalar: Int64(index))]
          // What is called without `await` takes the thread it is on.
          let result = index % 2 == 0 ? try await model.run(inputs) : try Self.synchronously(model, inputs)
          #expect(result[0].values(as: Float.self) == [Float](repeating: Float(2 * index), count: index * 9))
        }
      }
      try await group.waitForAll()
    }
  }

  private static func synchronously(_ model: Model, _ inputs: [Tensor]) throws -> [Tensor] { try model.run(inputs) }

  @Test func cancellationStopsARun() async throws {
    let model = try Model(graph: "graph f(n: s64[]) { return while i = 0; i < n { i + 1 } }")
    let task = Task { try await model.run([Tensor(scalar: Int64.max)]) }
    try await Task.sleep(for: .milliseconds(20))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let early = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await model.run([Tensor(scalar: Int64.max)])
    }
    await #expect(throws: CancellationError.self) { try await early.value }
    // The model is none the worse for it.
    #expect(try await model.run([Tensor(scalar: 5 as Int64)]) == [Tensor(scalar: 5 as Int64)])
  }

  @Test func resultsCanBeWrittenOver() throws {
    let model = try Model(graph: "graph f(x: f32[N]) { return exp(x) + 1.0 }")
    var results = try model(Tensor([0, 0] as [Float]))
    let address = results[0].withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    try model.run([Tensor([1, 0] as [Float])], into: &results)
    #expect(results[0].values(as: Float.self)[1] == 2 && abs(results[0].values(as: Float.self)[0] - 3.718_282) < 1e-5)
    #expect(results[0].withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } == address)
    #expect(ids { try model.run([Tensor([1] as [Float])], into: &results) } == ["output.shape"])
    var none: [Tensor] = []
    #expect(ids { try model.run([Tensor([1] as [Float])], into: &none) } == ["output.count"])
  }
}
