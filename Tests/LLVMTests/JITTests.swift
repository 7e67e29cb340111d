import ApusSupport
import ApusTarget
import Testing

@testable import ApusLLVM

typealias AddKernel =
  @convention(c) (UnsafeMutablePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Int) -> Void

/// out[i] = a[i] + b[i]: whole vectors, then single elements.
func emitAdd(_ name: String, for target: Machine = .host()) throws -> Emitter {
  let emitter = Emitter(name, for: try TargetMachine(target))
  let lanes = target.vectorBytes / 4
  let (scalar, vector) = (emitter.types.f32, emitter.types.f32.vector(lanes))
  let pointer = CodeParameter(type: emitter.types.pointer, noAlias: true)
  emitter.function(name, [pointer, pointer, pointer, CodeParameter(type: emitter.types.i64)]) { f in
    let (out, a, b, count) = (f.parameters[0], f.parameters[1], f.parameters[2], f.parameters[3])
    func step(_ type: CodeType, _ i: CodeValue) {
      let x = emitter.load(type, emitter.offset(a, scalar, by: i))
      let y = emitter.load(type, emitter.offset(b, scalar, by: i))
      emitter.store(emitter.add(x, y), emitter.offset(out, scalar, by: i))
    }
    let whole = emitter.and(count, emitter.index(-lanes))
    emitter.forLoop(emitter.index(0), whole, step: lanes) { step(vector, $0) }
    emitter.forLoop(whole, count) { step(scalar, $0) }
  }
  return emitter
}

func runAdd(_ address: UnsafeRawPointer, count: Int) -> Bool {
  let kernel = unsafeBitCast(address, to: AddKernel.self)
  let a = (0..<count).map { Float($0) * 0.5 }
  let b = (0..<count).map { Float($0 % 7) }
  var out = [Float](repeating: -1, count: count + 1)
  kernel(&out, a, b, count)
  return (0..<count).allSatisfy { out[$0] == a[$0] + b[$0] } && out[count] == -1
}

@Suite struct JITTests {
  /// The library's code comes back when it is called: what was linked before runs on, and more is generated.
  @Test func theLibraryMayLeaveMemory() throws {
    let jit = try JIT(for: .host())
    try jit.add(try emitAdd("before").objectFile())
    let before = try jit.lookup("before")
    LibraryPages.leaveMemory()
    #expect(runAdd(before, count: 33))
    try jit.add(try emitAdd("after").objectFile())
    #expect(runAdd(try jit.lookup("after"), count: 33))
  }

  @Test(arguments: [0, 1, 7, 16, 33]) func runsAVectorLoop(count: Int) throws {
    let jit = try JIT(for: .host())
    try jit.add(emitAdd("add").objectFile())
    let kernel = try jit.lookup("add")
    #expect(runAdd(kernel, count: count))
  }

  @Test func assemblyUsesTheWidestRegisters() throws {
    let target = Machine.host()
    let assembly = try emitAdd("add").assembly()
    switch target.vectorBytes {
    case 64: #expect(assembly.contains("%zmm"))
    case 32: #expect(assembly.contains("%ymm") && !assembly.contains("%zmm"))
    case _: #expect(!assembly.contains("%ymm"))
    }
  }

  @Test func generatesForOtherMachines() throws {
    let expected = ["x86-64-v4": "%zmm", "x86-64-v3": "%ymm", "x86-64": "addps", "generic": "fadd\tv"]
    for (name, text) in expected {
      let machine = try #require(Machine.preset(name))
      #expect(try emitAdd("add", for: machine).assembly().contains(text), "\(name)")
    }
  }

  @Test func callsADefinedSymbol() throws {
    let callback: @convention(c) (Int) -> Int = { $0 * 3 + 1 }
    let jit = try JIT(for: .host())
    try jit.define("apus_test_callback", at: unsafeBitCast(callback, to: UnsafeRawPointer.self))
    let emitter = Emitter("calls", for: try TargetMachine(.host()))
    let integer = CodeParameter(type: emitter.types.i64)
    let external = emitter.declare("apus_test_callback", [integer], result: integer.type)
    emitter.function("twice", [integer], result: integer.type) { f in
      let once = emitter.call(external, [f.parameters[0]])
      emitter.returnValue(emitter.call(external, [once]))
    }
    try jit.add(emitter.objectFile())
    let twice = unsafeBitCast(try jit.lookup("twice"), to: (@convention(c) (Int) -> Int).self)
    #expect(twice(2) == 22)
  }

  @Test func hidesTheProcessFromCompiledCode() throws {
    let jit = try JIT(for: .host())
    let emitter = Emitter("escapes", for: try TargetMachine(.host()))
    let integer = CodeParameter(type: emitter.types.i64)
    let getpid = emitter.declare("getpid", [], result: emitter.types.i32)
    emitter.function("escape", [integer], result: emitter.types.i32) { _ in
      emitter.returnValue(emitter.call(getpid, []))
    }
    try jit.add(emitter.objectFile())
    let error = #expect(throws: DiagnosticError.self) { try jit.lookup("escape") }
    #expect(error?.diagnostics.first?.id == "llvm.jit.lookup")
    #expect(error?.diagnostics.first?.notes.contains { $0.message.contains("getpid") } == true)
  }

  @Test func definesBlockCopies() throws {
    let jit = try JIT(for: .host())
    let emitter = Emitter("blocks", for: try TargetMachine(.host()))
    let pointer = CodeParameter(type: emitter.types.pointer, noAlias: true)
    emitter.function("copy", [pointer, pointer, CodeParameter(type: emitter.types.i64)]) { f in
      emitter.copyBytes(to: f.parameters[0], from: f.parameters[1], count: f.parameters[2])
      emitter.fillBytes(f.parameters[1], emitter.int(9, emitter.types.i8), count: f.parameters[2])
    }
    try jit.add(emitter.objectFile())
    typealias Copy = @convention(c) (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>, Int) -> Void
    let copy = unsafeBitCast(try jit.lookup("copy"), to: Copy.self)
    var from = (0..<300).map { UInt8($0 % 251) }
    let before = from
    var to = [UInt8](repeating: 0, count: 300)
    copy(&to, &from, 299)
    #expect(to.dropLast() == before.dropLast() && to[299] == 0)
    #expect(from.dropLast().allSatisfy { $0 == 9 } && from[299] == before[299])
  }

  @Test func removesAnObject() throws {
    let jit = try JIT(for: .host())
    let object = try emitAdd("add").objectFile()
    do {
      let loaded = try jit.addRemovable(object)
      let kernel = try loaded.lookup("add")
      #expect(runAdd(kernel, count: 9))
    }
    #expect(throws: DiagnosticError.self) { try jit.lookup("add") }
    try jit.add(object)
    let again = try jit.lookup("add")
    #expect(runAdd(again, count: 9))
  }

  @Test func rejectsDuplicatesAndRubbish() throws {
    let jit = try JIT(for: .host())
    #expect(throws: DiagnosticError.self) { try jit.define("memcpy", at: UnsafeRawPointer(bitPattern: 64)!) }
    #expect(throws: DiagnosticError.self) { try jit.add(ObjectFile(bytes: [1, 2, 3])) }
    #expect(throws: DiagnosticError.self) { try jit.lookup("nothing") }
  }

  @Test func manyCompileAtOnce() async throws {
    let shared = try JIT(for: .host())
    let good = try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<8 {
        group.addTask {
          let own = try JIT(for: .host())
          let object = try emitAdd("add\(index)").objectFile()
          try own.add(object)
          try shared.add(object)
          let kernels = [try own.lookup("add\(index)"), try shared.lookup("add\(index)")]
          return kernels.allSatisfy { runAdd($0, count: 40 + index) }
        }
      }
      return try await group.reduce(true) { $0 && $1 }
    }
    #expect(good)
  }
}
