import ApusIR
import ApusTensor
internal import ApusRuntimeABI

/// Memory, calls and failures: what the host function is made of.
extension FunctionLowering {
  func lowerAlloc(_ op: OpID) {
    let result = function.result(of: op)
    defineSizes(of: result, function.operands(of: op).map { register($0) }, at: op)
    if let offset = function.dims("offset", of: op)?.first {
      bind(result, e.offset(runtime.arena(context), bytes: value(of: offset)))
    } else {
      bind(result, allocate(byteCount(type(result))))
    }
  }

  func lowerLaunch(_ op: OpID) {
    let sizes = (function.dims("sizes", of: op) ?? []).map { value(of: $0) }
    _ = call(op, function.operands(of: op).map { code($0) }, sizes: sizes, results: 0)
  }

  /// The callee's sizes follow from the arguments' types, as `launch` states them.
  func lowerCall(_ op: OpID) {
    guard let name = function.string("callee", of: op), let id = owner.module.find(name) else {
      preconditionFailure("a call in @\(function.name) of a function that the module has not")
    }
    let callee = owner.module[id]
    let operands = function.operands(of: op)
    let sizes = callee.symbols.ids.map { symbol in
      for (parameter, argument) in zip(callee.parameters, operands) {
        let dims = callee.type(of: parameter).dims
        if let axis = dims.firstIndex(where: { $0.symbolID == symbol }) { return value(of: type(argument).dims[axis]) }
      }
      return e.index(0)
    }
    let results = function.results(of: op)
    bindResults(of: op, call(op, operands.map { code($0) }, sizes: sizes, results: results.count))
  }

  /// Leaves the addresses of returned buffers behind those of the parameters.
  func lowerReturn(_ op: OpID) {
    for (index, value) in function.operands(of: op).enumerated() {
      guard let buffers else { preconditionFailure("return stands in the body of a parallel loop") }
      e.store(code(value), e.offset(buffers, e.types.pointer, by: function.parameters.count + index))
    }
    e.returnVoid()
  }

  func lowerAssert(_ op: OpID) {
    e.ifThen(e.not(register(function.operand(0, of: op)))) {
      let site = owner.tables.site(op, of: function)
      runtime.fail(context, Int(apus_status_guard_failed), site: site, e.index(0), e.index(0))
      e.returnVoid()
    }
  }

  func lowerCustomCall(_ op: OpID) {
    let operands = function.operands(of: op).map { tensor(of: $0) }
    let results = function.results(of: op)
    let index = owner.tables.customOperation(function.string("name", of: op) ?? "")
    let (operandArray, resultArray) = (tensorArray(operands), tensorArray(results.map { emptyTensor(type($0)) }))
    let status = runtime.customCall(
      context, index: index, operands: (operandArray, operands.count), results: (resultArray, results.count))
    e.ifThen(e.compare(status, .notEqual, e.zero(status.type))) { e.returnVoid() }
    for (index, result) in results.enumerated() {
      let descriptor = TensorDescriptor(e, resultArray, index)
      defineSizes(of: result, definedAxes(of: result).map { descriptor.extent($0.axis) }, at: op)
      bind(result, descriptor.data)
    }
  }

  /// Memory that lives until the call ends.
  func allocate(_ bytes: CodeValue) -> CodeValue {
    let pointer = runtime.allocate(context, bytes: bytes)
    e.ifThen(e.compare(pointer, .equal, e.nullPointer)) { e.returnVoid() }
    return pointer
  }

  /// Bytes of a buffer; the largest number where they do not fit in 64 bits, which nobody can allocate.
  func byteCount(_ type: TensorType) -> CodeValue {
    extents(of: type).reduce(e.index(type.element.byteCount)) { e.saturatingProduct($0, value(of: $1)) }
  }
}

/// Stack that holds the arguments of a call, `void **` and `int64_t *`.
struct CallArea {
  struct Extent {
    var buffers: Int
    var sizes: Int

    func covers(_ other: Extent) -> Bool { buffers >= other.buffers && sizes >= other.sizes }
  }

  let extent: Extent
  let buffers: CodeValue
  let sizes: CodeValue
}

extension FunctionLowering {
  /// Calls a function of the module and returns the addresses that it leaves for its results.
  private func call(_ op: OpID, _ arguments: [CodeValue], sizes: [CodeValue], results: Int) -> [CodeValue] {
    guard let name = function.string("callee", of: op), let id = owner.module.find(name) else {
      preconditionFailure("a call in @\(function.name) of a function that the module has not")
    }
    let needed = CallArea.Extent(
      buffers: arguments.count + results, sizes: max(owner.module[id].symbols.count, sizes.count))
    let (buffers, numbers) = callArea(for: needed)
    for (index, argument) in arguments.enumerated() {
      e.store(argument, e.offset(buffers, e.types.pointer, by: index))
    }
    for (index, size) in sizes.enumerated() { e.store(size, e.offset(numbers, e.types.i64, by: index)) }
    e.call(owner.kernel(name), [context, buffers, numbers])
    returnIfStopped()
    return (0..<results).map {
      e.load(e.types.pointer, e.offset(buffers, e.types.pointer, by: arguments.count + $0))
    }
  }

  /// Stack for the arrays of a call. A callee reads them before it does anything else, so all calls of a function
  /// share one area; thousands of launches would otherwise take as many.
  private func callArea(for needed: CallArea.Extent) -> (buffers: CodeValue, sizes: CodeValue) {
    if let area = callArea, area.extent.covers(needed) { return (area.buffers, area.sizes) }
    var extent = needed
    function.forEachOp { op in
      switch function.opcode(of: op) {
      case .launch, .call:
        extent.buffers = max(extent.buffers, function.operandCount(of: op) + function.resultCount(of: op))
      case _: return
      }
      extent.sizes = max(extent.sizes, function.dims("sizes", of: op)?.count ?? 0)
    }
    let area = CallArea(
      extent: extent, buffers: e.stackSlot(e.types.pointer, count: max(1, extent.buffers)),
      sizes: e.stackSlot(e.types.i64, count: max(1, extent.sizes)))
    callArea = area
    return (area.buffers, area.sizes)
  }

  private func tensor(of value: ValueID) -> TensorParts {
    let buffer = buffer(value)
    precondition(buffer.type.layout == nil, "a custom op takes row-major operands")
    return TensorParts(type: buffer.type, data: buffer.pointer, dims: buffer.type.dims.map { self.value(of: $0) })
  }

  /// A result before the call: with memory where its size is known.
  private func emptyTensor(_ type: TensorType) -> TensorParts {
    let isOpen = type.dims.contains { dim in
      guard let symbol = dim.symbolID else { return false }
      return function.symbols[symbol].origin == .value
    }
    guard isOpen else {
      return TensorParts(type: type, data: allocate(byteCount(type)), dims: type.dims.map { value(of: $0) })
    }
    let dims = type.dims.map { dim in
      guard let symbol = dim.symbolID, function.symbols[symbol].origin == .value else { return value(of: dim) }
      return e.index(-1)
    }
    return TensorParts(type: type, data: e.nullPointer, dims: dims)
  }

  private func tensorArray(_ tensors: [TensorParts]) -> CodeValue {
    let array = e.stackSlot(e.types.i8, count: max(1, tensors.count) * MemoryLayout<apus_tensor>.stride, alignment: 8)
    for (index, tensor) in tensors.enumerated() {
      TensorDescriptor(e, array, index).fill(tensor)
    }
    return array
  }
}
