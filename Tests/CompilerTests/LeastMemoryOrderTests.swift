import ApusCompiler
import ApusIR
import ApusMemory
import ApusRuntime
import ApusSupport
import ApusTensor
import Testing

/// Kernels run in the order that needs the smallest arena.
@Suite struct LeastMemoryOrderTests {
  private func compile(_ text: String) throws -> CompiledModel {
    try Compiler(CompilerOptions(threads: 1)).compile(Module.parse(SourceText(name: "f.ir", text: "apus-ir 1\n\n\(text)")))
  }

  private func peak(_ model: CompiledModel) throws -> Int {
    try model.plan.instance { _ in 100 }.plan.peak
  }

  /// Both scans first, as they are listed, would need room for two.
  private static func branches(_ size: String, bounds: String = "") -> String {
    """
    func @f(%x: s32[\(size)], %y: s32[\(size)]) -> (s32[], s32[])\(bounds) {
      %0: s32[\(size)] = scan %x, axis: 0
      %1: s32[\(size)] = scan %y, axis: 0
      %2: s32[\(size)] = scan %0, axis: 0, reverse: true
      %3: s32[\(size)] = scan %1, axis: 0, reverse: true
      %4: s32[] = reduce_sum %2, axes: [0]
      %5: s32[] = reduce_sum %3, axes: [0]
      return %4, %5
    }

    """
  }

  @Test(arguments: [("1000", ""), ("N", " where N in 1...1000")])
  func branchesRunOneByOne(_ size: String, _ bounds: String) throws {
    let model = try compile(Self.branches(size, bounds: bounds))
    let bytes = try model.plan.instance { _ in 1000 }.plan.peak
    #expect(bytes == 2 * 4032)
    let x = Tensor((0..<1000).map { Int32($0 % 7) }, shape: [1000])
    let y = Tensor((0..<1000).map { Int32($0 % 5) }, shape: [1000])
    #expect(try model.executable.run([x, y]) == Model(interpreting: Module(model.host)).run([x, y]))
  }

  @Test func theListedOrderStaysOnRequest() throws {
    let module = try Module.parse(SourceText(name: "f.ir", text: "apus-ir 1\n\n\(Self.branches("1000"))"))
    let model = try Compiler(CompilerOptions(threads: 1, planEffort: .listed)).compile(module)
    #expect(try peak(model) == 3 * 4032)
    let kernels = model.loops.scheduled.ops(in: model.loops.scheduled.entry)
    #expect(kernels.filter { model.host.ops(in: model.host.entry).contains($0) } == model.host.ops(in: model.host.entry))
  }

  @Test func trafficHasInputsConstantsAndResults() throws {
    let model = try compile(
      """
      func @f(%x: f32[64]) -> f32[64] {
        %0: f32[64] = constant [WEIGHT]
        %1: f32[64] = add %x, %0
        %2: f32[64] = scan %1, axis: 0
        return %2
      }

      """.replacing("WEIGHT", with: (0..<64).map { "\($0).0" }.joined(separator: ", ")))
    let (graph, ops) = try #require(model.loops.scheduled.memoryTraffic())
    #expect(graph.buffers.map(\.size) == [256, 256, 256, 256])
    #expect(ops.count == 2 && graph.ops.map { $0.inputs.count } == [2, 1])
  }

  @Test func anOrderThatIsAsGoodStays() throws {
    let model = try compile(
      """
      func @f(%x: s32[100]) -> s32[100] {
        %0: s32[100] = scan %x, axis: 0
        %1: s32[100] = scan %0, axis: 0
        %2: s32[100] = scan %1, axis: 0
        return %2
      }

      """)
    let found = try #require(model.host.leastMemoryOrder())
    #expect(found.plan.order == [0, 1, 2] && found.plan.isProven)
    #expect(try peak(model) == 2 * 448)
  }

  /// The second value is needed first, but what checks the first one is there to fail before.
  @Test func checksKeepTheirOrder() throws {
    let text = """
      func @f(%x: s32[1000], %y: s32[1000]) -> (s32[], s32[]) {
        %0: s32[1000] = scan %x, axis: 0
        %1: s32[1000] = scan %y, axis: 0
        %2: s32[1000] = scan %0, axis: 0, reverse: true
        %3: s32[1000] = scan %1, axis: 0, reverse: true
        %4: s32[] = reduce_sum %2, axes: [0]
        %5: s32[] = reduce_sum %3, axes: [0]
        %zero: s32[] = constant 0
        %6: bool[] = less %5, %zero
        assert %6, message: "first"
        %7: bool[] = less %4, %zero
        assert %7, message: "second"
        return %4, %5
      }

      """
    let model = try compile(text)
    let found = try #require(model.host.leastMemoryOrder())
    let ordered = try #require(found.host)
    #expect(ordered.allOps().filter { ordered.opcode(of: $0) == .assert }.map { ordered.string("message", of: $0) }
      == ["first", "second"])
    let problems = Module(ordered).verify() + model.loops.module.verify()
    #expect(problems.isEmpty)
  }

  /// What a branch reads is needed until then.
  @Test func regionsReadWhatIsOutside() throws {
    let text = """
      func @f(%x: s32[1000], %y: s32[1000], %c: bool[]) -> (s32[], s32[]) {
        %0: s32[1000] = scan %x, axis: 0
        %1: s32[1000] = scan %y, axis: 0
        %2: s32[] = reduce_sum %1, axes: [0]
        %3: s32[] = if %c {
          %4: s32[] = reduce_sum %0, axes: [0]
          yield %4
        } else {
          %5: s32[1000] = scan %0, axis: 0, reverse: true
          %6: s32[] = reduce_max %5, axes: [0]
          yield %6
        }
        return %2, %3
      }

      """
    let model = try compile(text)
    let x = Tensor((0..<1000).map { Int32($0 % 7) }, shape: [1000])
    for condition in [true, false] {
      let inputs = [x, x, Tensor([condition], shape: [])]
      #expect(try model.executable.run(inputs) == Model(interpreting: Module(model.host)).run(inputs))
    }
    let problems = model.loops.module.verify()
    #expect(problems.isEmpty)
  }

  /// A reshape writes nothing, and stands before what reads it all the same.
  @Test func viewsStandBeforeTheirReaders() throws {
    let model = try compile(
      """
      func @f(%x: s32[1000], %y: s32[1000]) -> (s32[10], s32[10]) {
        %0: s32[1000] = scan %x, axis: 0
        %1: s32[1000] = scan %y, axis: 0
        %2: s32[10, 100] = reshape %0
        %3: s32[10, 100] = reshape %1
        %4: s32[10] = reduce_sum %2, axes: [1]
        %5: s32[10] = reduce_max %3, axes: [1]
        return %4, %5
      }

      """)
    let found = try #require(model.host.leastMemoryOrder())
    #expect(found.plan.order != Array(found.plan.order.indices) && found.plan.isProven)
    let ordered = try #require(found.host)
    let problems = Module(ordered).verify()
    #expect(problems.isEmpty)
    #expect(try peak(model) == 4032)
  }

  /// Sizes at the end of what an address holds leave the order as it is.
  @Test func hugeValuesHaveNoPlan() throws {
    let text = """
      apus-ir 1

      func @f(%x: f32[2305843009213693951]) -> f32[2305843009213693951] {
        %0: f32[2305843009213693951] = scan %x, axis: 0
        %1: f32[2305843009213693951] = scan %0, axis: 0
        return %1
      }

      """
    var timing = Timing()
    let host = try Compiler(CompilerOptions(threads: 1))
      .fuse(Module.parse(SourceText(name: "f.ir", text: text)), timing: &timing).host
    let isPlanned = host.leastMemoryOrder() != nil
    #expect(!isPlanned)
  }
}
