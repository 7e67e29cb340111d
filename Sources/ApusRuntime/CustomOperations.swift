public import ApusSupport

/// Custom ops by name.
public struct CustomOperations: Sendable {
  private var table: [String: CustomOperation] = [:]

  public init() {}

  /// Throws `custom.duplicate` when a name occurs twice.
  public init(_ operations: [CustomOperation]) throws(DiagnosticError) {
    for operation in operations { try register(operation) }
  }

  /// Throws `custom.duplicate` when the name is taken.
  public mutating func register(_ operation: CustomOperation) throws(DiagnosticError) {
    guard table[operation.name] == nil else {
      throw DiagnosticError(id: "custom.duplicate", "custom op '\(operation.name)' is registered twice")
    }
    table[operation.name] = operation
  }

  public subscript(name: String) -> CustomOperation? { table[name] }

  /// All names, sorted.
  public var names: [String] { table.keys.sorted() }

  /// The operations of an executable, in the order in which its code numbers them.
  ///
  /// Throws `custom.unregistered`, once for each name that is missing.
  public func resolve(_ names: [String]) throws(DiagnosticError) -> [CustomOperation] {
    let missing = names.filter { table[$0] == nil }
    guard missing.isEmpty else {
      let known = table.isEmpty ? "none are registered" : "registered are \(self.names.joined(separator: ", "))"
      throw DiagnosticError(
        missing.map { name in
          Diagnostic(id: "custom.unregistered", "custom op '\(name)' is not registered", hint: known)
        })
    }
    return names.compactMap { table[$0] }
  }
}
