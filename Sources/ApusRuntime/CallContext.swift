import ApusSupport
import ApusTensor
internal import ApusRuntimeABI

/// What one call needs besides code: the context, its arena, and room for the descriptions of its tensors. An
/// executable keeps a few for reuse; each serves one call at a time, which is what makes it safe to share.
final class CallContext: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<apus_context>
  let inputs: UnsafeMutablePointer<apus_tensor>
  let outputs: UnsafeMutablePointer<apus_tensor>
  /// The custom ops by the index that generated code uses.
  let customOperations: [CustomOperation]
  /// What the first custom op to fail in this call has thrown.
  var customError: (any Error)?
  /// The caller's, if this call has it.
  private var memory: CallMemory?

  private let dims: UnsafeMutablePointer<Int64>
  private let arena: Arena

  init(
    inputs inputSignatures: [TensorSignature], outputs outputSignatures: [TensorSignature],
    customOperations: [CustomOperation]
  ) {
    self.customOperations = customOperations
    arena = Arena()
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: apus_context())
    let all = inputSignatures + outputSignatures
    let rank = all.reduce(0) { $0 + $1.dimensions.count }
    dims = .allocate(capacity: max(rank, 1))
    dims.initialize(repeating: 0, count: max(rank, 1))
    inputs = .allocate(capacity: max(all.count, 1))
    outputs = inputs + inputSignatures.count
    var next = dims
    for (index, signature) in all.enumerated() {
      (inputs + index).initialize(
        to: apus_tensor(
          data: nil, dims: next, element_type: Int32(signature.elementType.rawValue),
          rank: Int32(signature.dimensions.count)))
      next += signature.dimensions.count
    }
  }

  deinit {
    pointer.deallocate()
    inputs.deallocate()
    dims.deallocate()
  }

  /// Makes the context ready for one call, in the caller's memory or its own.
  ///
  /// Throws `run.memory` when the arena cannot have `arenaBytes`.
  func begin(
    pool: ThreadPool, memory: CallMemory?, arenaBytes: Int, allocationLimit: Int
  ) throws {
    let block = if let memory { try memory.arena(arenaBytes) } else { try arena.reserve(arenaBytes) }
    apus_context_init(pointer, pool.handle)
    pointer.pointee.arena = block
    pointer.pointee.allocation_limit = Int64(allocationLimit)
    self.memory = memory
    if memory != nil { pointer.pointee.allocate = Self.allocate }
    pointer.pointee.user = Unmanaged.passUnretained(self).toOpaque()
    pointer.pointee.custom_call = { context, index, operands, operandCount, results, resultCount in
      guard let context, let user = context.pointee.user else { return Int32(apus_status_internal) }
      let operations = Unmanaged<CallContext>.fromOpaque(user).takeUnretainedValue().customOperations
      guard index >= 0, index < operations.count else {
        apus_context_fail(context, Int32(apus_status_internal), -1, index, Int64(operations.count))
        return Int32(apus_status_internal)
      }
      return operations[Int(index)].call(
        context,
        UnsafeMutableBufferPointer(start: operands, count: Int(operandCount)),
        UnsafeMutableBufferPointer(start: results, count: Int(resultCount)))
    }
    customError = nil
  }

  func setInput(_ index: Int, _ tensor: Tensor) {
    let address = tensor.withUnsafeBytes { $0.baseAddress }
    inputs[index].data = UnsafeMutableRawPointer(mutating: address)
    for (axis, extent) in tensor.shape.enumerated() {
      if isPlanted(.contextKeepsItsFirstShapes), inputs[index].dims[axis] != 0 { continue }
      inputs[index].dims[axis] = Int64(extent)
    }
  }

  /// Hands `room` to the code, or nothing when it is nil. `shape` is nil where it depends on data.
  func setOutput(_ index: Int, _ room: inout Tensor?, _ shape: [Int]?) {
    outputs[index].data = room?.withUnsafeMutableBytes { $0.baseAddress }
    for axis in 0..<Int(outputs[index].rank) { outputs[index].dims[axis] = Int64(shape?[axis] ?? -1) }
  }

  /// The output that the code has allocated, without a copy when the block is its own.
  func takeOutput(_ index: Int, _ signature: TensorSignature) throws(DiagnosticError) -> Tensor {
    let output = outputs[index]
    guard let shape = output.knownShape else {
      throw DiagnosticError(
        id: "run.internal", "generated code leaves the shape of output '\(signature.name)' open")
    }
    let count = try Tensor.byteCount(of: signature.elementType, shape: shape)
    guard let data = output.data else {
      throw DiagnosticError(id: "run.internal", "generated code leaves output '\(signature.name)' without memory")
    }
    let bytes = UnsafeMutableRawBufferPointer(start: data, count: count)
    if apus_context_take(pointer, data) != 0 {
      nonisolated(unsafe) let block = data
      let storage = TensorStorage(borrowingWritable: bytes) { apus_block_free(block) }
      return try Tensor(signature.elementType, shape: shape, storage: storage)
    }
    var copy = try Tensor.uninitialized(signature.elementType, shape: shape)
    copy.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(bytes)) }
    return copy
  }

  /// Frees what the call allocated and leaves nothing of the caller's behind.
  func end() {
    apus_context_release(pointer)
    customError = nil
    memory = nil
  }

  var status: CallStatus {
    let context = pointer.pointee
    return CallStatus(
      code: apus_context_status(pointer), site: context.fail_site, a: context.fail_a, b: context.fail_b)
  }

  /// A block that the caller's memory sees first, with its space.
  private static let allocate: @convention(c) (UnsafeMutablePointer<apus_context>?, Int64) -> UnsafeMutableRawPointer? = {
    guard let context = $0, let memory = of(context)?.memory, (0..<1 << 60).contains($1) else {
      return apus_context_allocate($0, $1)
    }
    let count = Int($1) + memory.space
    guard let block = apus_context_allocate(context, Int64(count)) else { return nil }
    memory.allocated(UnsafeMutableRawBufferPointer(start: block, count: count))
    return block
  }

  static func of(_ context: UnsafeMutablePointer<apus_context>) -> CallContext? {
    context.pointee.user.map { Unmanaged<CallContext>.fromOpaque($0).takeUnretainedValue() }
  }
}
