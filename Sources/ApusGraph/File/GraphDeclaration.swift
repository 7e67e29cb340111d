import ApusIR
import ApusSupport

/// A graph of a file as it was written: its header read, its statements not lowered yet.
struct GraphDeclaration {
  struct Parameter {
    var name: String
    var type: TensorType
    var range: Range<Int>
  }

  struct Result {
    var name: String?
    var type: TensorType
    var range: Range<Int>
  }

  var name: String
  /// Where the name stands.
  var range: Range<Int>
  var parameters: [Parameter] = []
  /// What the header says of the results, if it does.
  var results: [Result]?
  var symbols = SymbolTable()
  var statements: [Syntax.Statement] = []
  /// The nodes of its expressions.
  var nodes: Range<Int> = 0..<0
  /// Where its closing brace stands.
  var end = 0
  /// Whether the header was wrong: then the graph's types are not known.
  var isBroken = false
}
