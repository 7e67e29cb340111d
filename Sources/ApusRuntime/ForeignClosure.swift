import ApusSupport
internal import CFFI

/// A Swift closure that C code calls through a plain function pointer, valid while this object lives.
final class ForeignClosure: Sendable {
  /// Receives the address of each argument and returns what goes into the integer result register.
  typealias Body = @Sendable (UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int64

  private let call: ForeignCall
  private let body: Body
  private nonisolated(unsafe) let closure: UnsafeMutableRawPointer
  nonisolated(unsafe) let pointer: UnsafeRawPointer

  /// A function of type `call`, which returns an integer or nothing.
  ///
  /// Throws `custom.closure` when the system forbids memory that may be executed.
  init(_ call: ForeignCall, _ body: @escaping Body) throws(DiagnosticError) {
    self.call = call
    self.body = body
    var code: UnsafeMutableRawPointer?
    guard let memory = ffi_closure_alloc(MemoryLayout<ffi_closure>.size, &code), let code else {
      throw DiagnosticError(
        id: "custom.closure", "the system refuses the executable memory that a custom op written in Swift needs")
    }
    closure = memory
    pointer = UnsafeRawPointer(code)
    let status = ffi_prep_closure_loc(
      memory.assumingMemoryBound(to: ffi_closure.self), call.interface,
      { _, result, arguments, user in
        guard let user, let arguments else { preconditionFailure("libffi called a closure without its arguments") }
        let value = Unmanaged<ForeignClosure>.fromOpaque(user).takeUnretainedValue().body(arguments)
        result?.storeBytes(of: value, as: Int64.self)
      },
      Unmanaged.passUnretained(self).toOpaque(), code)
    precondition(status == FFI_OK, "libffi prepares every closure of a valid interface")
  }

  deinit { ffi_closure_free(closure) }
}
