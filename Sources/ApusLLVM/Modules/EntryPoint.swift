import ApusIR
internal import ApusRuntimeABI

/// The host function as the runtime calls it.
extension ModuleLowering {
  /// An `apus_entry` around a function: takes the sizes from the inputs' shapes, makes room for outputs that come
  /// without, and states the outputs' shapes.
  func lowerEntry(_ entry: CodeGenerator.Entry) {
    guard let id = module.find(entry.function) else {
      preconditionFailure("the entry @\(entry.function) is not in the module")
    }
    let function = module[id]
    let returned = function.returned
    let pointers = Array(repeating: CodeParameter(type: e.types.pointer), count: 3)
    e.function(generator.entrySymbol(entry.function), pointers, result: e.types.i32, isCold: true) { code in
      let (context, inputs, outputs) = (code.parameters[0], code.parameters[1], code.parameters[2])
      let buffers = e.stackSlot(e.types.pointer, count: max(1, function.parameters.count + returned.count))
      let sizes = e.stackSlot(e.types.i64, count: max(1, function.symbols.count))
      let lowering = FunctionLowering(
        self, function, context: context, sizes: sizes, buffers: buffers,
        aliases: AliasScopes(e, domain: entry.function, count: 0), scopes: [:])
      bindSizes(lowering, entry, inputs)
      for index in function.parameters.indices {
        let data =
          index < entry.inputCount
          ? TensorDescriptor(e, inputs, index).data : room(lowering, function, index, returned, outputs)
        e.store(data, e.offset(buffers, e.types.pointer, by: index))
      }
      e.call(kernel(entry.function), [context, buffers, sizes])
      let status = runtime.status(context)
      e.ifThen(e.compare(status, .equal, e.zero(status.type))) {
        for (index, value) in returned.enumerated() {
          let output = TensorDescriptor(e, outputs, index)
          let slot = e.offset(buffers, e.types.pointer, by: function.parameters.count + index)
          output.setData(e.load(e.types.pointer, slot))
          for (axis, dim) in function.type(of: value).dims.enumerated() {
            output.setExtent(axis, lowering.value(of: dim))
          }
        }
      }
      e.returnValue(runtime.status(context))
    }
  }
}

extension ModuleLowering {
  /// Stores the value of each symbol that the inputs' shapes decide: bare symbols first, then those that an
  /// expression alone leaves open. The caller has checked that all shapes agree.
  private func bindSizes(_ lowering: FunctionLowering, _ entry: CodeGenerator.Entry, _ inputs: CodeValue) {
    let function = lowering.function
    var open = Set(function.symbols.ids)
    for symbol in open { e.store(e.index(0), lowering.address(of: symbol)) }
    var dims = function.parameters.prefix(entry.inputCount).enumerated().flatMap { input, parameter in
      function.type(of: parameter).dims.enumerated().map { (input: input, axis: $0.offset, dim: $0.element) }
    }
    while let next = dims.firstIndex(where: { $0.dim.symbolID.map(open.contains) ?? false })
      ?? dims.firstIndex(where: { $0.dim.symbols.intersection(open).count == 1 })
    {
      let (input, axis, dim) = dims.remove(at: next)
      guard let symbol = dim.symbols.intersection(open).first else { continue }
      let extent = TensorDescriptor(e, inputs, input).extent(axis)
      let value = dim.symbolID == nil ? solution(of: dim, for: symbol, equals: extent, lowering) : extent
      e.store(value, lowering.address(of: symbol))
      open.remove(symbol)
    }
  }

  /// Where a linear expression takes a value, found from two others.
  private func solution(of dim: Dim, for symbol: SymbolID, equals extent: CodeValue, _ lowering: FunctionLowering)
    -> CodeValue
  {
    let values = [0, 1].map { trial in
      e.store(e.index(trial), lowering.address(of: symbol))
      return lowering.evaluate(dim)
    }
    let slope = e.sub(values[1], values[0])
    let safe = e.select(e.compare(slope, .equal, e.index(0)), e.index(1), slope)
    return e.quotient(e.sub(extent, values[0]), safe, signed: true)
  }

  /// The memory of an output: the caller's, or new.
  private func room(
    _ lowering: FunctionLowering, _ function: Function, _ parameter: Int, _ returned: [ValueID], _ outputs: CodeValue
  ) -> CodeValue {
    let value = function.parameters[parameter]
    guard let index = returned.firstIndex(of: value) else {
      preconditionFailure("parameter \(parameter) of @\(function.name) is neither an input nor returned")
    }
    let given = TensorDescriptor(e, outputs, index).data
    return e.ifElse(e.compare(given, .equal, e.nullPointer)) {
      let room = runtime.allocate(lowering.context, bytes: lowering.byteCount(function.type(of: value)))
      e.ifThen(e.compare(room, .equal, e.nullPointer)) { e.returnValue(runtime.status(lowering.context)) }
      return [room]
    } else: {
      [given]
    }[0]
  }
}

extension Function {
  /// What the function's `return` names.
  var returned: [ValueID] {
    guard let last = terminator(of: entry), opcode(of: last) == .return else { return [] }
    return operands(of: last)
  }
}

extension Dim {
  fileprivate var symbols: Set<SymbolID> {
    var found: Set<SymbolID> = []
    forEachSymbol { found.insert($0) }
    return found
  }
}
