import ApusCompiler
import ApusRuntime

/// The operations that drawn graphs call by name.
public enum FuzzOperations {
  /// Returns its only operand.
  public static let identity = "fuzz.identity"
}
