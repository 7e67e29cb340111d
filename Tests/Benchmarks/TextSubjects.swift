import ApusCompiler
import ApusIR
import ApusSupport

extension SubjectGroup {
  /// Reading, verifying and printing IR: time an op should not grow with their number.
  static func text() -> SubjectGroup {
    var subjects: [Subject] = []
    for distinct in [false, true] {
      for count in [10_000, 100_000, 200_000] {
        func subject(_ verb: String, _ prepare: @escaping (SourceText) throws -> () throws -> Void) -> Subject {
          Subject("\(verb)-\(count)\(distinct ? "-distinct-types" : "")", .items(Double(count), "op"), threads: [1]) { _ in
            let text = GeneratedText.ir(ops: count, distinctTypes: distinct)
            return try prepare(SourceText(name: "generated.ir", text: text))
          }
        }
        subjects += [
          subject("parse") { source in { _ = try Module.parse(source) } },
          subject("verify") { source in
            let module = try Module.parse(source)
            return { precondition(module.verify().isEmpty, "a generated graph is invalid") }
          },
          subject("print") { source in
            let module = try Module.parse(source)
            return { precondition(!module.text().isEmpty, "a module has no text") }
          },
        ]
      }
    }
    return SubjectGroup("text", subjects)
  }
}
