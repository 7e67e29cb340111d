import ApusSupport
public import ApusTensor
internal import ApusRuntimeABI

/// An operation that the user supplies: a Swift closure, or a C function. Compiled code calls it as
/// `custom_call "name"`.
///
/// One operation may be called from several threads at once.
public struct CustomOperation: Sendable {
  /// A result that the operation fills in place.
  public struct ResultBuffer {
    public let elementType: ElementType
    public let shape: [Int]
    /// Room for exactly the result, uninitialised; valid during the call.
    public let bytes: UnsafeMutableRawBufferPointer
  }

  public let name: String
  private let body: Body

  private enum Body: Sendable {
    case returning(@Sendable ([Tensor]) throws -> [Tensor])
    case filling(@Sendable ([Tensor], [ResultBuffer]) throws -> Void)
    case function(CFunction)
  }

  /// An operation whose results are copied from the tensors that `body` returns.
  ///
  /// The operands share the memory of the running graph: they may be read during the call, and a result may be
  /// one of them, but one that is kept longer fails the call with `custom.kept`. What `body` throws, the call
  /// throws.
  public init(_ name: String, _ body: @escaping @Sendable (_ operands: [Tensor]) throws -> [Tensor]) {
    self.name = name
    self.body = .returning(body)
  }

  /// An operation that writes its results where they are wanted. Their shapes must be known before the call.
  public init(
    _ name: String, filling body: @escaping @Sendable (_ operands: [Tensor], _ results: [ResultBuffer]) throws -> Void
  ) {
    self.name = name
    self.body = .filling(body)
  }

  /// An operation that calls a C function.
  public init(_ name: String, _ function: CFunction) {
    self.name = name
    body = .function(function)
  }

  /// Runs the operation on a context's tensors and returns the status, having recorded a failure.
  func call(
    _ context: UnsafeMutablePointer<apus_context>, _ operands: UnsafeMutableBufferPointer<apus_tensor>,
    _ results: UnsafeMutableBufferPointer<apus_tensor>
  ) -> Int32 {
    do {
      switch body {
      case .returning(let body): try callReturning(body, context, operands, results)
      case .filling(let body): try callFilling(body, operands, results)
      case .function(let function): try function.call(name, operands, results)
      }
      return apus_context_status(context)
    } catch {
      if let call = CallContext.of(context), call.customError == nil { call.customError = error }
      apus_context_fail(context, Int32(apus_status_custom_call_failed), -1, 0, 0)
      return Int32(apus_status_custom_call_failed)
    }
  }
}

extension CustomOperation {
  private func callReturning(
    _ body: ([Tensor]) throws -> [Tensor], _ context: UnsafeMutablePointer<apus_context>,
    _ operands: UnsafeMutableBufferPointer<apus_tensor>, _ results: UnsafeMutableBufferPointer<apus_tensor>
  ) throws {
    try withBorrowed(operands) { tensors in
      let returned = try body(tensors)
      guard returned.count == results.count else {
        throw DiagnosticError(
          id: "custom.result-count",
          "custom op '\(name)' returns \(returned.count) results, but \(results.count) are declared")
      }
      for (index, tensor) in returned.enumerated() {
        try store(tensor, index, to: &results[index], context)
      }
    }
  }

  private func callFilling(
    _ body: ([Tensor], [ResultBuffer]) throws -> Void, _ operands: UnsafeMutableBufferPointer<apus_tensor>,
    _ results: UnsafeMutableBufferPointer<apus_tensor>
  ) throws {
    let places = try results.enumerated().map { index, result in
      guard let data = result.data, let shape = result.knownShape else { throw unknownShape(index) }
      let type = try result.type
      let bytes = try Tensor.byteCount(of: type, shape: shape)
      return ResultBuffer(
        elementType: type, shape: shape, bytes: UnsafeMutableRawBufferPointer(start: data, count: bytes))
    }
    try withBorrowed(operands) { try body($0, places) }
  }

  /// Passes `operands` as tensors over their own memory, and makes sure that none outlives the call.
  private func withBorrowed(
    _ operands: UnsafeMutableBufferPointer<apus_tensor>, _ body: ([Tensor]) throws -> Void
  ) throws {
    let lent = try operands.map { try BorrowedOperand($0) }
    try body(lent.map { try $0.tensor() })
    if let kept = lent.firstIndex(where: { !$0.isReturned }) {
      throw DiagnosticError(
        id: "custom.kept", "custom op '\(name)' has kept operand \(kept), whose memory belongs to the call",
        hint: "copy what must outlive the call")
    }
  }

  private func store(
    _ tensor: Tensor, _ index: Int, to result: inout apus_tensor, _ context: UnsafeMutablePointer<apus_context>
  ) throws {
    let type = try result.type
    guard tensor.elementType == type else {
      throw DiagnosticError(
        id: "custom.result-type",
        "result \(index) of custom op '\(name)' is \(tensor.elementType), but \(type) is declared")
    }
    let declared = (0..<Int(result.rank)).map { result.extent($0) }
    guard tensor.rank == declared.count, zip(tensor.shape, declared).allSatisfy({ $1 < 0 || $0 == $1 }) else {
      let text = declared.map { $0 < 0 ? "?" : "\($0)" }.joined(separator: ", ")
      throw DiagnosticError(
        id: "custom.result-shape",
        "result \(index) of custom op '\(name)' has shape \(tensor.shape), but [\(text)] is declared")
    }
    if result.data == nil {
      // Null records the failure itself, and `call` returns it.
      guard let memory = apus_context_allocate(context, Int64(tensor.byteCount)) else { return }
      result.data = memory
    }
    for (axis, extent) in tensor.shape.enumerated() { result.dims[axis] = Int64(extent) }
    tensor.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, let data = result.data, bytes.count > 0 else { return }
      // `copyMemory` allows overlaps: a result may be an operand.
      data.copyMemory(from: base, byteCount: bytes.count)
    }
  }

  private func unknownShape(_ index: Int) -> DiagnosticError {
    DiagnosticError(
      id: "custom.unknown-shape",
      "custom op '\(name)' fills its results in place, but the shape of result \(index) depends on data",
      hint: "register a closure that returns its results")
  }
}
