import Foundation
import Testing

/// The graphs and the IR that documents show.
@Suite struct ReadmeTests {
  private func blocks(of document: String, startingWith start: String) throws -> [String] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: document), encoding: .utf8)
    let parts = text.components(separatedBy: "\n```")
    // Every second part stands between fences; its first line is the language.
    return parts.enumerated().filter { $0.offset % 2 == 1 }.map { $0.element }
      .compactMap { part in part.firstIndex(of: "\n").map { String(part[part.index(after: $0)...]) } }
      .filter { $0.hasPrefix(start) }
  }

  private func run(_ arguments: String, _ name: String, _ text: String) throws -> CaseRun {
    let header = "// test: \(arguments)\n"
    var file = try CaseFile(text: header + "\n")
    file.input = .bytes(Array((text + "\n").utf8))
    return try CaseRun(file, name: name)
  }

  @Test func theGraphRuns() throws {
    let graph = try #require(try blocks(of: "README.md", startingWith: "graph mlp").first)
    let run = try run("run --input x=2x4xf32=1,2,3,4,5,6,7,8", "mlp.apus", graph)
    #expect(run.errors == [] && run.output.hasPrefix("output_0: f32[2, 3] ="), "\(run)")
    let shown = try self.run("opt", "mlp.apus", graph)
    #expect(shown.output.contains("where B in 1...512"))
  }

  @Test func theIRIsCanonicalAndGoesEverywhere() throws {
    let text = try #require(try blocks(of: "README.md", startingWith: "apus-ir 1").first)
    #expect(text.split(separator: "\n").count <= 10)
    #expect(try run("opt", "mlp.ir", text).output == text + "\n")
    let kernels = try run("opt standard --verify-semantics --verify-each", "mlp.ir", text)
    #expect(kernels.errors == [] && kernels.output.contains("= kernel "))
    #expect(try run("opt --to=loops", "mlp.ir", text).output.contains("contract "))
    let inputs = "--input x=1x4xf32=1 --input w=4x3xf32=0 --input b=3xf32=0"
    #expect(try run("run \(inputs)", "mlp.ir", text).output.contains("[[0.33333334, 0.33333334, 0.33333334]]"))
  }

  @Test func theArchitecturesGraphsAreValid() throws {
    let graphs = try #require(try blocks(of: "IR-specs/README.md", startingWith: "graph mlp").first)
    // Their weights lie nowhere.
    let run = try run("check --function attention", "m.apus", graphs.replacing("weight f32[784, 10];", with: "weight f32[784, 10] random(seed: 1);")
      .replacing("weight f32[10]\n", with: "weight f32[10] random(seed: 2)\n"))
    #expect(run.errors == [], "\(run.errors)")
    let text = try #require(try blocks(of: "IR-specs/README.md", startingWith: "func @mlp").first)
    let function = text.components(separatedBy: "\n\n")[0]
    #expect(try self.run("check", "m.ir", "apus-ir 1\n\n" + function).errors == [])
  }
}
