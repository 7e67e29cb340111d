import Foundation
import Testing

@Suite struct ExitCodeTests {
  @Test(arguments: [
    ["run"], ["nonsense"], ["run", "x.apus", "--no-such-flag"], ["run", "x.apus", "--threads", "0"],
    ["run", "x.apus", "--threads", "many"], ["run", "x.apus", "--max-memory", "12q"], ["run", "x.apus", "--input", "x"],
    ["bench", "x.apus", "--iterations", "0"], ["opt", "x.ir", "--to", "nowhere"], ["run", "x.apus", "--rtol", "-1"],
  ])
  func badCommandLine(_ arguments: [String]) throws {
    let run = try Command(arguments)
    #expect(run.status == 3, "\(arguments)")
    #expect(run.output == "" && run.errors != "")
  }

  @Test func helpIsNoError() throws {
    let help = try Command("--help")
    #expect(help.status == 0 && help.errors == "")
    for verb in ["run", "check", "opt", "bench", "types", "ops", "fuzz", "doctor", "list-knobs"] {
      #expect(help.output.contains(verb))
      #expect(try Command(verb, "--help").status == 0)
    }
    #expect(!help.output.contains("fuzz-worker"))
  }

  @Test func files() throws {
    let scratch = try Scratch()
    #expect(try Command("run", scratch.path("none.apus")).status == 1)
    #expect(try Command("check", "Package.swift").errors.contains("error[file.format]"))
    let model = try scratch.file("m.onnx", "x")
    let onnx = try Command("check", model)
    #expect(onnx.status == 1 && onnx.errors.contains("error[onnx.wire]"))
  }

  @Test func unregisteredOperations() throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "c.ir",
      """
      apus-ir 1

      func @f(%x: f32[4]) -> f32[4] {
        %0: f32[4] = custom_call %x, name: "mine"
        return %0
      }
      """)
    let check = try Command("check", file)
    #expect(check.status == 2 && check.errors.contains("unsupported[custom.unregistered]"), "\(check.errors)")
  }

  @Test func limits() throws {
    let scratch = try Scratch()
    let graph = try scratch.file(
      "g.apus", "graph g(x: f32[N]) where N in 0...100000000 { return broadcast(x, axes: [1], shape: [1000, N]) }")
    let run = try Command("run", graph, "--input", "x=1000xf32=1", "--max-memory", "1m")
    #expect(run.status == 5 && run.errors.contains("error[limit.memory]"), "\(run.errors)")
    let check = try Command("check", graph, "--max-memory", "1m")
    #expect(check.status == 5, "\(check.errors)")
  }

  @Test func diagnosticsHaveACaret() throws {
    let scratch = try Scratch()
    let graph = try scratch.file("g.apus", "graph g(x: f32[2, 3]) {\n  return x @ x\n}\n")
    let check = try Command("check", graph)
    #expect(check.status == 1)
    #expect(check.errors.contains("g.apus:2:") && check.errors.contains("^"))
    #expect(!check.errors.contains("\u{1B}"))
    let last = check.errors.split(separator: "\n").last ?? ""
    #expect(last.contains("error["))
  }
}
