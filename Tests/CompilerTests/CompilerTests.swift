import ApusCompiler
import ApusIR
import ApusPasses
import ApusSupport
import ApusTensor
import Foundation
import Testing

@Suite struct CompilerTests {
  private func module(_ text: String) throws -> Module {
    try ModelFile.parse(ir: SourceText(name: "test.ir", text: "apus-ir 1\n" + text))
  }

  private let two = """
    func @main(%x: f32[N]) -> f32[N] where N in 0...100 {
      %0: f32[N] = call %x, callee: @twice
      return %0
    }
    func @twice(%x: f32[N]) -> f32[N] where N in 0...100 {
      %0: f32[N] = add %x, %x
      return %0
    }
    func @other(%x: f32[N]) -> f32[N] where N in 0...100 {
      %0: f32[N] = mul %x, %x
      return %0
    }
    """

  @Test func runsTheFunctionThatIsNamed() throws {
    let module = try module(two)
    let x = Tensor([3, 4] as [Float])
    for (name, expected) in [(nil, [6, 8]), ("twice", [6, 8]), ("other", [9, 16])] as [(String?, [Float])] {
      let options = CompilerOptions(function: name)
      let compiled = try Compiler(options).compile(module)
      #expect(try Model(compiled).run([x]) == [Tensor(expected)])
      #expect(try Model(interpreting: module, options).run([x]) == [Tensor(expected)])
      #expect(compiled.timing.entries.map(\.phase) == ["passes", "lower", "plan", "codegen", "link"])
      #expect(compiled.host.phase == .fused && compiled.loops.module.functions[0].phase == .loops)
    }
    #expect(throws: DiagnosticError.self) { try Compiler(CompilerOptions(function: "none")).compile(module) }
    #expect(throws: DiagnosticError.self) { try Compiler().compile(Module()) }
  }

  @Test func bothEnginesRefuseTheSameInputs() throws {
    let module = try module(two)
    for model in [Model(try Compiler().compile(module)), try Model(interpreting: module)] {
      for input in [Tensor([1] as [Double]), Tensor([1] as [Float], shape: [1, 1]), Tensor([Float](repeating: 0, count: 101))] {
        #expect(throws: DiagnosticError.self) { try model.run([input]) }
      }
      #expect(throws: DiagnosticError.self) { try model.run(named: ["y": Tensor([1] as [Float])]) }
      #expect(try model.run(named: ["x": Tensor([Float]())])["output_0"]?.shape == [0])
    }
  }

  @Test func passesMustLeadToKernels() throws {
    var options = CompilerOptions()
    options.passes.steps = []
    do {
      _ = try Compiler(options).compile(module(two))
      Issue.record("a graph was lowered")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.first?.id == "compile.phase")
    }
  }

  /// A number for all is repeated in one kernel and read for each of the one row there is.
  @Test func rowsOfOneAreReadAsRows() throws {
    var options = CompilerOptions(threads: 1)
    options.passes = try Pipeline.parse("decompose-composites,fold-constants,form-kernels,fuse-elementwise,fuse-reductions")
    let text = """
      apus-ir 1

      func @main(%x: f32[1, 2]) -> f32[1, 1] {
        %0: f32[1, 1] = logsumexp %x, axes: [0, 1], keep_dims: true
        return %0
      }

      """
    let compiled = try Compiler(options).compile(Module.parse(SourceText(name: "f.ir", text: text)))
    let problems = compiled.loops.module.verify()
    #expect(problems.isEmpty)
    let result = try compiled.executable.run([Tensor([1 as Float, 2], shape: [1, 2])])[0]
    #expect(abs(result.scalar(at: 0).asDouble - 2.3132617) < 1e-6)
  }

  @Test func readsModelsByTheirEndings() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("models-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func id(_ name: String, _ text: String) throws -> String? {
      let path = folder.path + "/" + name
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      do throws(DiagnosticError) {
        _ = try ModelFile.load(path: path)
        return nil
      } catch {
        return error.diagnostics.first?.id
      }
    }
    #expect(try id("a.apus", "graph f(x: f32[2]) { return x }") == nil)
    #expect(try id("a.ir", "apus-ir 1\n" + two) == nil)
    #expect(try id("b.ir", "apus-ir 1\nfunc @f(%x: f32[2]) -> f32[3] {\n  return %x\n}\n") != nil)
    #expect(try id("a.onnx", "") == "onnx.model")
    #expect(try id("a.txt", "") == "file.format")
    #expect(try id("noending", "") == "file.format")
    let outside = """
      apus-ir 1
      func @f() -> f32[100] {
        %0: f32[100] = constant @w
        return %0
      }
      constants {
        @w = "../w.bin", 0, 400, sha256 "\(String(repeating: "0", count: 64))"
      }
      """
    #expect(try id("c.ir", outside) == "file.outside")
  }

  @Test func noticesWhatPassesChange() throws {
    let check = SemanticCheck()
    let before = try module(two)
    try check.compare(before, before)
    let after = try module(two.replacing("mul %x, %x", with: "add %x, %x"))
    do {
      try check.compare(before, after)
      Issue.record("a sum was taken for a product")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.first?.id == "semantics.changed")
    }
  }

  @Test func estimatesMemory() throws {
    let report = try ModelReport(
      try module(
        """
        func @f(%x: f32[N]) -> f32[N] where N in 0...1000 {
          %0: f32[N] = reshape %x
          %1: f32[N] = exp %0
          return %1
        }
        """), CompilerOptions())
    #expect(report.problems.isEmpty && report.kernels == 1)
    let memory = try #require(report.memory)
    #expect(memory.constants == 0 && memory.inputs == 4000 && memory.peak == 4000 && memory.assumed.isEmpty)
  }
}

@Suite struct TensorComparisonTests {
  private func isMatch(_ a: [Float], _ b: [Float]) -> Bool {
    TensorComparison(Tensor(a), Tensor(b), relative: 1e-3, absolute: 1e-6).isMatch
  }

  @Test func tolerances() {
    #expect(isMatch([1, .nan, .infinity, 0], [1.0005, .nan, .infinity, 1e-7]))
    #expect(!isMatch([1], [1.01]) && !isMatch([.nan], [1]) && !isMatch([1], [.nan]))
    #expect(!isMatch([.infinity], [-.infinity]) && !isMatch([1], [.infinity]) && !isMatch([.infinity], [1]))
    #expect(!isMatch([1], [1, 1]))
    let comparison = TensorComparison(
      Tensor([1, 2, 3, 4] as [Int32], shape: [2, 2]), Tensor([1, 2, 0, 0] as [Int32], shape: [2, 2]), relative: 9,
      absolute: 9)
    #expect(comparison.differing == 2 && comparison.message?.contains("[1, 0]: 3, but 0") == true)
  }
}
