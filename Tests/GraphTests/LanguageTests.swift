import ApusGraph
import ApusIR
import ApusSupport
import ApusTensor
import Testing

/// Sentences of IR-specs/language.md.
@Suite struct LanguageTests {
  /// The elements of an expression over no operands.
  private func value(_ expression: String, before: String = "") throws -> [Double] {
    doubles(try run("graph f() {\n\(before)\nreturn \(expression)\n}")[0])
  }

  private func type(_ expression: String, _ parameters: String = "") throws -> String {
    let function = try module("graph f(\(parameters)) { return \(expression) }").functions[0]
    return function.symbols.text(function.resultTypes[0])
  }

  // MARK: Operators

  @Test(arguments: [
    ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("10 - 3 - 2", 5), ("-2 * 3 + 1", -5), ("7 / 2", 3), ("-7 / 2", -4),
    ("-7 % 4", 1), ("2.0 / 4", 0.5), ("1 / 4.0", 0.25), ("- -3", 3), ("max(2, 5) - min(2, 5)", 3), ("mod(-1, 4)", 3),
    ("floordiv(-1, 4)", -1), ("max(1.5, 1)", 1.5), ("9223372036854775807 - 1", 0x1p63), ("product([2, 3, 4])", 24),
    ("length([1, 2] ++ [3])", 3), ("[1, 2, 3][1]", 2), ("[1, 2, 3][-1]", 3), ("[4, 5, 6][1:][0]", 5),
    ("length([4, 5, 6][:2])", 2), ("length([4, 5, 6][1:1])", 0), ("([1, 2] * 3)[1]", 6), ("([1, 2] + [10, 20])[1]", 22),
    ("range(3, 6)[2]", 5), ("length(range(6, 3))", 0), ("repeat(7, 3)[2]", 7), ("rank([[1, 2]])", 2),
    ("shape([[1, 2, 3]])[1]", 3), ("count([[1, 2, 3], [4, 5, 6]], axes: [-1, 0])", 6),
  ]) func staticArithmetic(expression: String, expected: Double) throws {
    #expect(try value(expression) == [expected])
  }

  @Test(arguments: [
    ("1 < 2", true), ("2 <= 1", false), ("1 == 1 && 2 != 2", false), ("false || !false", true),
    ("1 + 1 == 2 || 1 / 0 == 0", true), ("2.5 > 2", true), ("!(1 >= 1)", false), ("type([1]) == s64", true),
    ("type([1.0]) == f32", true), ("nan == nan", false), ("known(1 < 2)", true),
  ]) func staticConditions(expression: String, expected: Bool) throws {
    #expect(try value(expression) == [expected ? 1 : 0])
  }

  @Test func operatorsOnTensorsBindAsOnNumbers() throws {
    let text = "graph f(x: f32[2], y: f32[2]) { return x + y * x - y / x, -x * y == -(x * y) && x < y || !(x <= y) }"
    let results = try run(text, floats([1, 2], 2), floats([3, 4], 2))
    #expect(doubles(results[0]) == [1, 8])
    #expect(doubles(results[1]) == [1, 1])
    #expect(try run("graph f(x: s32[3]) { return x % 3 }", Tensor([Int32(7), -7, 3])) == [Tensor([Int32(1), -1, 0])])
  }

  // MARK: Statements

  @Test func aStatementGoesOnInsideBracketsAndAfterAnOperator() throws {
    let text = """
      graph f(x: f32[2]) {
        // one statement
        y = max(x,
          2
        ) +
          1; z = y
        - 5
        return z
      }
      """
    #expect(mistakes(text) == ["7: parse.expected"])
    let good = "graph f(x: f32[2]) {\n  y = (x\n    - 5)\n  return y *\n    2\n}"
    #expect(try run(good, floats([5, 6], 2)) == [floats([0, 2], 2)])
  }

  @Test func aNameMayBeBoundAgain() throws {
    let text = "graph f(x: f32[]) {\n  y = x + 1\n  y = y * 2\n  x = y\n  return x\n}"
    #expect(try run(text, Tensor(scalar: Float(3))) == [Tensor(scalar: Float(8))])
  }

  @Test func namesEndWithTheirBlock() {
    #expect(
      mistakes("graph f(x: f32[], b: bool[]) {\n  y = if b { t = x; t } else { x }\n  return t\n}")
        == ["3: name.unknown"])
  }

  @Test func loopsOverListsAreUnrolled() throws {
    let text = """
      graph f(x: f32[2]) {
        y = x
        for k in range(0, 3) {
          y = y * (k + 1)
          last = k
        }
        for n in [0.5, 2.0] { y = y + n }
        return y, last
      }
      """
    let results = try run(text, floats([1, 2], 2))
    #expect(results == [floats([8.5, 14.5], 2), Tensor(scalar: Int64(2))])
  }

  @Test func severalResultsAreBoundAtOnce() throws {
    let text =
      "graph f(x: f32[3]) {\n  v, _ = sort(x, axis: 0)\n  a, b = two(v)\n  return b, a\n}\n"
      + "graph two(x: f32[3]) { return x, x * 2 }"
    #expect(try run(text, floats([3, 1, 2], 3)) == [floats([2, 4, 6], 3), floats([1, 2, 3], 3)])
    #expect(mistakes("graph f(x: f32[3]) {\n  a = sort(x, axis: 0)\n  return a\n}") == ["2: name.count"])
    #expect(mistakes("graph f(x: f32[3]) {\n  a, b = x\n  return a\n}") == ["2: name.count"])
    #expect(mistakes("graph f(x: f32[3]) {\n  return sort(x, axis: 0) + 1\n}") == ["2: name.count"])
  }

  @Test func assertions() throws {
    let text =
      "graph f(x: s64[], y: f32[N]) {\n  assert(x > 0, \"x is not positive\")\n  assert(N < 3, \"N\")\n  return y\n}"
    #expect(try run(text, Tensor(scalar: Int64(1)), floats([1], 1)) == [floats([1], 1)])
    #expect(throws: (any Error).self) { try run(text, Tensor(scalar: Int64(0)), floats([1], 1)) }
    #expect(throws: (any Error).self) { try run(text, Tensor(scalar: Int64(1)), floats([1, 2, 3], 3)) }
    #expect(mistakes("graph f(x: f32[2]) {\n  assert(rank(x) == 2, \"\")\n  return x\n}") == ["2: assert.failed"])
    #expect(mistakes("graph f(x: f32[2]) {\n  assert(x > 0, \"\")\n  return x\n}") == ["2: assert.condition"])
  }

  // MARK: Literals

  @Test(arguments: ElementClass.number.members) func literalsTakeTheTypeBesideThem(element: ElementType) throws {
    #expect(try type("x * 2 + 1", "x: \(element)[3]") == "\(element)[3]")
    #expect(try type("select(x > 3, x, 4)", "x: \(element)[3]") == "\(element)[3]")
    #expect(try type("[x, 1, 2]", "x: \(element)[]") == "\(element)[3]")
    #expect(try type("max(1, x)", "x: \(element)[B]") == "\(element)[B]")
    let wrong = mistakes("graph f(x: \(element)[3]) { return x + 2.5 }")
    #expect(wrong == (element.isFloat ? [] : ["1: literal.type"]))
    #expect(mistakes("graph f(x: \(element)[3]) { return x + true }") == ["1: literal.type"])
  }

  @Test func literalsOnTheirOwn() throws {
    #expect(try type("1") == "s64[]")
    #expect(try type("1.0") == "f32[]")
    #expect(try type("inf") == "f32[]")
    #expect(try type("true") == "bool[]")
    #expect(try type("[[1, 2.5]]") == "f32[1, 2]")
    #expect(try type("[true]") == "bool[1]")
    #expect(try type("[]") == "s64[0]")
    #expect(try type("18446744073709551615") == "u64[]")
    #expect(try type("exp(1)") == "f32[]")
    #expect(try type("pow(2, [0.5, 1])") == "f32[2]")
    #expect(try type("add(1, 2)") == "s64[]")
    #expect(try type("N", "x: f32[N]") == "s64[]")
    #expect(try type("[N, 2 * N]", "x: f32[N]") == "s64[2]")
  }

  @Test(arguments: [
    ("s8", "127", true), ("s8", "128", false), ("s8", "-128", true), ("s8", "-129", false), ("u8", "255", true),
    ("u8", "256", false), ("u8", "-1", false), ("u64", "18446744073709551615", true),
    ("s64", "9223372036854775808", false),
    ("s64", "-9223372036854775808", true), ("f16", "65504", true), ("f16", "65520", false), ("f16", "1e-9", true),
    ("f32", "1e39", false), ("f64", "1e308", true), ("f16", "inf", true), ("bf16", "1e38", true),
  ]) func literalsMustFit(element: String, literal: String, fits: Bool) {
    #expect(mistakes("graph f(x: \(element)[3]) { return x + \(literal) }") == (fits ? [] : ["1: literal.range"]))
  }

  @Test func numbersThatAreNone() {
    #expect(mistakes("graph f() { return 18446744073709551616 }") == ["1: parse.number"])
    #expect(mistakes("graph f() { return 1e999 }") == ["1: parse.number"])
    #expect(mistakes("graph f() { return 1.2.3 }") == ["1: parse.number"])
    #expect(mistakes("graph f() { return 12abc }") == ["1: parse.number"])
  }

  @Test func listsOfRunTimeValuesAreStacked() throws {
    let text = "graph f(x: s64[], y: s64[2]) { return [x, 7, shape(y)[0]], [[x, 1], y], [y] }"
    let results = try run(text, Tensor(scalar: Int64(5)), Tensor([Int64(8), 9]))
    #expect(results[0] == Tensor([Int64(5), 7, 2]))
    #expect(results[1] == Tensor([Int64(5), 1, 8, 9], shape: [2, 2]))
    #expect(results[2] == Tensor([Int64(8), 9], shape: [1, 2]))
    #expect(mistakes("graph f(x: s64[], y: s64[2]) { return [x, y] }") == ["1: literal.shape"])
    #expect(mistakes("graph f() { return [[1], 2] }") == ["1: literal.shape"])
    #expect(mistakes("graph f() { return [[1], [2, 3]] }") == ["1: literal.shape"])
    #expect(mistakes("graph f(x: s64[], y: s32[]) { return [x, y] }") == ["1: type.mismatch"])
  }

  // MARK: Broadcasting

  @Test(arguments: [
    ("f32[2, 3]", "f32[3]", "f32[2, 3]"), ("f32[]", "f32[2]", "f32[2]"), ("f32[2, 1]", "f32[1, 3]", "f32[2, 3]"),
    ("f32[B, 1]", "f32[4]", "f32[B, 4]"), ("f32[B]", "f32[1]", "f32[B]"), ("f32[0, 1]", "f32[3]", "f32[0, 3]"),
    ("f32[B, T, 4]", "f32[T, 1]", "f32[B, T, 4]"), ("f32[1, 1]", "f32[1]", "f32[1, 1]"),
  ]) func shapesAlignAtTheirLastAxes(x: String, y: String, expected: String) throws {
    #expect(try type("x + y", "x: \(x), y: \(y)") == expected)
    #expect(try type("y * x", "x: \(x), y: \(y)") == expected)
    #expect(try type("select(x < y, x, y)", "x: \(x), y: \(y)") == expected)
  }

  @Test func shapesThatDoNotGoTogether() {
    #expect(mistakes("graph f(x: f32[3], y: f32[4]) {\n  return x + y\n}") == ["2: broadcast.shapes"])
    #expect(mistakes("graph f(x: f32[N], y: f32[N + 1]) {\n  return x + y\n}") == ["2: broadcast.shapes"])
    #expect(mistakes("graph f(x: f32[3], y: f32[B]) where B in 4... {\n  return x + y\n}") == ["2: broadcast.shapes"])
  }

  @Test func sizesThatMayDifferAreGuarded() throws {
    let text = "graph f(x: f32[A, 2], y: f32[B, 2]) { z = x + y; return z * y - x }"
    let function = try module(text).functions[0]
    #expect(ops(function).filter { $0 == "assert" }.count == 1)
    #expect(function.obligations.count == 1)
    #expect(try run(text, floats([1, 2], 1, 2), floats([3, 4], 1, 2)) == [floats([11, 22], 1, 2)])
    #expect(throws: (any Error).self) { try run(text, floats([1, 2], 1, 2), floats([3, 4, 5, 6], 2, 2)) }
  }

  @Test(arguments: [
    ("f32[3]", "f32[3]", "f32[]"), ("f32[3]", "f32[3, 4]", "f32[4]"), ("f32[2, 3]", "f32[3]", "f32[2]"),
    ("f32[B, 2, 3]", "f32[3]", "f32[B, 2]"), ("f32[3]", "f32[B, 3, 4]", "f32[B, 4]"),
    ("f32[B, T, 3]", "f32[3, 4]", "f32[B, T, 4]"), ("f32[2, 3]", "f32[B, 3, 4]", "f32[B, 2, 4]"),
    ("f32[B, 1, 2, 3]", "f32[5, 3, 4]", "f32[B, 5, 2, 4]"), ("f32[B, 2, K]", "f32[B, K, 4]", "f32[B, 2, 4]"),
    ("f32[2, 0]", "f32[0, 3]", "f32[2, 3]"),
  ]) func matrixProducts(x: String, y: String, expected: String) throws {
    #expect(try type("x @ y", "x: \(x), y: \(y)") == expected)
    #expect(try type("matmul(x, y)", "x: \(x), y: \(y)") == expected)
  }

  @Test func matrixProductsOfVectorsAndBatches() throws {
    let text = """
      graph f(m: f32[2, 2], b: f32[2, 1, 2], v: f32[2]) { return v @ v, v @ m, m @ v, b @ m, b @ v, v @ [[1], [10]] }
      """
    let results = try run(text, floats([1, 2, 3, 4], 2, 2), floats([1, 0, 0, 1], 2, 1, 2), floats([5, 6], 2))
    #expect(results.map { doubles($0) } == [[61], [23, 34], [17, 39], [1, 2, 3, 4], [5, 6], [65]])
    #expect(results.map(\.shape) == [[], [2], [2], [2, 1, 2], [2, 1], [1]])
    #expect(mistakes("graph f(x: f32[], y: f32[2]) { return x @ y }") == ["1: matmul.rank"])
    #expect(mistakes("graph f(x: f32[2, 3], y: f32[4, 5]) { return x @ y }") == ["1: matmul.k"])
    #expect(mistakes("graph f(x: f32[2, 4, 4], y: f32[3, 4, 4]) { return x @ y }") == ["1: broadcast.shapes"])
  }

  // MARK: Calls of ops

  @Test func operandsAndAttributesGoWhereTheDeclarationWantsThem() throws {
    #expect(try type("transpose(x, perm: [1, 0])", "x: f32[A, B]") == "f32[B, A]")
    #expect(try type("reduce_sum(x, axes: [-1])", "x: f32[A, B]") == "f32[A]")
    #expect(try type("reshape(x, shape: [A * B])", "x: f32[A, B]") == "f32[A*B]")
    #expect(try type("convert(x, to: s8)", "x: f32[A]") == "s8[A]")
    #expect(try type("convert(2.7, to: s8)") == "s8[]")
    #expect(try type("iota(axis: 1, shape: [2, 3], to: f16)") == "f16[2, 3]")
    #expect(try type("constant(value: 0, shape: [N, 2], to: bf16)", "x: f32[N]") == "bf16[N, 2]")
    #expect(try type("constant(value: [1.5, 2])") == "f32[2]")
    #expect(try type("random_bits(seed: 7, shape: [4], to: u8)") == "u8[4]")
    #expect(try type("broadcast(x, axes: [1], shape: [2, 3])", "x: f32[3]") == "f32[2, 3]")
    #expect(try type("top_k(x, k: 2, axis: 0)", "x: f32[3]") == "f32[2]")
    #expect(
      try type("attention(q, k, v, mask: m)", "q: f32[1,1,2,3], k: f32[1,1,4,3], v: f32[1,1,4,5], m: f32[2,4]")
        == "f32[1, 1, 2, 5]")
    #expect(try type("custom_call(x, name: \"mine\", shape: [2], to: s8)", "x: f32[3]") == "s8[2]")
    #expect(try type("custom_call(x, name: \"mine\", shape: [[2], []], to: [s8, f32])", "x: f32[3]") == "s8[2]")
    #expect(doubles(try run("graph f() { return convert([300, -1], to: u8) }")[0]) == [44, 255])
    #expect(try value("convert(2.7, to: s8)") == [2])
  }

  @Test(arguments: [
    ("exp(x, x)", "op.operands"), ("add(x)", "op.operands"), ("concat(axis: 0)", "op.operands"),
    ("softmax(x, axis: 0, heat: 2)", "op.attribute"), ("softmax(x, axis: 0, axis: 0)", "op.attribute"),
    ("softmax(x, axis: [0])", "op.attribute"), ("softmax(x, axis: 0.5)", "op.attribute"),
    ("softmax(x, axis: x)", "op.attribute"), ("softmax(x, axis: 1)", "axis.range"),
    ("transpose(x, perm: 0)", "op.attribute"), ("transpose(x)", "op.attribute"), ("reshape(x)", "op.attribute"),
    ("reshape(x, shape: [n])", "op.attribute"), ("reshape(x, shape: [2], to: f32)", "op.attribute"),
    ("convert(x, to: f12)", "type.unknown"), ("convert(x, to: 3)", "op.attribute"),
    ("reshape(x, shape: [-2])", "dim.negative"),
    ("resize_axis(x, axis: 0, size: 3, mode: blurry)", "op.attribute"),
    ("gelu(x, approximate: \"tanh\")", "op.attribute"),
    ("frobnicate(x)", "name.unknown"), ("if(x)", "parse.expected"), ("yield(x)", "name.unknown"),
    ("layer_norm(x, bias: x)", "op.operands"), ("exp(softmax)", "name.unknown"), ("exp(\"x\")", "operand.kind"),
    ("x + f32", "operand.kind"), ("range(0, n)", "static.kind"), ("repeat(1, 99999999)", "static.limit"),
    ("rank(1, 2)", "op.operands"), ("shape(x)[3]", "list.range"), ("x[0]", "static.kind"),
    ("[1, 2] + [1]", "list.length"),
    ("[1] ++ 2", "static.operands"), ("x ++ x", "static.operands"), ("-true", "static.operands"),
    ("1 && 2", "static.operands"),
    ("1 / 0", "dim.division"), ("9223372036854775807 + 1", "dim.overflow"),
    ("layer_norm(x, [1, 2, 3])", "layer_norm.C1"),
  ]) func wrongCalls(call: String, id: String) {
    let text = "graph f(x: f32[2], n: s64[]) {\n  return \(call)\n}"
    #expect(mistakes(text) == ["2: \(id)"])
  }

  @Test func whatIsLikeAnEnumerationsCaseMayBeAName() throws {
    let text = "graph f(x: f32[2]) { sum = x + 1; tanh = sum; return scan(tanh, axis: 0, kind: sum) }"
    #expect(try run(text, floats([1, 2], 2)) == [floats([2, 5], 2)])
  }

  @Test func aCloseNameIsSuggested() throws {
    do {
      _ = try GraphFile.parse(SourceText(name: "t", text: "graph f(image: f32[2]) { return imagee }"))
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.diagnostics[0].hint == "did you mean 'image'?")
    }
  }

  @Test func anErrorInABodyPointsAtTheCallAndTheBody() {
    do {
      _ = try GraphFile.parse(
        SourceText(name: "t.apus", text: "graph f(x: f16[2]) {\n  return leaky_relu(x, slope: 1e9)\n}"))
      Issue.record("nothing was thrown")
    } catch {
      let text = error.description
      #expect(text.contains("body of leaky_relu:1:23: note: in the definition of leaky_relu"), "\(text)")
      #expect(
        text.contains("t.apus:2:10: error[literal.range]: leaky_relu: 1000000000.0 is larger than any f16"), "\(text)")
    }
  }
}
