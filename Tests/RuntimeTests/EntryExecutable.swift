import ApusRuntime
import ApusRuntimeABI
import ApusSupport

/// Keeps nothing: the entries of these tests are functions of the test program.
final class NoOwner: Sendable {}

/// An executable whose code is a function of the test program in place of a compiled one.
func entryExecutable(
  inputs: [TensorSignature], outputs: [TensorSignature], sites: [FailureSite] = [],
  customOperations: [CustomOperation] = [], threads: Int = 2, options: Executable.Options = .init(),
  plan: @escaping @Sendable ([[Int]]) throws(DiagnosticError) -> Executable.CallPlan, entry: apus_entry
) -> Executable {
  Executable(
    Executable.Description(
      name: "test", inputs: inputs, outputs: outputs, sites: sites, customOperations: customOperations, plan: plan),
    entry: unsafeBitCast(entry, to: UnsafeRawPointer.self), owner: NoOwner(), pool: ThreadPool(threads: threads),
    options: options)
}
