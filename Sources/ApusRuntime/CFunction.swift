import ApusSupport
import ApusTensor
internal import ApusRuntimeABI

/// A C function as a custom op: its address, and where each argument comes from.
///
///     // void scale(const float *x, float *y, int64_t n, float factor)
///     CFunction(address, [.pointer(.operand(0)), .pointer(.result(0)), .count(.operand(0)), .f32(2)])
public struct CFunction: Sendable {
  /// A tensor of the call.
  public enum Slot: Sendable, Hashable {
    case operand(Int)
    case result(Int)
  }

  /// A C integer type for extents and counts.
  public enum Integer: Sendable, Hashable {
    case int32, int64
  }

  public enum Argument: Sendable, Hashable {
    /// The address of the elements: `const T *` of an operand, `T *` of a result.
    case pointer(Slot)
    /// One extent.
    case dimension(Slot, axis: Int, Integer = .int64)
    /// The number of elements.
    case count(Slot, Integer = .int64)
    /// The value of an operand of rank 0, passed as the C type of its elements. Not for f16 and bf16.
    case value(Int)
    case f32(Float)
    case f64(Double)
    case s32(Int32)
    case s64(Int64)
  }

  public enum Returns: Sendable, Hashable {
    case void
    /// An `int`; anything but 0 fails the call with `custom.status`.
    case status
  }

  private nonisolated(unsafe) let address: UnsafeRawPointer
  private let arguments: [Argument]
  private let returns: Returns
  private let owner: (any AnyObject & Sendable)?

  /// `address` must be a function with the arguments stated, under the platform's C convention, safe to call
  /// from any thread; `owner` keeps it loaded.
  public init(
    _ address: UnsafeRawPointer, _ arguments: [Argument], returns: Returns = .void,
    owner: (any AnyObject & Sendable)? = nil
  ) {
    self.address = address
    self.arguments = arguments
    self.returns = returns
    self.owner = owner
  }

  /// Throws `custom.argument`, `custom.dimension`, `custom.unknown-shape` or `custom.status`.
  func call(
    _ name: String, _ operands: UnsafeMutableBufferPointer<apus_tensor>,
    _ results: UnsafeMutableBufferPointer<apus_tensor>
  ) throws(DiagnosticError) {
    for (index, result) in results.enumerated() {
      guard result.data != nil, result.knownShape != nil else {
        throw DiagnosticError(
          id: "custom.unknown-shape",
          "custom op '\(name)' is a C function, but the shape of its result \(index) depends on data")
      }
    }
    var slots: [UInt64] = []
    var types: [ForeignType] = []
    for (index, argument) in arguments.enumerated() {
      let place = Place(name: name, argument: index, operands: operands, results: results)
      let (type, slot) = try place.pass(argument)
      types.append(type)
      slots.append(slot)
    }
    let result = ForeignCall(types, returning: returns == .status ? .s32 : .void).call(address, &slots)
    if returns == .status, Int32(truncatingIfNeeded: result) != 0 {
      throw DiagnosticError(
        id: "custom.status", "custom op '\(name)' returns status \(Int32(truncatingIfNeeded: result))")
    }
  }
}

/// One argument of one call, for turning it into what libffi passes.
private struct Place {
  var name: String
  var argument: Int
  var operands: UnsafeMutableBufferPointer<apus_tensor>
  var results: UnsafeMutableBufferPointer<apus_tensor>

  func pass(_ argument: CFunction.Argument) throws(DiagnosticError) -> (ForeignType, UInt64) {
    switch argument {
    case .pointer(let slot): return (.pointer, UInt64(UInt(bitPattern: try tensor(slot).data)))
    case .dimension(let slot, let axis, let integer):
      let tensor = try tensor(slot)
      guard axis >= 0, axis < Int(tensor.rank) else { throw error("axis \(axis) of a tensor of rank \(tensor.rank)") }
      return try pass(tensor.extent(axis), integer)
    case .count(let slot, let integer):
      let tensor = try tensor(slot)
      let shape = (0..<Int(tensor.rank)).map { tensor.extent($0) }
      return try pass(try Tensor.byteCount(of: tensor.type, shape: shape) / tensor.type.byteCount, integer)
    case .value(let index): return try value(try tensor(.operand(index)))
    case .f32(let value): return (.f32, UInt64(value.bitPattern))
    case .f64(let value): return (.f64, value.bitPattern)
    case .s32(let value): return (.s32, UInt64(UInt32(bitPattern: value)))
    case .s64(let value): return (.s64, UInt64(bitPattern: value))
    }
  }

  private func tensor(_ slot: CFunction.Slot) throws(DiagnosticError) -> apus_tensor {
    switch slot {
    case .operand(let index):
      guard operands.indices.contains(index) else { throw error("operand \(index) of \(operands.count)") }
      return operands[index]
    case .result(let index):
      guard results.indices.contains(index) else { throw error("result \(index) of \(results.count)") }
      return results[index]
    }
  }

  private func pass(_ extent: Int, _ integer: CFunction.Integer) throws(DiagnosticError) -> (ForeignType, UInt64) {
    switch integer {
    case .int64: return (.s64, UInt64(extent))
    case .int32:
      guard extent <= Int(Int32.max) else {
        throw DiagnosticError(
          id: "custom.dimension", "argument \(argument) of custom op '\(name)' is \(extent), too large for an int32")
      }
      return (.s32, UInt64(extent))
    }
  }

  private func value(_ tensor: apus_tensor) throws(DiagnosticError) -> (ForeignType, UInt64) {
    guard tensor.rank == 0, let data = tensor.data else {
      throw error("the value of a tensor of rank \(tensor.rank)")
    }
    switch try tensor.type {
    case .f32: return (.f32, UInt64(data.loadUnaligned(as: UInt32.self)))
    case .f64: return (.f64, data.loadUnaligned(as: UInt64.self))
    case .s8: return (.s8, UInt64(data.loadUnaligned(as: UInt8.self)))
    case .u8, .bool: return (.u8, UInt64(data.loadUnaligned(as: UInt8.self)))
    case .s16: return (.s16, UInt64(data.loadUnaligned(as: UInt16.self)))
    case .u16: return (.u16, UInt64(data.loadUnaligned(as: UInt16.self)))
    case .s32: return (.s32, UInt64(data.loadUnaligned(as: UInt32.self)))
    case .u32: return (.u32, UInt64(data.loadUnaligned(as: UInt32.self)))
    case .s64: return (.s64, data.loadUnaligned(as: UInt64.self))
    case .u64: return (.u64, data.loadUnaligned(as: UInt64.self))
    case .f16, .bf16: throw error("a value of type \(try tensor.type), which C cannot pass")
    }
  }

  private func error(_ what: String) -> DiagnosticError {
    DiagnosticError(id: "custom.argument", "argument \(argument) of custom op '\(name)' asks for \(what)")
  }
}
