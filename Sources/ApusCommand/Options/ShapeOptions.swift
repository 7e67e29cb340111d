import ApusSupport
import ArgumentParser

/// Sizes that an ONNX file leaves open.
struct ShapeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The sizes of an input of an ONNX file: NAME=1x3x224x224.", valueName: "name=sizes"))
  var shape: [NamedText] = []

  /// The sizes by input. Throws `input.values` for a text that is none, and `input.twice`.
  var sizes: [String: [Int]] {
    get throws(DiagnosticError) {
      var found: [String: [Int]] = [:]
      for entry in shape {
        let sizes = entry.text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard sizes.allSatisfy({ $0 >= 0 }) else {
          throw DiagnosticError(id: "input.values", "--shape \(entry.name): '\(entry.text)' is not like 1x3x224x224")
        }
        guard found.updateValue(sizes, forKey: entry.name) == nil else {
          throw DiagnosticError(id: "input.twice", "--shape gives '\(entry.name)' twice")
        }
      }
      return found
    }
  }
}
