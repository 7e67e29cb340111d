import ApusIR
import ApusSupport
import ApusTensor

extension ModelImport {
  /// The value of the function that an imported one stands for; what is static becomes a constant or is computed from sizes.
  func value(of imported: Imported) throws -> ValueID {
    switch imported {
    case .value(let value): return value
    case .constant(let constant):
      if let known = constant.value { return known }
      // At the start of the function: there every graph within it can read the constant.
      let outer = emitter.point
      emitter.point = .start(of: emitter.function.entry)
      defer { emitter.point = outer }
      let value = emitter.constant(ConstantTensor(constant.tensor))
      constant.value = value
      constants[value] = constant.tensor
      return value
    case .sizes(let dims, let shape, let element):
      if let tensor = constant(of: imported) { return try value(of: .constant(tensor)) }
      let meaning: Meaning = shape.isEmpty ? .size(dims[0]) : .sizes(dims)
      // Conditions are 1 or 0.
      let value = try emitter.value(of: meaning, as: element == .bool ? .s64 : element, at: emitter.place)
      return emitter.convert(emitter.reshape(value, to: shape.map { .constant($0) }), to: element)
    case .fractions(let fractions):
      if let tensor = constant(of: imported) { return try value(of: .constant(tensor)) }
      let numerators = try value(of: .sizes(fractions.dims, shape: fractions.shape, fractions.element))
      return try emitted(.div, [.value(numerators), .number(Double(fractions.denominator))])
    case .narrow(let carried, _): return try value(of: carried)
    case .sequence: throw DiagnosticError(.unsupported, id: "onnx.sequence", "a sequence stands where a tensor is needed")
    case .absent: throw DiagnosticError(id: "onnx.operand", "an operand that the operator needs is left out")
    case .poison: throw EmissionError.silent
    }
  }

  /// The tensor, if it is known while importing.
  func constant(of imported: Imported) -> Tensor? {
    switch imported {
    case .constant(let constant): return constant.tensor
    case .value(let value): return constants[value]
    case .sizes(let dims, let shape, let element):
      let sizes = dims.compactMap(\.constantValue)
      guard sizes.count == dims.count else { return nil }
      let tensor = Tensor(sizes.map { Int64($0) }, shape: shape)
      return element == .s64 ? tensor : tensor.mapped(to: element)
    case .fractions(let fractions):
      let numerators = fractions.dims.compactMap(\.constantValue)
      guard numerators.count == fractions.dims.count else { return nil }
      let numbers = numerators.map { Double($0) / Double(fractions.denominator) }
      return Tensor(numbers, shape: fractions.shape).mapped(to: fractions.element)
    case .narrow(let carried, _): return constant(of: carried)
    case .sequence, .absent, .poison: return nil
    }
  }

  /// Integers as sizes: those of a shape's arithmetic, or of a constant of rank 0 or 1.
  func dims(of imported: Imported) -> [Dim]? {
    if case .sizes(let dims, _, _) = imported { return dims }
    guard let tensor = constant(of: imported), tensor.rank <= 1, tensor.count <= 4_096, tensor.elementType.isInteger else { return nil }
    return (0..<tensor.count).map { .constant(tensor.integer(at: $0)) }
  }

  func type(of imported: Imported) -> TensorType? {
    switch imported {
    case .value(let value): emitter.type(of: value)
    case .constant(let constant):
      TensorType(constant.tensor.elementType, constant.tensor.shape.map { .constant($0) })
    case .sizes(_, let shape, let element): TensorType(element, shape.map { .constant($0) })
    case .fractions(let fractions): TensorType(fractions.element, fractions.shape.map { .constant($0) })
    case .narrow(let carried, _): type(of: carried)
    case .sequence, .absent, .poison: nil
    }
  }

  /// What has to be known for a value to be: the values of inputs, by name, and perhaps the shapes of all.
  func needs(of start: ValueID) -> (inputs: Set<String>, shapes: Bool) {
    let function = emitter.function
    var names: Set<String> = []
    var shapes = false
    var seen: Set<ValueID> = []
    var pending = [start]
    while let value = pending.popLast() {
      guard seen.insert(value).inserted else { continue }
      guard let op = function.definingOp(of: value) else {
        if let origin = function.parameterOrigin(of: value) {
          if origin.block == function.entry {
            if let name = function.name(of: value) { names.insert(name) }
          } else if let owner = function.owner(of: origin.block) {
            pending += function.operands(of: owner)
          }
        }
        continue
      }
      pending += function.operands(of: op)
      var blocks = function.regions(of: op)
      while let block = blocks.popLast() {
        for inner in function.ops(in: block) {
          pending += function.operands(of: inner)
          blocks += function.regions(of: inner)
        }
      }
      if function.opcode(of: op) == .size { shapes = true }
    }
    return (names, shapes)
  }
}

extension Tensor {
  func integer(at index: Int) -> Int {
    switch scalar(at: index) {
    case .signed(let value): Int(value)
    case .unsigned(let value): Int(clamping: value)
    case .bool(let value): value ? 1 : 0
    case .float(let value): Int(value.isNaN ? 0 : Swift.max(-9e18, Swift.min(9e18, value)))
    }
  }

  /// Each element converted.
  func mapped(to element: ElementType) -> Tensor? {
    guard var result = try? Tensor.uninitialized(element, shape: shape) else { return nil }
    for index in 0..<count { result.setScalar(scalar(at: index), at: index) }
    return result
  }
}
