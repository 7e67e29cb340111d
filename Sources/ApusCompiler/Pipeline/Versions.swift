import ApusLLVM

/// The versions of what results depend on.
public enum Versions {
  /// By name, for logs.
  public static var all: [String: String] { ["llvm": llvmVersion()] }
}
