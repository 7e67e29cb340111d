internal import CFFI

/// A C type that libffi passes by value.
enum ForeignType: Sendable, Hashable {
  case f32, f64, s8, s16, s32, s64, u8, u16, u32, u64, pointer, void

  var descriptor: UnsafeMutablePointer<ffi_type>? {
    switch self {
    case .f32: cffi_f32()
    case .f64: cffi_f64()
    case .s8: cffi_s8()
    case .s16: cffi_s16()
    case .s32: cffi_s32()
    case .s64: cffi_s64()
    case .u8: cffi_u8()
    case .u16: cffi_u16()
    case .u32: cffi_u32()
    case .u64: cffi_u64()
    case .pointer: cffi_pointer()
    case .void: cffi_void()
    }
  }
}

/// How a C function of given types is called; any number of threads may use one at once.
final class ForeignCall: Sendable {
  nonisolated(unsafe) let interface: UnsafeMutablePointer<ffi_cif>
  private nonisolated(unsafe) let types: UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>
  let argumentCount: Int

  init(_ arguments: [ForeignType], returning result: ForeignType) {
    argumentCount = arguments.count
    interface = .allocate(capacity: 1)
    interface.initialize(to: ffi_cif())
    types = .allocate(capacity: max(arguments.count, 1))
    types.initialize(repeating: nil, count: max(arguments.count, 1))
    for (index, argument) in arguments.enumerated() { types[index] = argument.descriptor }
    let status = cffi_prep(interface, UInt32(arguments.count), result.descriptor, types)
    precondition(status == FFI_OK, "libffi takes every list of plain C types")
  }

  deinit {
    interface.deallocate()
    types.deallocate()
  }

  /// Calls `function`. Each slot holds one argument in its first bytes; the result is what an integer register
  /// holds afterwards, as libffi widens it, and 0 for `void`.
  func call(_ function: UnsafeRawPointer, _ slots: inout [UInt64]) -> UInt64 {
    precondition(slots.count == argumentCount, "\(slots.count) arguments for \(argumentCount)")
    var result: UInt64 = 0
    slots.withUnsafeMutableBufferPointer { slots in
      withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: max(slots.count, 1)) { pointers in
        for index in slots.indices { pointers.initializeElement(at: index, to: slots.baseAddress.map { $0 + index }) }
        cffi_call(interface, function, &result, pointers.baseAddress)
      }
    }
    return result
  }
}
