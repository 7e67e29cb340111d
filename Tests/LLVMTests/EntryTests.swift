import ApusIR
import ApusRuntimeABI
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// The host as the runtime calls it: shapes in, shapes and memory out.
@Suite struct EntryTests {
  /// Runs an entry on f32 tensors; outputs of the given ranks come without memory, and are returned with their shapes.
  func run(
    _ module: Module, inputs: [Tensor], outputRanks: [Int], custom: Custom? = nil
  ) throws -> (status: Int32, outputs: [(shape: [Int], values: [Float])]) {
    let generator = CodeGenerator(for: .host())
    let compiled = try generator.compile(
      module, entry: .init(module.functions[0].name, inputCount: inputs.count))
    let loaded = try LoadedModule(compiled, into: JIT(for: .host()))
    let entry = unsafeBitCast(try loaded.entry(), to: apus_entry.self)
    var context = apus_context()
    apus_context_init(&context, nil)
    defer { apus_context_release(&context) }
    if let custom { context.custom_call = custom }
    let open = Array(repeating: Int64(-1), count: outputRanks.reduce(0, +) + 1)
    var extents = inputs.flatMap { $0.shape.map(Int64.init) } + open
    return extents.withUnsafeMutableBufferPointer { extents in
      var next = 0
      func tensor(_ data: UnsafeMutableRawPointer?, rank: Int) -> apus_tensor {
        defer { next += rank }
        return apus_tensor(data: data, dims: extents.baseAddress.map { $0 + next }, element_type: 0, rank: Int32(rank))
      }
      var given = inputs.map { input in
        tensor(UnsafeMutableRawPointer(mutating: input.withUnsafeBytes { $0.baseAddress }), rank: input.rank)
      }
      var wanted = outputRanks.map { tensor(nil, rank: $0) }
      let status = apus_invoke(entry, &context, &given, &wanted)
      guard status == 0 else { return (status, []) }
      let outputs = wanted.map { output in
        let shape = (0..<Int(output.rank)).map { Int(output.dims[$0]) }
        let count = shape.reduce(1, *)
        return (shape, (0..<count).map { output.data.load(fromByteOffset: $0 * 4, as: Float.self) })
      }
      return (status, outputs)
    }
  }

  typealias Custom =
    @convention(c) (
      UnsafeMutablePointer<apus_context>?, Int64, UnsafeMutablePointer<apus_tensor>?, Int64,
      UnsafeMutablePointer<apus_tensor>?, Int64
    ) -> Int32

  /// Sizes come from bare dims, and from expressions that leave one symbol open.
  @Test func takesSizesFromShapes() throws {
    var w = LoopWriter("host")
    let (t, b) = (w.symbol("T"), w.symbol("B"))
    let flat = try Dim.product(b, t)
    let x = w.buffer(.f32, [try Dim.sum(flat, 2)])
    let z = w.buffer(.f32, [t])
    let y = w.buffer(.f32, [b, t])
    let (zero, height, width) = (w.index(0), w.size(b), w.size(t))
    w.loop(zero, height) { w, i, _ in
      w.loop(zero, width) { w, j, _ in
        w.store(w.add(w.load(x, [w.add(w.mul(i, width), j)]), w.load(z, [j])), y, [i, j])
        return []
      }
      return []
    }
    let x8 = try Tensor(.f32, [8]) { .float(Double($0)) }
    let got = try run(Module(w.finished(returning: [y])), inputs: [x8, Tensor([Float(10), 20, 30])], outputRanks: [2])
    #expect(got.status == 0)
    #expect(got.outputs[0].shape == [2, 3])
    #expect(got.outputs[0].values == [10, 21, 32, 13, 24, 35])
  }

  /// A custom op whose result's size only it knows; the host hands that buffer out.
  @Test func handsOutWhatACustomOpMakes() throws {
    var w = LoopWriter("host")
    let n = w.symbol("N")
    let x = w.buffer(.f32, [n])
    let y = w.buffer(.f32, [n])
    let k = w.symbol("K", origin: .value)
    let made = w.op(
      .customCall, [x], [TensorType(.f32, [n], form: .buffer), TensorType(.f32, [k], form: .buffer)],
      [NamedAttribute("name", .string("split"))])
    let (same, short) = (w.function.result(0, of: made), w.function.result(1, of: made))
    HostTests.launch(&w, "scale", [same, y], sizes: [n])
    let double = w.value(.alloc, [], TensorType(.f32, [try Dim.product(k, 2)], form: .buffer))
    HostTests.launch(&w, "scale", [short, double], sizes: [k])
    var module = Module(w.finished(returning: [short, y]))
    module.add(HostTests.scale(factor: 3))
    let custom: Custom = { context, index, operands, operandCount, results, resultCount in
      guard let context, let operands, let results, index == 0, operandCount == 1, resultCount == 2 else { return 6 }
      let count = operands[0].dims[0]
      guard operands[0].rank == 1, results[0].dims[0] == count, results[1].dims[0] == -1, results[1].data == nil else {
        return 6
      }
      results[0].data.copyMemory(from: operands[0].data, byteCount: Int(count) * 4)
      guard let room = context.pointee.allocate(context, (count - 1) * 4) else { return 3 }
      room.copyMemory(from: operands[0].data + 4, byteCount: Int(count - 1) * 4)
      results[1].data = room
      results[1].dims[0] = count - 1
      return 0
    }
    let got = try run(module, inputs: [Tensor([Float(1), 2, 3])], outputRanks: [1, 1], custom: custom)
    #expect(got.status == 0)
    #expect(got.outputs.map(\.shape) == [[2], [3]])
    #expect(got.outputs.map(\.values) == [[2, 3], [3, 6, 9]])
    #expect(try CodeGenerator(for: .host()).compile(module).customOperations == ["split"])
    // Without a registration the context's own function fails the call.
    #expect(try run(module, inputs: [Tensor([Float(1), 2, 3])], outputRanks: [1, 1]).status == 5)
  }
}
