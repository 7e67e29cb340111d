internal import ApusRuntimeABI

/// The calls and fields of `apus_context`, as generated code uses them.
struct RuntimeCalls {
  let e: Emitter

  /// A compiled kernel, `apus_kernel`: context, buffers, sizes.
  var kernelParameters: [CodeParameter] { Array(repeating: CodeParameter(type: e.types.pointer), count: 3) }

  /// A chunk of a parallel loop, `apus_body`: context, closure, begin, end.
  var bodyParameters: [CodeParameter] {
    [e.types.pointer, e.types.pointer, e.types.i64, e.types.i64].map { CodeParameter(type: $0) }
  }

  /// Non-zero once the call has failed or is to stop.
  func stopWord(_ context: CodeValue) -> CodeValue {
    // `status` and `cancel` lie side by side, so that one load sees both.
    e.loadShared(e.types.i64, field(context, \.status))
  }

  func status(_ context: CodeValue) -> CodeValue { e.loadShared(e.types.i32, field(context, \.status)) }

  func arena(_ context: CodeValue) -> CodeValue { e.load(e.types.pointer, field(context, \.arena)) }

  func parallelFor(_ context: CodeValue, body: CodeFunction, closure: CodeValue, count: CodeValue, grain: Int) {
    call(
      context, \.parallel_for, [e.types.pointer, e.types.pointer, e.types.i64, e.types.i64], nil,
      [body.address, closure, count, e.index(grain)])
  }

  /// Null after recording a failure.
  func allocate(_ context: CodeValue, bytes: CodeValue) -> CodeValue {
    call(context, \.allocate, [e.types.i64], e.types.pointer, [bytes])
  }

  /// Returns the status.
  func customCall(
    _ context: CodeValue, index: Int, operands: (CodeValue, count: Int), results: (CodeValue, count: Int)
  ) -> CodeValue {
    call(
      context, \.custom_call, [e.types.i64, e.types.pointer, e.types.i64, e.types.pointer, e.types.i64], e.types.i32,
      [e.index(index), operands.0, e.index(operands.count), results.0, e.index(results.count)])
  }

  func fail(_ context: CodeValue, _ status: Int, site: Int, _ a: CodeValue, _ b: CodeValue) {
    call(
      context, \.fail, [e.types.i32, e.types.i64, e.types.i64, e.types.i64], nil,
      [e.int(status, e.types.i32), e.index(site), a, b])
  }
}

extension RuntimeCalls {
  private func field<Value>(_ context: CodeValue, _ path: KeyPath<apus_context, Value>) -> CodeValue {
    guard let offset = MemoryLayout<apus_context>.offset(of: path) else {
      preconditionFailure("a field of a C struct has an offset")
    }
    return e.offset(context, bytes: offset)
  }

  @discardableResult
  private func call<Value>(
    _ context: CodeValue, _ path: KeyPath<apus_context, Value>, _ parameters: [CodeType], _ result: CodeType?,
    _ arguments: [CodeValue]
  ) -> CodeValue {
    let function = e.load(e.types.pointer, field(context, path))
    let type = e.functionType([e.types.pointer] + parameters, result: result)
    return e.call(function, as: type, [context] + arguments)
  }
}
