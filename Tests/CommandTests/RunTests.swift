import ApusTensor
import Foundation
import Testing

@Suite struct RunTests {
  private let digits = "Examples/digits/digits.apus"
  private let held = "Examples/digits/heldout.npz"

  @Test func evaluatesTheDigits() throws {
    let run = try Command("run", digits, "--function", "evaluate", "--inputs", held)
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("digit: s64[360] = ["))
    #expect(run.output.contains("accuracy: f32[] = 0.9916667\n"))
    #expect(run.errors.contains("note[input.unused]: 'expected' is no input of 'evaluate'"))
  }

  @Test func readsOneDigit() throws {
    let run = try Command("run", digits, "--input", "images=Examples/digits/seven.npy", "--json")
    #expect(run.status == 0 && run.errors == "")
    let json = try run.json()
    #expect(json["schema_version"] as? Int == 1)
    let outputs = try #require(json["outputs"] as? [[String: Any]])
    #expect(outputs.map { $0["name"] as? String } == ["digit", "probabilities"])
    #expect(outputs[0]["values"] as? [Int] == [7])
  }

  @Test func comparesWithAReference() throws {
    let fits = try Command("run", digits, "--inputs", held, "--expect", "probabilities=\(held):expected")
    #expect(fits.status == 0)
    let strict = try Command(
      "run", digits, "--inputs", held, "--expect", "probabilities=\(held):expected", "--rtol", "0", "--atol", "0")
    #expect(strict.status == 1 && strict.errors.contains("error[output.mismatch]"))
    let wrong = try Command("run", digits, "--inputs", held, "--expect", "digit=\(held):expected")
    #expect(wrong.status == 1 && wrong.errors.contains("s64[360], but f32[360, 10] is expected"))
  }

  @Test func interpretsAndWrites() throws {
    let scratch = try Scratch()
    let graph = try scratch.file("g.apus", "graph g(x: f32[N, 2], k: s32[]) { y = x + 1.0; z = k * 2; return y, z }")
    let inputs = ["--input", "x=2x2xf32=1,2,3,4.5", "--input", "k=s32=-3"]
    let compiled = try Command(
      ["run", graph] + inputs + ["--outputs", scratch.path("o.npz"), "--output", "z=\(scratch.path("z.npy"))"])
    #expect(compiled.status == 0)
    #expect(compiled.output == "y: f32[2, 2] =\n  [[2.0, 3.0],\n   [4.0, 5.5]]\nz: s32[] = -6\n")
    let interpreted = try Command(["run", graph, "--interpret"] + inputs + ["--outputs", scratch.path("folder")])
    #expect(interpreted.status == 0 && interpreted.output == compiled.output)
    let archive = try TensorFile(path: scratch.path("o.npz"))
    #expect(try archive.tensor(named: "y") == TensorFile.load(path: scratch.path("folder/y.npy")))
    #expect(try TensorFile.load(path: scratch.path("z.npy")).scalar(at: 0) == .signed(-6))
    // The folder serves as inputs too, where names are the same.
    try FileManager.default.moveItem(atPath: scratch.path("folder/y.npy"), toPath: scratch.path("folder/x.npy"))
    let again = try Command("run", graph, "--inputs", scratch.path("folder"), "--input", "k=s32=1")
    #expect(again.output.contains("[5.0, 6.5]"))
  }

  @Test func aGuardOfSizesIsNamed() throws {
    let scratch = try Scratch()
    let graph = try scratch.file("g.apus", "graph g(x: f32[N], y: f32[M]) { return x + y }")
    for flags in [[], ["--interpret"]] {
      let run = try Command(["run", graph, "--input", "x=2xf32=1", "--input", "y=3xf32=1"] + flags)
      #expect(run.status == 1 && run.errors.contains("error[input.shape]"))
      #expect(run.errors.contains("dim.mismatch"), "\(run.errors)")
    }
  }

  @Test func shortensLargeOutputs() throws {
    let scratch = try Scratch()
    let graph = try scratch.file("g.apus", "graph g(x: f32[N]) { return iota(shape: [N], axis: 0, to: s64), x }")
    let run = try Command("run", graph, "--input", "x=100xf32=nan")
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("s64[100] = [0, 1, 2, 3, …, 96, 97, 98, 99]"))
    #expect(run.output.contains("f32[100] = [nan, nan, nan, nan, …, nan, nan, nan, nan]"))
    let none = try Command("run", graph, "--input", "x=0xf32=")
    #expect(none.output.contains("f32[0] = []"))
  }

  @Test(arguments: [
    (["x=2x2xf32=1,2,3"], 1, "input.values"), (["x=2x2xf32=1,2,3,a"], 1, "input.values"),
    (["x=2x3xf32=1"], 1, "input.shape"), (["x=2x2xs32=1"], 1, "input.type"), (["x=2xf32=1"], 1, "input.rank"),
    ([], 1, "input.missing"), (["x=2x2xf32=1", "y=f32=1"], 1, "input.unknown"),
    (["x=2x2xf32=1", "x=2x2xf32=1"], 1, "input.twice"), (["x=none.npy"], 1, "file.missing"),
    (["x=Package.swift"], 1, "file.format"), (["x=99999999999x2xf32=1"], 5, "limit.memory"),
  ])
  func refusesInputs(_ inputs: [String], _ status: Int, _ id: String) throws {
    let scratch = try Scratch()
    let graph = try scratch.file("g.apus", "graph g(x: f32[N, 2]) { return x + 1.0 }")
    let run = try Command(["run", graph, "--max-memory", "1g"] + inputs.flatMap { ["--input", $0] })
    #expect(run.status == Int32(status))
    #expect(run.errors.contains("error[\(id)]"), "\(run.errors)")
    #expect(run.output == "")
  }
}
