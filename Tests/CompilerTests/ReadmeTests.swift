import Apus
import ApusCompiler
import ApusIR
import ApusPasses
import ApusSupport
import Foundation
import Testing

/// x + 0 is x, among floats only for −0, as −0 + 0 is 0.
let dropZeros = RewritePass("drop-zeros", "drops additions of zero", roots: { $0 == .add }) { f, op, _ in
  for index in 0..<2 {
    let (x, zero) = (f.operand(1 - index, of: op), f.operand(index, of: op))
    guard let value = f.splat(of: zero)?.asDouble, value == 0 else { continue }
    guard value.sign == .minus || !f.type(of: x).element.isFloat else { continue }
    return .replaced([x])
  }
  return .unchanged
}

/// What README.md shows in Swift stands in this file and runs. It differs in the paths of files alone.
@Suite struct ReadmeTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  @Test func models() throws {
    let folder = Self.root
    let model = try Model(contentsOf: folder + "/" + "Examples/digits/digits.apus")
    let images = try TensorFile.load(path: folder + "/" + "Examples/digits/seven.npy")
    let outputs = try model.run(named: ["images": images])      // or model(images), or await model.run(…)
    #expect(try #require(outputs["digit"]).values(as: Int64.self) == [7])

    let affine = try jit { graph in
      let x = graph.input("x", .f32, ["N"])
      return ["y": tanh(x * 2 + 1)]
    }
    let y = try affine(Tensor([1, 2, 3] as [Float]))[0]
    #expect(zip(y.values(as: Float.self), [3, 5, 7]).allSatisfy { abs($0 - Float(Foundation.tanh(Double($1)))) < 1e-6 })
  }

  @Test func operations() throws {
    let median = CustomOperation("median") { operands in
      let sorted = operands[0].values(as: Float.self).sorted()
      return [Tensor(scalar: sorted[sorted.count / 2])]
    }
    let centred = try jit(options: ModelOptions(operations: [median])) { graph in
      let x = graph.input("x", .f32, ["N"])
      return x - customCall("median", [x], results: [(.f32, [])])[0]
    }
    #expect(try centred(Tensor([1, 5, 2] as [Float]))[0].values(as: Float.self) == [-1, 3, 0])
  }

  @Test func passes() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/"
    let name = "apus-readme-\(UUID().uuidString).ir"
    defer { try? FileManager.default.removeItem(atPath: folder + name) }
    let text = """
      apus-ir 1

      func @f(%x: f32[N], %n: s32[N]) -> (f32[N], f32[N], s32[N]) where N in 0...9 {
        %0: f32[N] = constant 0.0
        %1: f32[N] = constant -0.0
        %2: s32[N] = constant 0
        %3: f32[N] = add %x, %0
        %4: f32[N] = add %1, %x
        %5: s32[N] = add %n, %2
        return %3, %4, %5
      }
      """
    try text.write(toFile: folder + name, atomically: true, encoding: .utf8)
    var options = CompilerOptions()
    options.passes = Pipeline([dropZeros]) + options.passes
    let model = Model(try Compiler(options).compile(try ModelFile.load(path: folder + name)))
    let (x, n) = (Tensor([-0.0, 2] as [Float]), Tensor([4, 5] as [Int32]))
    let results = try model(x, n)
    #expect(results == [Tensor([0, 2] as [Float]), Tensor([-0.0, 2] as [Float]), n])
    var module = try ModelFile.load(path: folder + name)
    try Pipeline([dropZeros, eliminateDeadCode]).run(
      on: &module, Pipeline.Hooks(compare: { try SemanticCheck().compare($0, $1) }))
    #expect(module.text().contains("return %1, %x, %n") && module.text().split(separator: "add").count == 2, "\(module.text())")
  }

  /// Every line of Swift in the README, in its order, up to blanks, the folders of files, `public` and output.
  @Test func theTextIsWhatRuns() throws {
    func lines(_ text: String) -> [String] {
      text.split(separator: "\n").map {
        $0.trimmingCharacters(in: .whitespaces).replacing("folder + \"/\" + ", with: "")
          .replacing("folder + name", with: "\"model.ir\"")
      }
    }
    let own = lines(try String(contentsOfFile: #filePath, encoding: .utf8))
    let readme = try String(contentsOfFile: Self.root + "/README.md", encoding: .utf8)
    let blocks = readme.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    #expect(blocks.count == 3)
    for line in blocks.flatMap(lines) where !line.hasPrefix("// Package.swift") && !line.hasPrefix("print(") {
      #expect(own.contains(line), "the README says `\(line)`, which no test runs")
    }
  }
}
