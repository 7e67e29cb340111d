import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// An `example:` of a declaration.
struct SpecExample: Sendable, CustomTestStringConvertible {
  var text: String
  var testDescription: String { text }

  static let all: [SpecExample] = OpInfo.all.flatMap { info in info.examples.map { SpecExample(text: $0) } }
}

@Test(arguments: SpecExample.all) func exampleHolds(_ example: SpecExample) throws {
  var parser = ExpressionParser(SourceText(name: "example", text: example.text))
  let left = try parser.expression()
  try parser.expect(.equal)
  let right = try parser.expression()
  try #require(parser.tokens.at(.endOfFile))
  try parser.tokens.diagnostics.throwIfErrors()

  let function = Function(name: "example")
  let emitter = Emitter(function, at: .end(of: function.entry))
  var lowering = ExpressionLowering(parser.syntax, emitter)
  let computed = try lowering.emitter.value(of: lowering.meaning(of: left), at: .none)
  let element = lowering.emitter.type(of: computed).element
  let expected = try lowering.emitter.value(of: lowering.meaning(of: right), as: element, at: .none)
  _ = try lowering.emitter.emit(.return, [computed, expected])
  var made = lowering.emitter.function
  made.resultTypes = [made.type(of: computed), made.type(of: expected)]
  let results = try Interpreter(Module(made)).run([])
  #expect(results[0].shape == results[1].shape)
  #expect(close(doubles(results[0]), doubles(results[1])), "\(doubles(results[0])) for \(doubles(results[1]))")
}

@Test func everyCompositeOfOneLineHasAnExample() {
  for info in OpInfo.all where info.isComposite && info.operands.count == 1 && info.group == "composite" {
    let isLong = info.body.map { $0.contains("\n") } ?? false
    #expect(isLong || !info.examples.isEmpty, "\(info.name) has no example")
  }
}
