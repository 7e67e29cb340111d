import ApusIR
import ApusSupport
import ApusTensor

extension Run {
  /// Runs an op of phase `loops` whose operands are registers, or one that makes a constant or a size.
  func executeOnRegisters(_ step: Step, _ frame: Frame) throws {
    let result = step.results[0]
    let type = frame.resolvedTypes(step)[0]
    if case .source(let source) = step.family {
      let operation = Operation(
        code: step.code, operands: [], attributes: try frame.resolvedAttributes(of: step.op), results: [type],
        budget: budget)
      let tensor = try operation.make(source)
      switch type.form {
      case .buffer:
        frame.set(result, .buffer(try Buffer(tensor, layout: type.layout, isWritable: false, budget)))
      case .register: frame.set(result, .register(Register(type.element, lanes: type.vectorLanes, Elements(tensor))))
      case .tensor: frame.set(result, .tensor(tensor))
      }
      return
    }
    let elements = apply(step.family, step.operands.map { frame[$0].register }, type)
    frame.set(result, .register(Register(type.element, lanes: type.vectorLanes, elements)))
  }

  private func apply(_ family: OpFamily, _ operands: [Register], _ result: TensorType) -> Elements {
    let x = operands.map(\.elements)
    let type = operands[0].element
    switch family {
    case .unary(let op): return op.apply(x[0], type)
    case .binary(let op): return op.apply(x[0], x[1], type)
    case .comparison(let op): return op.apply(x[0], x[1], type)
    case .select: return selected(x[0].integers, x[1], x[2])
    case .convert: return converted(x[0], from: type, to: result.element)
    case .bitcast: return bitcast(x[0], from: type, to: result.element)
    case .fma: return fusedMultiplyAdd(x[0], x[1], x[2], type)
    case .quantize: return quantized(x[0], x[1], x[2], from: type, to: result.element)
    case .dequantize: return dequantized(x[0], x[1], x[2], from: type, to: result.element)
    case .movement, .indexing, .fold, .argument, .scan, .sort, .topK, .reduceWindow, .matmul, .conv, .source,
      .control, .memory, .composite:
      preconditionFailure("an op on tensors in phase loops")
    }
  }

  private func bitcast(_ elements: Elements, from source: ElementType, to target: ElementType) -> Elements {
    withUnsafeTemporaryAllocation(byteCount: elements.count * source.byteCount, alignment: 8) { bytes in
      elements.store(to: bytes, as: source)
      return Elements(UnsafeRawBufferPointer(bytes), as: target, count: elements.count)
    }
  }
}

extension TensorType {
  /// The lanes of a vector register; `nil` for a scalar one.
  var vectorLanes: Int? { dims.first?.constantValue }
}
