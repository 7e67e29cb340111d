import ApusSpec
import ApusSupport
import Testing

struct ParserTests {
  @Test func wholeOp() throws {
    let text = """
      # Ops for the test.

      /// First line
      /// and second.
      op try_it(lhs: [..b, m, 4]T, rhs: &[n]f32, bias: <n>any?,
        axis: axis(lhs) = -1, mode: name(one|two) = two, eps: float = 1e-5, low: dims = [1, -2], along: int?)
        -> (first: [..b]T, second: []bool)  where T: float, U: any
        phase: graph loops   traits: pure, elementwise   ulp: 2.5
        C1 "it holds"   C2 "so does this"
        region: body isolated, other

        body:
          x = 1
            y
          z
        example: try_it(1) = 2
      op other(x: any*) -> stated
      """
    let whole = text.replacing("<n>any?", with: "<n>U?") + "\n"
    #expect(mistakes(in: whole) == ["spec.summary other"])
    let specification = try read(whole.replacing("\nop other", with: "\n\n/// Other.\nop other"))
    #expect(specification.groups.map(\.introduction) == ["Ops for the test."])
    let op = try #require(specification.declarations.first)
    #expect(op.name.value == "try_it" && op.summary == "First line and second." && op.group == "source")
    #expect(
      op.signature == "try_it(lhs: [..b, m, 4]T, rhs: &[n]f32, bias: <n>U?, axis: axis(lhs) = -1, "
        + "mode: name(one|two) = two, eps: float = 1e-5, low: dims = [1, -2], along: int?) "
        + "-> (first: [..b]T, second: []bool)  where T: float, U: any")
    #expect(op.phases.map(\.value) == [.graph, .loops] && op.traits.map(\.value) == [.pure, .elementwise])
    #expect(op.error == .units("2.5") && op.isGraphOp)
    #expect(op.constraints.map(\.id) == ["C1", "C2"] && op.constraints[1].text == "so does this")
    #expect(op.regions.map(\.isIsolated) == [true, false])
    #expect(op.body == "x = 1\n  y\nz" && op.examples == ["try_it(1) = 2"])
    #expect(op.attributes[1].kind == .name(["one", "two"]) && op.attributes[1].defaultValue == .name("two"))
    #expect(op.attributes[3].defaultValue == .integers([1, -2]) && op.attributes[4].isOptional)
    #expect(op.operands[0].pattern.shape == [.pack("b"), .named("m"), .constant(4)])
    #expect(op.operands[1].pattern.form == .buffer && op.operands[2].pattern.form == .register)
    #expect(op.operands[2].arity == .optional)
    let other = specification.declarations[1]
    #expect(other.phases.map(\.value) == [.graph, .fused] && other.operands[0].arity == .zeroOrMore)
    #expect(other.operands[0].pattern.shape == nil && other.signature == "other(x: any*) -> stated")
  }

  @Test func oneLineBodyEndsAtTheNextClause() throws {
    let specification = try read(op("f(x: [..s]T) -> [..s]T  where T: float", "body: x * x", "example: f(1) = 1"))
    #expect(specification.declarations[0].body == "x * x")
    #expect(specification.declarations[0].examples == ["f(1) = 1"])
  }

  @Test func shapeFunctions() throws {
    let text = op("f() -> custom g") + "\n" + op("h() -> custom k (a, b)") + "\n" + op("i() -> custom g")
    let specification = try read(text)
    #expect(specification.shapeFunctions == ["g", "k"])
    #expect(specification.declarations[1].signature == "h() -> custom k (a, b)")
  }

  @Test(arguments: [
    (op("f(x)"), "spec.expected )"),
    (op("f(x: [..s)T)"), "spec.expected )"),
    (op("f(x: [..s]T) -> [..s]T"), "spec.variable [..s]T"),
    (op("f(x: [..s]t)"), "spec.unknown t"),
    (op("f(x: [..s]f23)"), "spec.unknown f23"),
    (op("f(x: [-1]f32)"), "spec.pattern -1"),
    (op("f(x: [..a, ..b]f32)"), "spec.pattern [..a, ..b]f32"),
    (op("f(x: [..a]f32, y: [a]f32)"), "spec.pattern [a]f32"),
    (op("f(x: <a, b>f32)"), "spec.pattern <a, b>f32"),
    (op("f(x: [..s]f32, x: int)"), "spec.duplicate x"),
    (op("f(a: int, x: [..s]f32)"), "spec.order x"),
    (op("f(x: any*, y: any)"), "spec.arity y"),
    (op("f(x: any?, y: any)"), "spec.arity y"),
    (op("f(x: any?, y: any*)"), "spec.arity y"),
    (op("f(a: integer)"), "spec.unknown integer"),
    (op("f(a: axis(y))"), "spec.axis y"),
    (op("f(a: axes(y) = [1])"), "spec.axis y"),
    (op("f(a: name(b|b))"), "spec.duplicate b"),
    (op("f(a: name(b|c) = d)"), "spec.unknown d"),
    (op("f(a: int = 1.5)"), "spec.expected 1"),
    (op("f(a: bool = 1)"), "spec.expected 1"),
    (op("f(a: bool = yes)"), "spec.unknown yes"),
    (op("f(a: float = 1e999)"), "spec.default 1e999"),
    (op("f(a: type = f32)"), "spec.default f32"),
    (op("f(a: int, where: int", "phase: graph"), "spec.expected phase"),
    (op("f() -> custom"), "spec.expected "),
    (op("f() -> maybe"), "spec.expected maybe"),
    (op("f() -> (a: []f32, a: []f32)"), "spec.duplicate a"),
    (op("f(x: []T)  where T: floats"), "spec.unknown floats"),
    (op("f(x: []T)  where T: any, T: any"), "spec.duplicate T"),
    (op("f(x: []f32)  where T: any"), "spec.variable T"),
    (op("f()", "phase: graf"), "spec.unknown graf"),
    (op("f()", "phase: graph graph"), "spec.duplicate graph"),
    (op("f()", "phase:"), "spec.expected "),
    (op("f()", "traits: pure, pretty"), "spec.unknown pretty"),
    (op("f()", "traits: pure, pure"), "spec.duplicate pure"),
    (op("f()", "ulp: many"), "spec.expected many"),
    (op("f()", "ulp: -1"), "spec.expected -"),
    (op("f()", "C2 \"second\""), "spec.constraint C2"),
    (op("f()", "C1 \"\""), "spec.constraint \"\""),
    (op("f()", "C1 \"open"), "spec.expected \""),
    (op("f()", "body:"), "spec.body body"),
    (op("f()", "example:"), "spec.body example"),
    (op("f()", "bodi: x"), "spec.unknown bodi"),
    (op("f()", "ulp: 1", "ulp: 2"), "spec.duplicate ulp"),
    (op("f()", "region: a, a"), "spec.duplicate a"),
    (op("camelCase()"), "spec.name camelCase"),
    (op("f(maxSize: int)"), "spec.name maxSize"),
    ("op f()\n", "spec.summary f"),
    ("/// Of nothing.\n\n" + op("f()"), "spec.comment \n"),
    ("oops f()\n", "spec.expected oops f()"),
  ])
  func rejects(text: String, mistake: String) {
    #expect(mistakes(in: text) == [mistake])
  }

  @Test func severalMistakesAreReportedAtOnce() {
    // What stands below a broken head is still read.
    let text =
      op("f(x: [..s]Q)", "phase: graf", "traits: pretty", "ulp: 1") + "\n" + op("g(x)", "phase: nowhere") + "\n"
      + op("h(a: axis(y))")
    #expect(
      mistakes(in: text) == [
        "spec.unknown graf", "spec.unknown pretty", "spec.expected )", "spec.unknown nowhere", "spec.variable [..s]Q",
        "spec.axis y",
      ])
  }

  @Test func duplicatesNameTheFirst() throws {
    // One case of `OpCode` could not tell these two apart either.
    let text = op("a_b()") + "\n" + op("a_b()")
    do {
      _ = try read(text)
      Issue.record("two ops of one name were read")
    } catch {
      let rendered = error.diagnostics[0].rendered()
      #expect(rendered.hasPrefix("IR-specs/source.ops:2:4: note: the first one is here\n  op a_b()\n     ^~~\n"))
      #expect(rendered.hasSuffix("IR-specs/source.ops:5:4: error[spec.duplicate]: there are two ops `a_b`"))
    }
  }

  @Test func misspellingsAreCorrected() {
    do {
      _ = try read(op("f()", "traits: elementwse"))
      Issue.record("a misspelt trait was read")
    } catch {
      #expect(error.diagnostics[0].hint == "did you mean `elementwise`?")
    }
  }

  @Test func unknownGroup() {
    #expect(mistakes(in: op("f()"), file: "IR-specs/strange.ops") == ["spec.group"])
  }

  @Test func groupsComeInTheirOrder() throws {
    let files = [
      SourceText(name: "loops.ops", text: op("last()")), SourceText(name: "source.ops", text: op("first()")),
    ]
    #expect(try Specification(reading: files).declarations.map(\.name.value) == ["first", "last"])
  }

  @Test func emptyAndBinaryFiles() {
    #expect(mistakes(in: "").isEmpty)
    #expect(mistakes(in: "\u{0}\u{1}\u{7F}") == ["spec.expected \u{0}\u{1}\u{7F}"])
    #expect(mistakes(in: "op ") == ["spec.expected "])
    #expect(mistakes(in: "op f(") == ["spec.expected "])
  }
}
