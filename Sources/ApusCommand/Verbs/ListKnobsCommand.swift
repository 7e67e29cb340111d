import ApusSupport
import ArgumentParser
import Foundation

struct ListKnobsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list-knobs", abstract: "Print every knob, its value, and where that comes from.")

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    var diagnostics = Diagnostics()
    let knobs = try Knobs(ProcessInfo.processInfo.environment).list(&diagnostics)
    for diagnostic in diagnostics.list { Console.show(diagnostic) }
    guard json else {
      for knob in knobs { Output.print("\(knob.name)\t\(knob.value)\t\(knob.source)\t\(knob.summary)") }
      return
    }
    printJSON([
      (
        "knobs",
        .list(
          knobs.map {
            .object([
              ("name", .string($0.name)), ("value", .string($0.value)), ("source", .string($0.source)),
              ("summary", .string($0.summary)),
            ])
          })
      )
    ])
  }
}
