public import ApusSupport
internal import ApusRuntimeABI

/// A custom op as the C function `apus_custom_function`, for code that calls it by address or symbol instead of
/// through its context: an ahead-of-time artefact, or a program in C.
public final class NativeFunction: Sendable {
  private let closure: ForeignClosure

  /// Throws `custom.closure` when the system forbids memory that may be executed.
  public init(_ operation: CustomOperation) throws(DiagnosticError) {
    let signature = ForeignCall([.pointer, .pointer, .s64, .pointer, .s64], returning: .s32)
    closure = try ForeignClosure(signature) { arguments in
      func pointer(_ index: Int) -> UnsafeMutableRawPointer? {
        arguments[index]?.load(as: UnsafeMutableRawPointer?.self)
      }
      func count(_ index: Int) -> Int { arguments[index].map { Int($0.load(as: Int64.self)) } ?? 0 }
      guard let context = pointer(0)?.assumingMemoryBound(to: apus_context.self) else {
        return Int64(apus_status_internal)
      }
      let status = operation.call(
        context,
        UnsafeMutableBufferPointer(start: pointer(1)?.assumingMemoryBound(to: apus_tensor.self), count: count(2)),
        UnsafeMutableBufferPointer(start: pointer(3)?.assumingMemoryBound(to: apus_tensor.self), count: count(4)))
      return Int64(status)
    }
  }

  /// The function's address, valid while this object lives.
  public var address: UnsafeRawPointer { closure.pointer }
}
