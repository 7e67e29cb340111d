import ApusCompiler
import ApusIR
import ApusMemory
import ApusRuntime
import ApusSupport
import ApusTensor
import Testing

/// Which intermediate values share memory.
@Suite struct ArenaTests {
  /// Runs of kernels that do not fuse: each needs all of what the one before it made.
  private func compile(
    _ body: String, parameters: String = "%x: f32[B, T]", result: String,
    bounds: String = "B in 0...64, T in 0...64"
  ) throws -> CompiledModel {
    let text = "apus-ir 1\n\nfunc @f(\(parameters)) -> \(result) where \(bounds) {\n\(body)}\n"
    let compiled = try Compiler(CompilerOptions(threads: 1)).compile(
      Module.parse(SourceText(name: "f.ir", text: text)))
    #expect(compiled.loops.module.verify().isEmpty)
    // The plan is data of the IR: it survives being written and read.
    let printed = compiled.loops.module.text()
    #expect(try Module.parse(SourceText(name: "loops.ir", text: printed)).text() == printed)
    return compiled
  }

  private func allocations(_ compiled: CompiledModel) -> [[Dim]?] {
    let host = compiled.loops.module.functions[0]
    return host.allOps().filter { host.opcode(of: $0) == .alloc }.map { host.dims("offset", of: $0) }
  }

  private func validate(_ compiled: CompiledModel) throws {
    for size in [0, 1, 5, 64] {
      let (problem, plan) = try compiled.plan.instance { $0.index == 0 ? size : 64 - size }
      try ApusMemory.validate(plan, for: problem)
    }
  }

  @Test func buffersOfUnknownSizeShareSlots() throws {
    let body = """
        %0: f32[B, T] = scan %x, axis: 1
        %1: f32[B, T] = scan %0, axis: 0
        %2: f32[B, T] = scan %1, axis: 1
        %3: f32[B, T] = scan %2, axis: 0
        return %3

      """
    let compiled = try compile(body, result: "f32[B, T]")
    let offsets = allocations(compiled)
    #expect(offsets.count == 3 && !offsets.contains(nil))
    // Two of them are alive at once, so that there are two slots.
    #expect(Set(offsets.compactMap { $0 }).count == 2)
    try validate(compiled)
    for (rows, columns) in [(0, 0), (1, 1), (3, 5), (64, 33)] {
      let x = Tensor((0..<rows * columns).map { Float($0 % 7) }, shape: [rows, columns])
      let plan = try compiled.executable.description.plan([[rows, columns]])
      #expect(plan.arenaBytes == 2 * ((4 * rows * columns + 63) / 64 * 64))
      #expect(try compiled.executable.run([x]) == Model(interpreting: Module(compiled.host)).run([x]))
    }
  }

  @Test func slotsAreAsLargeAsTheLargestOfTheirBuffers() throws {
    let body = """
        %0: f32[B, T] = scan %x, axis: 1
        %1: f32[B] = reduce_sum %0, axes: [1]
        %2: f32[B] = scan %1, axis: 0
        %3: f32[2*B] = concat %2, %2, axis: 0
        %4: f32[2*B] = scan %3, axis: 0
        %5: f32[2*B] = scan %4, axis: 0, reverse: true
        return %5

      """
    let compiled = try compile(body, result: "f32[2*B]")
    try validate(compiled)
    for (rows, columns) in [(0, 3), (1, 64), (17, 1), (64, 64)] {
      let x = Tensor((0..<rows * columns).map { Float($0 % 7) }, shape: [rows, columns])
      #expect(try compiled.executable.run([x]) == Model(interpreting: Module(compiled.host)).run([x]))
    }
  }

  @Test func elementwiseKernelsWriteOverWhatDies() throws {
    let body = """
        %0: f32[B, T] = scan %x, axis: 1
        %1: f32[B, T] = add %0, %x
        %2: f32[B, T] = scan %1, axis: 0
        %3: f32[B, T] = scan %1, axis: 1
        return %2, %3

      """
    let compiled = try compile(body, result: "(f32[B, T], f32[B, T])")
    let host = compiled.loops.module.functions[0]
    let launches = host.allOps().filter { host.opcode(of: $0) == .launch }.map { host.operands(of: $0) }
    #expect(launches.contains { $0.count == 3 && $0.dropLast().contains($0[2]) }, "\(compiled.loops.module.text())")
    #expect(allocations(compiled) == [[0]])
    let x = Tensor((0..<33).map { Float($0 % 7) }, shape: [3, 11])
    #expect(try compiled.executable.run([x]) == Model(interpreting: Module(compiled.host)).run([x]))
  }

  @Test func nothingIsWrittenOverThatIsReadAgain() throws {
    let body = """
        %0: f32[B, B] = scan %x, axis: 1
        %1: f32[B, B] = transpose %0, perm: [1, 0]
        %2: f32[B, B] = add %0, %1
        %3: f32[B, B] = scan %2, axis: 0
        %4: f32[B, B] = mul %0, %3
        %5: f32[B, B] = scan %4, axis: 0
        return %5

      """
    let compiled = try compile(body, parameters: "%x: f32[B, B]", result: "f32[B, B]", bounds: "B in 0...64")
    let host = compiled.loops.module.functions[0]
    for op in host.allOps() where host.opcode(of: op) == .launch {
      let buffers = host.operands(of: op)
      if buffers.count == 2 { #expect(buffers[0] != buffers[1]) }
    }
    let x = Tensor((0..<81).map { Float($0 % 7) }, shape: [9, 9])
    #expect(try compiled.executable.run([x]) == Model(interpreting: Module(compiled.host)).run([x]))
  }
}
