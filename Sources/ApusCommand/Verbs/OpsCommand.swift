import ApusIR
import ApusSupport
import ArgumentParser

struct OpsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ops", abstract: "List the ops, or describe one.")

  @Argument(help: "The op to describe.")
  var name: String?

  func run() throws {
    guard let name else {
      for (group, ops) in Dictionary(grouping: OpInfo.all, by: \.group).sorted(by: { $0.key < $1.key }) {
        Output.print("\(group):")
        for op in ops { Output.print("  \(op.signature)") }
      }
      return
    }
    guard let op = OpCode(name: name)?.info else {
      throw DiagnosticError(id: "op.unknown", "there is no op '\(name)'", hint: "`apus ops` lists them")
    }
    Output.print(op.signature)
    Output.print("")
    for line in op.summary.split(separator: "\n", omittingEmptySubsequences: false) { Output.print("  \(line)") }
    Output.print("\n  phases: \(Phase.allCases.filter(op.phases.contains).map(\.rawValue).joined(separator: ", "))")
    for constraint in op.constraints { Output.print("  \(op.name).\(constraint.id): \(constraint.text)") }
    if let body = op.body { Output.print("\n  body:\n    \(body.replacing("\n", with: "\n    "))") }
    for example in op.examples { Output.print("\n  \(example)") }
  }
}
