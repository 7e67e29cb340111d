import ApusGraph
import ApusIR
import ApusSupport
import ApusTensor
import Testing

@Suite struct GraphFileTests {
  @Test func theExamplesOfTheArchitecture() throws {
    let module = try module(
      """
      graph mlp(x: f32[B, 784]) where B in 1...512 {
        w = weight f32[784, 10] random(seed: 1, scale: 0.1); b = weight f32[10] = 0.0
        return softmax(x @ w + b, axis: -1)
      }
      graph attention(q: f32[B, H, S, 64], k: f32[B, H, T, 64], v: f32[B, H, T, 64]) {
        scores = q @ transpose(k, perm: [0, 1, 3, 2]) * 0.125
        return softmax(scores, axis: -1) @ v
      }
      graph power(x: f32[B], limit: s32[], flag: bool[]) {
        i, y = while i = 0, a = x; i < limit { i + 1, a * a }
        return if flag { y } else { x }
      }
      """)
    #expect(module.functions.map(\.name) == ["mlp", "attention", "power"])
    #expect(ops(module.functions[0]) == ["constant", "constant", "matmul", "broadcast", "add", "softmax", "return"])
    #expect(
      ops(module.functions[1]) == [
        "transpose", "matmul", "constant", "broadcast", "mul", "softmax", "matmul", "return",
      ])
    #expect(
      ops(module.functions[2]) == [
        "constant", "while", "less", "continue", "constant", "add", "mul", "yield", "if", "yield", "yield", "return",
      ])
    for function in module.functions { #expect(function.obligations.isEmpty) }
  }

  @Test func theFirstFunctionIsTheFirstThatNothingCalls() throws {
    let module = try module(
      """
      graph helper(x: f32[N]) { return x * 2 }
      graph main(x: f32[4]) { return helper(helper2(x)) }
      graph other(x: f32[4]) { return x }
      graph helper2(x: f32[N]) { return helper(x) }
      """)
    #expect(module.functions.map(\.name) == ["main", "helper", "other", "helper2"])
    let results = try run(
      "graph a(x: f32[N]) { return x * 2 }\ngraph b(x: f32[2]) { return a(a(x)) }", floats([1, 3], 2))
    #expect(results == [floats([4, 12], 2)])
  }

  @Test func resultsAreNamedAfterWhatIsReturned() throws {
    func names(_ text: String) throws -> [String] { try module(text).functions[0].resultNames }
    #expect(try names("graph f(x: f32[2]) { y = x + x; return y, x * 2, y }") == ["y", "result1", "result2"])
    #expect(try names("graph f(x: f32[2]) { return x + 1 }") == [])
    #expect(try names("graph f(x: f32[2]) -> (a: f32[2], f32[2]) { return x, x }") == ["a", "x"])
  }

  @Test func resultTypesOfTheHeaderAreCheckedOrGuarded() throws {
    #expect(mistakes("graph f(x: f32[2]) -> (f32[3]) {\n  return x\n}") == ["2: type.mismatch"])
    #expect(mistakes("graph f(x: f32[2]) -> (s32[2]) {\n  return x\n}") == ["2: type.mismatch"])
    #expect(mistakes("graph f(x: f32[2]) -> (f32[2], f32[2]) {\n  return x\n}") == ["2: graph.results"])
    let text = "graph f(x: f32[A], y: f32[B]) -> (f32[B]) { return x + 1 }"
    #expect(ops(try module(text).functions[0]).contains("assert"))
    #expect(try run(text, floats([1, 2], 2), floats([0, 0], 2)) == [floats([2, 3], 2)])
    #expect(throws: (any Error).self) { try run(text, floats([1, 2], 2), floats([0], 1)) }
    // A literal takes the type that the header says.
    #expect(try module("graph f(x: f32[2]) -> (f16[]) { return 2.5 }").functions[0].resultTypes == [.scalar(.f16)])
  }

  @Test func callsBindTheSymbolsOfTheCallee() throws {
    let text = """
      graph outer(x: f32[B, 6]) { return halves(x), pair(x, x @ transpose(x, perm: [1, 0])) }
      graph halves(y: f32[A, 2*H]) -> (f32[A*H, 2]) { return reshape(y, shape: [A*H, 2]) }
      graph pair(y: f32[N, M], z: f32[N, N]) { return z @ y }
      """
    let module = try module(text)
    let types = module.functions[0].resultTypes
    #expect(module.functions[0].symbols.text(types[0]) == "f32[3*B, 2]")
    #expect(module.functions[0].symbols.text(types[1]) == "f32[B, 6]")
    #expect(!ops(module.functions[0]).contains("assert"))
  }

  @Test func sizesThatCallsDemandAreCheckedOrGuarded() throws {
    let callee = "graph g(y: f32[N], z: f32[N]) where N in 2...8 { return y + z }\n"
    #expect(mistakes(callee + "graph f(x: f32[4], y: f32[5]) { return g(x, y) }") == ["2: type.mismatch"])
    #expect(mistakes(callee + "graph f(x: f32[9]) { return g(x, x) }") == ["2: dim.bounds"])
    #expect(mistakes(callee + "graph f(x: f32[1]) { return g(x, x) }") == ["2: dim.bounds"])
    let text = callee + "graph f(x: f32[A], y: f32[B]) { return g(x, y) }"
    #expect(ops(try module(text).functions[0]).filter { $0 == "assert" }.count == 3)
    #expect(throws: (any Error).self) { try run(text, floats([1, 2, 3], 3), floats([1, 2], 2)) }
    #expect(throws: (any Error).self) { try run(text, floats([1], 1), floats([1], 1)) }
    #expect(try run(text, floats([1, 2], 2), floats([1, 2], 2)) == [floats([2, 4], 2)])
  }

  @Test func dataDependentResultsGetSymbolsOfTheCaller() throws {
    let text = """
      graph f(x: f32[4]) { i = where_positive(x); return i + i, size(of: shape(i)[1]) }
      graph where_positive(x: f32[N]) { return non_zero(x > 0) }
      """
    let results = try run(text, floats([1, -1, 0, 2], 4))
    #expect(results == [Tensor([Int64(0), 6], shape: [1, 2]), Tensor(scalar: Int64(2))])
  }

  @Test func literalOperandsOfCallsTakeTheParametersType() throws {
    let text = "graph f(x: f16[2]) { return g(x, 2) }\ngraph g(x: f16[2], s: f16[]) { return x * s }"
    #expect(try module(text).functions[0].resultTypes.map(\.element) == [.f16])
    #expect(mistakes("graph f(x: f16[2]) { return g(2.5) }\ngraph g(x: s32[]) { return x }") == ["1: literal.type"])
  }

  @Test func recursionIsReportedOnceForEachCycle() {
    let text = """
      graph a(x: f32[]) {
        return b(x)
      }
      graph b(x: f32[]) {
        return c(x)
      }
      graph c(x: f32[]) {
        return b(x)
      }
      graph d(x: f32[]) {
        return d(x)
      }
      """
    #expect(mistakes(text) == ["5: call.recursion", "11: call.recursion"])
  }

  @Test func longChainsOfCallsTakeNoStack() throws {
    var text = "graph g0(x: f32[]) { return x + 1 }\n"
    for index in 1..<2000 { text += "graph g\(index)(x: f32[]) { return g\(index - 1)(x) }\n" }
    #expect(try module(text).functions.count == 2000)
    #expect(try module(text).functions[0].name == "g1999")
  }

  @Test func aMistakeInOneGraphDoesNotHideThoseInOthers() {
    let text = """
      graph broken(x: f33[4]) {
        return nowhere
      }
      graph f(x: f32[4]) {
        y = x + unknown
        z = y * 2
        return broken(z) + missing
      }
      """
    #expect(mistakes(text) == ["1: type.unknown", "5: name.unknown", "7: name.unknown"])
  }
}
