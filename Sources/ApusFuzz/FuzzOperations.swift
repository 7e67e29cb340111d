import ApusInterpreter
import ApusRuntime

/// The operations that drawn graphs call by name.
enum FuzzOperations {
  /// Returns its only operand.
  static let identity = "identity"

  static let compiled: CustomOperations = {
    var operations = CustomOperations()
    do {
      try operations.register(ApusRuntime.CustomOperation(identity) { $0 })
    } catch {
      preconditionFailure("one name is given once: \(error)")
    }
    return operations
  }()

  static let interpreted: [String: ApusInterpreter.CustomOperation] = [identity: { operands, _ in operands }]
}
