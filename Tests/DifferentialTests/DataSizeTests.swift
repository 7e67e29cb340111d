import ApusGraph
import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// Sizes that only data tell: how many elements are not zero, what a loop has grown to.
@Suite struct DataSizeTests {
  private func compiled(_ text: String) throws -> CompiledFunction {
    let module = try GraphFile.parse(SourceText(name: "test.apus", text: text))
    let again = try Module.parse(SourceText(name: "again.ir", text: module.text()))
    #expect(again.text() == module.text())
    return try CompiledFunction(module.functions[0])
  }

  private func expectAgreement(_ function: CompiledFunction, _ inputs: [Tensor]) throws {
    let judgement = try function.judge(inputs)
    for problem in judgement.problems { Issue.record("\(problem)") }
    #expect(judgement.judged == judgement.elements)
    let (loops, graph) = (try function.interpretLoops(inputs), try Interpreter(function.module).run(inputs))
    for (found, wanted) in zip(loops, graph) {
      if let problem = Enclosure(pinned: wanted).contradiction(found) { Issue.record("in loops, \(problem)") }
    }
  }

  private func numbers(_ count: Int) -> [Float] { (0..<count).map { Float($0 % 5 - 1) } }

  @Test func indicesOfWhatIsNotZero() throws {
    let function = try compiled(
      "graph f(x: f32[N, 3]) where N in 0...9 { i = non_zero(x)\n return transpose(i, perm: [1, 0]), non_zero(x * 0) }")
    for rows in [0, 1, 2, 9] { try expectAgreement(function, [Tensor(numbers(3 * rows), shape: [rows, 3])]) }
    try expectAgreement(function, [Tensor([.nan, -0.0, 0, .infinity, 0, 1] as [Float], shape: [2, 3])])
  }

  @Test func countsOfScalarsAndBools() throws {
    let function = try compiled("graph f(x: bool[], y: bool[7]) { return non_zero(x), non_zero(y) }")
    for flag in [true, false] {
      try expectAgreement(
        function, [Tensor(scalar: flag), Tensor([true, false, flag, flag, false, true, flag])])
    }
  }

  @Test func loopsThatGrow() throws {
    let function = try compiled(
      """
      graph f(x: f32[N, 3], n: s32[]) where N in 0...8 {
        i, y = while i = 0, a = x; i < n { i + 1, concat(a, x, axis: 0) }
        return y * 2
      }
      """)
    for (rows, turns) in [(2, 0), (2, 1), (1, 5), (0, 3), (8, 2)] {
      try expectAgreement(
        function, [Tensor(numbers(3 * rows), shape: [rows, 3]), Tensor(scalar: Int32(turns))])
    }
  }

  /// Each carried buffer takes the other's place, and one of them is written over in the next round.
  @Test func loopsThatGrowAndSwap() throws {
    let function = try compiled(
      """
      graph f(x: f32[N], n: s32[]) where N in 0...100 {
        i, a, b = while i = 0, a = x, b = concat(x, x, axis: 0); i < n { i + 1, concat(b, x, axis: 0), a * 2 }
        return a, b + 1, a
      }
      """)
    for (size, turns) in [(3, 0), (3, 1), (17, 4), (0, 2), (1, 7)] {
      try expectAgreement(function, [Tensor(numbers(size)), Tensor(scalar: Int32(turns))])
    }
  }

  @Test func sizesByDataInLoops() throws {
    let function = try compiled(
      """
      graph f(x: f32[N, 3], n: s32[]) where N in 0...20 {
        i, total, seen = while i = 0, total = 0, seen = x; i < n {
          k = non_zero(seen)
          i + 1, total + reduce_sum(k, axes: [0, 1]), concat(seen, x, axis: 0)
        }
        return total, seen, non_zero(seen)
      }
      """)
    for (rows, turns) in [(2, 3), (1, 0), (0, 2), (7, 2)] {
      try expectAgreement(
        function, [Tensor(numbers(3 * rows), shape: [rows, 3]), Tensor(scalar: Int32(turns))])
    }
  }

  @Test func branchesOfOtherSizes() throws {
    let text = """
      apus-ir 1

      func @f[N, D?](%x: f32[N], %flag: bool[]) -> (f32[D], f32[N]) where N in 0...50, D in 0...60 {
        %y: f32[D] = if %flag {
          %0: f32[2*N] = concat %x, %x, axis: 0
          yield %0
        } else {
          yield %x
        }
        %1: f32[D] = neg %y
        %2: f32[N] = neg %x
        return %1, %2
      }
      """
    let function = try CompiledFunction(try Module.parse(SourceText(name: "f.ir", text: text + "\n")).functions[0])
    for flag in [true, false] {
      for size in [0, 1, 19] { try expectAgreement(function, [Tensor(numbers(size)), Tensor(scalar: flag)]) }
    }
    // 62 rows are more than D may be, in both engines.
    let judgement = try function.judge([Tensor(numbers(31)), Tensor(scalar: true)])
    #expect(judgement.problems.isEmpty, "\(judgement.problems)")
    #expect(judgement.elements == 0)
  }
}
