import ApusIR
import ApusPasses
import ApusSupport
import Testing

@Suite struct PipelineTests {
  @Test(arguments: [
    ("", ""), ("dce", "dce"), (" cse , dce ", "cse,dce"),
    ("canonicalize(fast-math=true),dce", "canonicalize(fast-math=true),dce"),
    ("canonicalize(fast-math=false)", "canonicalize"), ("canonicalize(fast-math)", "canonicalize(fast-math=true)"),
    ("fold-constants(limit=64)", "fold-constants(limit=64)"), ("dce()", "dce"),
    ("prepare", "inline-calls,decompose-composites"),
  ])
  func reads(_ text: String, _ canonical: String) throws {
    let pipeline = try Pipeline.parse(text)
    #expect(pipeline.description == canonical)
    #expect(try Pipeline.parse(canonical).description == canonical)
  }

  @Test(arguments: [
    ("nothing", "passes.unknown"), ("dce,nothing", "passes.unknown"), ("dce(fast=1)", "passes.argument"),
    ("canonicalize(fast-math=1)", "passes.argument"), ("fold-constants(limit=many)", "passes.argument"),
    ("fold-constants(limit=1,limit=2)", "passes.argument"), ("standard(a=1)", "passes.argument"),
    ("dce,", "passes.syntax"),
    (",dce", "passes.syntax"), ("dce(", "passes.syntax"), ("dce cse", "passes.syntax"), ("dce)", "passes.syntax"),
    ("fold-constants(limit=1", "passes.syntax"), ("dce,,cse", "passes.syntax"),
  ])
  func refuses(_ text: String, _ id: String) {
    #expect {
      _ = try Pipeline.parse(text)
    } throws: { error in
      (error as? DiagnosticError)?.diagnostics.contains { $0.id == id } ?? false
    }
  }

  @Test func reportsEveryMistake() throws {
    let error = try #require(throws: DiagnosticError.self) { try Pipeline.parse("nothing,dce(a=1),nobody") }
    #expect(error.diagnostics.map(\.id) == ["passes.unknown", "passes.argument", "passes.unknown"])
  }

  @Test func namesAreKebabCaseAndDifferent() {
    let names = Passes.all.map(\.name) + Passes.pipelines.keys
    #expect(Set(names).count == names.count)
    for name in names { #expect(name.allSatisfy { $0 == "-" || ($0.isLowercase && $0.isASCII) }) }
    for pass in Passes.all { #expect(!pass.summary.isEmpty) }
  }

  @Test func namedPipelinesRead() throws {
    for (name, pipeline) in Passes.pipelines {
      #expect(try Pipeline.parse(pipeline.description).description == pipeline.description)
      #expect(try Pipeline.parse(name).description == pipeline.description)
    }
  }

  @Test func callsHooksAroundEachPass() throws {
    var module = Module(Function(name: "main"))
    module[FunctionID(0)].insert(.return, [], results: [], at: .end(of: module[FunctionID(0)].entry))
    var seen: [String] = []
    var ticks = 0
    let reports = try Pipeline.parse("cse,dce").run(
      on: &module,
      Pipeline.Hooks(
        clock: {
          ticks += 1
          return .milliseconds(ticks)
        }, afterPass: { pass, _ in seen.append(pass.name) }, verify: { _ in seen.append("verify") },
        compare: { _, _ in seen.append("compare") }))
    #expect(seen == ["cse", "verify", "compare", "dce", "verify", "compare"])
    #expect(reports.map(\.pass) == ["cse", "dce"])
    #expect(reports.map(\.duration) == [.milliseconds(1), .milliseconds(1)])
    #expect(reports.map(\.isChanged) == [false, false])
  }

  @Test func errorsOfHooksNameThePass() throws {
    var module = Module(Function(name: "main"))
    let hooks = Pipeline.Hooks(verify: { _ in throw DiagnosticError(id: "test.broken", "broken") })
    let error = try #require(throws: DiagnosticError.self) { try Pipeline.parse("cse").run(on: &module, hooks) }
    #expect(error.diagnostics[0].notes.map(\.message) == ["after the pass `cse`"])
  }
}
