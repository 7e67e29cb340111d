import ApusIR
import ApusPasses
import ApusSupport
import Foundation
import Testing

/// The files of `Tests/Cases/passes`: `// test: opt PIPELINE`, a module, `// ----`, and what the passes make of it.
@Suite struct PassCaseTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let url: URL
    var testDescription: String { url.lastPathComponent }
  }

  static let cases: [Case] = {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let folder = tests.appending(path: "Cases/passes")
    let pattern = ProcessInfo.processInfo.environment["CASE"]
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted()
      .filter { $0.hasSuffix(".ir") }
      .filter { name in pattern.map { fnmatch($0, "passes/\(name)", 0) == 0 } ?? true }
      .map { Case(url: folder.appending(path: $0)) }
  }()

  @Test(arguments: cases) func matches(_ file: Case) throws {
    let whole = try String(contentsOf: file.url, encoding: .utf8)
    let halves = whole.components(separatedBy: "\n// ----\n")
    let header = try #require(whole.split(separator: "\n").first { $0.hasPrefix("// test: opt ") })
    let pipeline = try Pipeline.parse(String(header.dropFirst("// test: opt ".count)))
    var module = try Module.parse(SourceText(name: file.url.lastPathComponent, text: halves[0] + "\n"))
    try pipeline.run(on: &module, checked)
    let found = module.text().trimmingCharacters(in: .newlines)
    if ProcessInfo.processInfo.environment["BLESS"] == "1" {
      try "\(halves[0])\n// ----\n\(found)\n".write(to: file.url, atomically: true, encoding: .utf8)
      return
    }
    #expect(halves.count == 2)
    #expect(found == halves.last?.trimmingCharacters(in: .newlines))
  }
}

/// Checks every module between passes: it verifies, and in phase `fused` the host computes nothing.
var checked: Pipeline.Hooks {
  Pipeline.Hooks(verify: { module in
    let found = module.verify()
    if !found.isEmpty { throw DiagnosticError(found) }
    for function in module.functions where function.phase == .fused { try checkKernels(function) }
  })
}

private func checkKernels(_ f: Function) throws {
  var problems: [String] = []
  f.forEachOp { op in
    let isInside = f.owner(of: f.block(of: op)).map { f.opcode(of: $0) == .kernel } ?? false
    switch f.opcode(of: op) {
    case .kernel:
      if f.kernelShape(of: f.region(0, of: op)) == nil { problems.append("a kernel is of no kind") }
    case .reshape where isInside:
      let sizes = [f.operand(0, of: op), f.result(of: op)].map { value in f.type(of: value).dims.filter { $0 != 1 } }
      if sizes[0] != sizes[1] { problems.append("a kernel reshapes") }
    case .reshape, .constant, .size: break
    case let code where !isInside && code.kernelKind != nil: problems.append("the host has \(code.name)")
    case _: break
    }
  }
  if let first = problems.first { throw DiagnosticError(id: "test.fused", "\(first)\n\(Module(f).text())") }
}
