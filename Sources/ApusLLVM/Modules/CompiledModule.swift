public import ApusIR
public import ApusSupport

/// Machine code of a module, with all that it needs to be linked and run.
public struct CompiledModule: Sendable {
  /// A tensor that the code reads through a symbol of its own.
  public struct Constant: Sendable, Hashable {
    public let symbol: String
    public let value: ConstantTensor
  }

  /// A place where a run can fail; the code names it by its index.
  public struct Site: Sendable, Hashable {
    public enum Reason: Sendable, Hashable {
      /// An `assert` with this message.
      case assertion(String)
      /// An index outside its axis: a = index, b = size.
      case indexRange
      /// A size that data define, outside the bounds of its symbol: a = size, b = axis.
      case sizeBounds
    }

    public let reason: Reason
    /// Where the op came from; several places after fusion.
    public let locations: [Place]
  }

  /// To be linked together.
  public let objects: [ObjectFile]
  /// Symbols of the functions, `apus_kernel`s, by the function's name.
  public let kernels: [String: String]
  /// Symbol of the host function as an `apus_entry`, if one was asked for.
  public let entry: String?
  /// To be defined at addresses that are multiples of 64.
  public let constants: [Constant]
  public let sites: [Site]
  /// Names of the custom ops that the code calls, by the index that it uses.
  public let customOperations: [String]
}
