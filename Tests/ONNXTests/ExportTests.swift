import ApusCompiler
import ApusFuzz
import ApusIR
import ApusInterpreter
import ApusONNX
import ApusSupport
import ApusTensor
import OpCases
import Testing

/// What is exported means the same when it is imported again.
@Suite struct ExportTests {
  /// Each op on some element types, with the sizes known and not.
  @Test(arguments: OpCall.covered.map(\.code)) func everyOpComesBack(_ code: OpCode) throws {
    let cases = try #require(OpCase.cases(of: code.info), "\(code.name) has no case")
    let assignments = OpCall.assignments(code.info)
    let step = max(1, assignments.count / Self.mostCalls)
    let calls = stride(from: 0, to: assignments.count, by: step).flatMap { index in
      (0..<max(1, Self.mostCalls / assignments.count)).compactMap { turn in
        OpCall(code.info, cases[(index + turn) % cases.count], assignments[index])
      }
    }
    for isOpen in [false, true] {
      let exported = try calls.filter { try isExported([$0], isOpen) }
      guard !exported.isEmpty else { continue }
      let module = try module(exported, isOpen)
      let roundTrip = try RoundTrip(module.module)
      for (seed, values) in OperandValues.allCases.enumerated() {
        let inputs = exported.enumerated().flatMap { $1.inputs(values, seed: UInt64($0 * 2 + seed)) }
        for (result, problem) in roundTrip.problems(inputs) {
          Issue.record("\(module.owners[result].text), \(isOpen ? "open sizes, " : "")\(values) values: \(problem)")
        }
      }
    }
  }

  private static let mostCalls = 12

  /// Which ops ONNX can say of some element types at least.
  @Test func opsThatAreExported() throws {
    let all = OpCall.covered.map(\.code)
    let refused = try all.filter { code in
      let cases = try #require(OpCase.cases(of: code.info), "\(code.name) has no case")
      let calls = OpCall.assignments(code.info).flatMap { types in cases.compactMap { OpCall(code.info, $0, types) } }
      return try !calls.contains { try isExported([$0], false) }
    }
    #expect(refused == [.randomBits], "\(refused.count) of \(all.count) are not")
  }

  /// False where ONNX has no way to say it; throws where that is not what the diagnostics say.
  private func isExported(_ calls: [OpCall], _ isOpen: Bool) throws -> Bool {
    do {
      _ = try ONNXExport.model(module(calls, isOpen).module)
      return true
    } catch let error as DiagnosticError {
      try #require(error.diagnostics.allSatisfy { $0.severity == .unsupported && $0.id.hasPrefix("export.") }, "\(error)")
      return false
    }
  }

  private func module(_ calls: [OpCall], _ isOpen: Bool) throws -> (module: Module, owners: [OpCall]) {
    let (function, owners) = try Function.making(calls, withOpenSizes: isOpen)
    return (Module(function), owners)
  }

  /// Branches, loops, calls, and sizes that only a run knows.
  @Test func drawnModulesComeBack() throws {
    var generator = GraphGenerator()
    var exported = 0
    for seed in 0..<60 as Range<UInt64> {
      let module = generator.module(seed: seed, ops: 1 + Int(seed % 6))
      guard let main = module.functions.first, let roundTrip = try? RoundTrip(module) else { continue }
      exported += 1
      var drawing = InputDrawing(seed: seed)
      guard let inputs = try? drawing.inputs(of: main) else { continue }
      for (result, problem) in roundTrip.problems(inputs) {
        Issue.record("seed \(seed), result \(result): \(problem)\n\(module.text())")
      }
    }
    #expect(exported > 35)
  }

  /// Conversions that saturate compare indices with the ends of their type, which sizes must not be added to.
  @Test(arguments: [1, 2, 7]) func indicesOfOpenSizesStayWithinThem(count: Int) throws {
    let module = try parse(
      """
      func @main(%x: f32[N]) -> f32[3] where N in 1...7 {
        %0: f32[3] = resize_axis %x, axis: 0, size: [3], mode: linear, coordinates: align_corners
        return %0
      }
      """)
    let x = Tensor((0..<count).map { Float($0) * 1.5 }, shape: [count])
    #expect(try RoundTrip(module).problems([x]).isEmpty)
  }

  @Test func namesAndSizesAreKept() throws {
    let model = try ONNXExport.model(
      parse(
        """
        func @mlp(%x: f32[B, 4], %w: f32[4, 3]) -> (y: f32[B, 3]) where B in 1...8 {
          %0: f32[B, 3] = matmul %x, %w
          return %0
        }
        """))
    let file = try ONNXFile(name: "mlp.onnx", bytes: model.bytes)
    #expect(model.inputs == ["x", "w"] && file.inputs.map(\.name) == ["x", "w"] && file.outputs.map(\.name) == ["y"])
    guard case .tensor(let kind?) = file.inputs[0].kind else { return #expect(Bool(false)) }
    #expect(kind.element == .f32 && kind.sizes == [.open("B"), .fixed(4)])
  }

  // MARK: Refusals

  @Test(arguments: [
    (
      "export.op",
      """
      func @f(%seed: u64[]) -> u32[2] {
        %0: u32[2] = random_bits %seed
        return %0
      }
      """
    ),
    (
      "export.op",
      """
      func @f(%x: f32[4], %i: s64[2], %u: f32[2]) -> f32[4] {
        %0: f32[4] = scatter_elements %x, %i, %u, axis: 0, reduction: add
        return %0
      }
      """
    ),
    (
      "export.size",
      """
      func @f(%x: f32[A*B]) -> s64[] {
        %0: s64[] = size of: [A]
        return %0
      }
      """
    ),
  ]) func refusals(_ id: String, _ text: String) throws {
    do {
      _ = try ONNXExport.model(parse(text))
      Issue.record("it is exported")
    } catch {
      #expect(error.diagnostics.map(\.id) == [id] && error.diagnostics[0].severity == .unsupported, "\(error)")
      guard case .text(_, let range) = error.diagnostics[0].place else { return #expect(Bool(false), "\(error)") }
      #expect(!range.isEmpty)
    }
  }

  @Test func onlyGraphsAreExported() {
    let error = #expect(throws: DiagnosticError.self) { try ONNXExport.model(Module()) }
    #expect(error?.diagnostics.map(\.id) == ["export.phase"])
  }

  private func parse(_ text: String) throws(DiagnosticError) -> Module {
    try Module.parse(SourceText(name: "f.ir", text: "apus-ir 1\n\n" + text))
  }
}

/// A module that is exported and imported again.
struct RoundTrip {
  private let module: Module
  private let copy: ImportedModel
  private let names: [String]

  /// Throws what the export throws.
  init(_ module: Module) throws {
    self.module = module
    let model = try ONNXExport.model(module)
    names = model.inputs
    copy = ImportedModel(try ONNXFile(name: "model.onnx", bytes: model.bytes), isInterpreted: true)
  }

  /// What is not as it was, by result.
  func problems(_ inputs: [Tensor]) -> [(Int, String)] {
    // What fails here or hangs on rounding says nothing.
    guard let enclosures = try? Interpreter(module).enclose(inputs, slack: .ofONNX) else { return [] }
    do {
      let results = try copy.run(Dictionary(uniqueKeysWithValues: zip(names, inputs)))
      return zip(enclosures, results).enumerated().compactMap { index, pair in
        pair.0.contradiction(pair.1.tensor).map { (index, $0) }
      }
    } catch {
      return [(0, "the copy fails: \(error)")]
    }
  }
}
