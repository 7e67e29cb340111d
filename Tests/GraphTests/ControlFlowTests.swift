import ApusIR
import ApusTensor
import Testing

@Suite struct ControlFlowTests {
  private func type(_ text: String) throws -> String {
    let function = try module(text).functions[0]
    return function.resultTypes.map { function.symbols.text($0) }.joined(separator: " ")
  }

  // MARK: if

  @Test func aStaticConditionKeepsOneBranch() throws {
    let text = "graph f(x: f32[2]) { return if rank(x) == 1 { x + 1 } else { x @ x @ x + nowhere } }"
    #expect(ops(try module(text).functions[0]) == ["constant", "broadcast", "add", "return"])
  }

  @Test(arguments: [true, false]) func aRunTimeConditionBecomesAnOp(flag: Bool) throws {
    let text = """
      graph f(x: f32[B], flag: bool[]) {
        y = x * 2
        a, b = if flag { t = y + 1; t, 7 } else { x, 9 }
        return a, b
      }
      """
    #expect(ops(try module(text).functions[0]).filter { $0 == "if" }.count == 1)
    let results = try run(text, floats([1, 2], 2), Tensor([flag], shape: []))
    #expect(
      results
        == (flag ? [floats([3, 5], 2), Tensor(scalar: Int64(7))] : [floats([1, 2], 2), Tensor(scalar: Int64(9))]))
  }

  @Test func aLiteralTakesTheTypeOfTheOtherBranch() throws {
    let start = "graph f(x: f16[B, 2], flag: bool[]) { return if flag "
    #expect(try type(start + "{ x } else { 0 } }") == "f16[B, 2]")
    #expect(try type(start + "{ 0.5 } else { x } }") == "f16[B, 2]")
    #expect(try type(start + "{ 1 } else { 2.5 } }") == "f32[]")
    #expect(try type(start + "{ true } else { false } }") == "bool[]")
    #expect(try type(start + "{ B } else { 3 } }") == "s64[]")
    #expect(mistakes(start + "{ x } else { true } }") == ["1: literal.type"])
  }

  @Test func branchesThatDisagree() {
    let start = "graph f(x: f32[4], y: s32[4], z: f32[5], b: bool[]) {\n  p = if "
    let end = "\n  return p\n}"
    #expect(mistakes(start + "b { x } else { y }" + end) == ["2: if.results"])
    #expect(mistakes(start + "b { x } else { z }" + end) == ["2: if.results"])
    #expect(mistakes(start + "b { x, x } else { x }" + end) == ["2: if.results"])
    #expect(mistakes(start + "x { x } else { x }" + end) == ["2: if.condition"])
    #expect(mistakes(start + "3 { x } else { x }" + end) == ["2: if.condition"])
    #expect(mistakes(start + "b { \"a\" } else { x }" + end) == ["2: if.results"])
  }

  @Test func sizesOfBranchesThatMayDifferAreGuardedThere() throws {
    let text = "graph f(x: f32[A], y: f32[B], b: bool[]) { return if b { x } else { y } }"
    #expect(try type(text) == "f32[A]")
    let (x, y) = (floats([1], 1), floats([1, 2], 2))
    #expect(try run(text, x, y, Tensor([true], shape: [])) == [x])
    #expect(throws: (any Error).self) { try run(text, x, y, Tensor([false], shape: [])) }
  }

  @Test func sizesThatCannotBeToldApartMakeAConditionForTheRun() throws {
    let text = "graph f(x: f32[N]) { return if N > 2 { x * 2 } else { x } }"
    #expect(try run(text, floats([1, 2, 3], 3)) == [floats([2, 4, 6], 3)])
    #expect(try run(text, floats([1, 2], 2)) == [floats([1, 2], 2)])
    let bounded = "graph f(x: f32[N]) where N in 3... { return if N > 2 { x * 2 } else { x } }"
    #expect(!ops(try module(bounded).functions[0]).contains("if"))
  }

  // MARK: while

  @Test func aLoopCarriesItsValues() throws {
    let text = """
      graph f(x: f32[2], n: s64[]) {
        k, a, b = while k = 0, a = x, b = 1; k < n {
          next = a + b
          k + 1, next, b * 2
        }
        return k, a, b
      }
      """
    let results = try run(text, floats([0, 10], 2), Tensor(scalar: Int64(3)))
    #expect(results == [Tensor(scalar: Int64(3)), floats([7, 17], 2), Tensor(scalar: Float(8))])
    #expect(try run(text, floats([0, 10], 2), Tensor(scalar: Int64(0)))[1] == floats([0, 10], 2))
  }

  /// A carried literal takes the type that it meets, be it in the condition, in the body or by way of another.
  @Test(arguments: [
    ("i, j = while i = 0, j = 0; i < n { i + 1, j + i }", "s32[] s32[]"),
    ("i, j = while i = 0, j = 0; j < n { i + j, j + 1 }", "s32[] s32[]"),
    ("i, j = while i = 0, j = 0; i < 3 { i + 1, j + x }", "s64[] f16[]"),
    ("i, j = while i = 0, j = 1; i < 3 { i + 1, x }", "s64[] f16[]"),
    ("i, j = while i = 0, j = 0.5; i < n { i + 1, j * 2 }", "s32[] f32[]"),
    ("i, j = while i = 0, j = [1, 2]; i < n { i + 1, j * x }", "s32[] f16[2]"),
    ("i, j = while i = 0, j = 0; i < n { k = while k = i; k < 9 { k + 1 }\n k, j }", "s32[] s64[]"),
    ("i, j = while i = 0, j = 0; i < 9 { k = while k = i; k < n { k + 1 }\n k, j }", "s32[] s64[]"),
    ("i, j = while i = 0, j = 0; i < 9 { if i < n { i + 1, j } else { i + 2, j - 1 } }", "s32[] s64[]"),
    ("i, j = while i = 0, j = 0; i < 9 { i + 1, if b { n } else { j } }", "s64[] s32[]"),
  ]) func aCarriedLiteralTakesTheTypeItMeets(loop: String, expected: String) throws {
    let text = "graph f(n: s32[], x: f16[], b: bool[]) {\n  \(loop)\n  return i, j\n}"
    #expect(try type(text) == expected)
    // Nothing is left behind of the attempts: each literal is there once.
    let constants = try module(text).functions[0].ops(in: module(text).functions[0].entry)
    #expect(constants.count == 4 || loop.contains("[1, 2]"))
  }

  @Test func aSizeThatARoundChangesIsExistential() throws {
    let text = """
      graph f(x: f32[A, 2], n: s64[]) {
        i, y = while i = 0, y = x; i < n { i + 1, concat(y, y * 2, axis: 0) }
        return y, size(of: shape(y)[0])
      }
      """
    let function = try module(text).functions[0]
    #expect(function.resultTypes[0].dims[1] == 2)
    let symbol = try #require(function.resultTypes[0].dims[0].symbolID)
    #expect(function.symbols[symbol].origin == .value)
    let results = try run(text, floats([1, 2], 1, 2), Tensor(scalar: Int64(2)))
    #expect(results == [floats([1, 2, 2, 4, 2, 4, 4, 8], 4, 2), Tensor(scalar: Int64(4))])
  }

  @Test func whatALoopStartsWithOutlivesItsAttempts() throws {
    // The size changes, so the loop is lowered twice; its start is a constant that nothing else reads.
    let text = """
      graph f(n: s64[]) {
        start = constant(value: 1, shape: [2], to: f32)
        i, y = while i = 0, y = start; i < n { i + 1, concat(y, y, axis: 0) }
        return y
      }
      """
    #expect(try run(text, Tensor(scalar: Int64(1))) == [floats([1, 1, 1, 1], 4)])
  }

  @Test func loopsNestAndSeeWhatIsAround() throws {
    let text = """
      graph f(x: f32[N], n: s64[]) {
        return while a = x; reduce_sum(a, axes: [0]) < 100 {
          i, b = while i = 0, b = a; i < n { i + 1, b + x }
          b * N
        }
      }
      """
    #expect(try run(text, floats([1, 2], 2), Tensor(scalar: Int64(2))) == [floats([36, 72], 2)])
  }

  @Test(arguments: [
    ("while a = x; b { convert(a, to: f64) }", "while.carried"),
    ("while a = x; b { reshape(a, shape: [2, 2]) }", "while.carried"),
    ("while a = x; a < 1 { a }", "while.condition"), ("while a = n; a { a + 1 }", "while.condition"),
    ("while a = x; b { a, a }", "while.carried"), ("while a = x, a = x; b { a, a }", "name.redefined"),
    ("while a = \"s\"; b { a }", "operand.kind"), ("while a = x; missing { a }", "name.unknown"),
    ("while a = 0; a < n { a + 0.5 }", "literal.type"), ("while a = 0.5; n < 3 { a + n }", "literal.type"),
  ]) func wrongLoops(loop: String, id: String) {
    #expect(mistakes("graph f(x: f32[4], n: s32[], b: bool[]) {\n  return \(loop)\n}") == ["2: \(id)"])
  }
}
