import ApusIR
import ApusRuntime
import ApusSupport

extension Module {
  /// `custom.unregistered` (unsupported), once for each name that a `custom_call` of the module asks for in vain.
  func unregistered(_ operations: CustomOperations) -> [Diagnostic] {
    var found: [Diagnostic] = []
    var names: Set<String> = []
    for function in functions {
      for op in function.allOps() where function.opcode(of: op) == .customCall {
        guard let name = function.string("name", of: op), operations[name] == nil, names.insert(name).inserted
        else { continue }
        var place = Place.none
        if case .place(let known) = function.location(of: op) { place = known }
        let known = operations.names.map { "'\($0)'" }.joined(separator: ", ")
        found.append(
          Diagnostic(
            .unsupported, id: "custom.unregistered", "custom op '\(name)' is not registered", at: place,
            hint: known.isEmpty ? "a Swift program that imports Apus can register it" : "registered are \(known)"))
      }
    }
    return found
  }

  /// Throws what ``unregistered(_:)`` finds.
  func throwIfUnregistered(_ operations: CustomOperations) throws(DiagnosticError) {
    let found = unregistered(operations)
    guard found.isEmpty else { throw DiagnosticError(found) }
  }
}
