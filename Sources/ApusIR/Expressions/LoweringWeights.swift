import ApusSupport
import ApusTensor

/// An array that a `weight` asks of a file.
package struct WeightRequest: Sendable {
  /// As written; `nil` asks for the file that is called like the graph's.
  package var file: String?
  /// The array's name, where it was written.
  package var name: String?
  /// What the weight is bound to: the array's name where none was written.
  package var binding: String
}

extension ExpressionLowering {
  /// `weight f32[784, 10] …`: a constant. Its size is checked before anything is read or made.
  mutating func weight(_ weight: Syntax.WeightSyntax, _ range: Range<Int>) throws(EmissionError) -> Meaning {
    let element = weight.type.element
    var shape: [Int] = []
    for node in weight.type.dims {
      guard case .size(let dim) = try single(node), let size = dim.constantValue else {
        throw failed("weight.shape", "the sizes of a weight are constants", syntax[node].range)
      }
      shape.append(size)
    }
    at(weight.type.range)
    try emitter.check(TensorType(element, shape.map { .constant($0) }))
    at(range)
    guard let loadWeight else { throw failed("weight.place", "a weight can stand in a graph's file only", range) }
    let tensor: ConstantTensor
    switch weight.source {
    case .literal(let node): tensor = ConstantTensor(try literal(node, element, shape))
    case .random(let arguments): tensor = ConstantTensor(try random(arguments, element, shape, range))
    case .file(let file, let name, let fileRange):
      let request = WeightRequest(file: file, name: name, binding: weight.binding)
      tensor = try loaded(request, loadWeight, fileRange)
      try check(tensor.tensor, element, shape, fileRange)
    case .neighbour:
      tensor = try loaded(WeightRequest(binding: weight.binding), loadWeight, range)
      try check(tensor.tensor, element, shape, range)
    }
    return .value(emitter.constant(tensor))
  }

  private func loaded(
    _ request: WeightRequest, _ load: (WeightRequest) throws(DiagnosticError) -> ConstantTensor, _ range: Range<Int>
  ) throws(EmissionError) -> ConstantTensor {
    do {
      return try load(request)
    } catch {
      throw .failed(error.diagnostics.map { $0.moved(to: place(range)) })
    }
  }

  private func check(
    _ tensor: Tensor, _ element: ElementType, _ shape: [Int], _ range: Range<Int>
  ) throws(EmissionError) {
    guard tensor.elementType == element else {
      throw failed("weight.type", "the array is \(tensor.elementType)\(tensor.shape), not \(element)\(shape)", range)
    }
    guard tensor.shape == shape else {
      throw failed("weight.shape", "the array is \(tensor.elementType)\(tensor.shape), not \(element)\(shape)", range)
    }
  }

  private mutating func literal(
    _ node: NodeID, _ element: ElementType, _ shape: [Int]
  ) throws(EmissionError) -> Tensor {
    let meaning = try single(node)
    let range = syntax[node].range
    do {
      guard case .list(let list) = meaning else {
        let scalar = try emitter.scalar(meaning, as: element, at: place(range))
        return try Tensor(repeating: scalar, element, shape: shape)
      }
      guard !list.isRuntime else { throw failed("weight.literal", "a weight is made of literals only", range) }
      let count = try Tensor.byteCount(of: element, shape: shape) / element.byteCount
      guard list.leaves == count, list.shape == shape.map({ .constant($0) }) else {
        throw failed("weight.count", "the list is not of the shape \(shape)", range)
      }
      return try emitter.tensorLiteral(list, as: element, at: place(range))
    } catch let error as EmissionError {
      if case .failed(let found) = error, found.first?.id == "literal.shape" {
        throw failed("weight.count", "the list is not of the shape \(shape)", range)
      }
      throw error
    } catch let error as DiagnosticError {
      throw .failed(error.diagnostics.map { $0.moved(to: place(range)) })
    } catch {
      throw .silent
    }
  }

  // MARK: Random weights

  /// Most bytes of a random weight: it is made while compiling, by a short text.
  static let maximumRandomBytes = 1 << 32

  private mutating func random(
    _ arguments: [Syntax.Argument], _ element: ElementType, _ shape: [Int], _ range: Range<Int>
  ) throws(EmissionError) -> Tensor {
    var seed: UInt64?
    var scale: Double?
    for argument in arguments {
      let meaning = try single(argument.value)
      switch (argument.label, meaning) {
      case ("seed"?, .size(.constant(let value))) where seed == nil: seed = UInt64(bitPattern: Int64(value))
      case ("seed"?, .wide(let value)) where seed == nil: seed = value
      case ("scale"?, _) where scale == nil && meaning.asDouble?.isFinite == true: scale = meaning.asDouble
      default:
        throw failed("op.attribute", "random takes 'seed', an integer, and 'scale', a number", argument.range)
      }
    }
    guard let seed else { throw failed("op.attribute", "random needs a 'seed'", range) }
    guard element.isFloat else { throw failed("weight.type", "random weights are floats, not \(element)", range) }
    do {
      let bytes = try Tensor.byteCount(of: element, shape: shape)
      guard bytes <= Self.maximumRandomBytes else {
        throw failed("weight.size", "a random weight has at most 4 GiB, not \(bytes) bytes", range)
      }
      return try Tensor.uniform(element, shape: shape, seed: seed, scale: scale ?? 1)
    } catch let error as EmissionError {
      throw error
    } catch let error as DiagnosticError {
      throw .failed(error.diagnostics.map { $0.moved(to: place(range)) })
    } catch {
      throw .silent
    }
  }
}

extension Tensor {
  /// Values drawn uniformly from −scale ..< scale: `random_bits` of u32 (u64 for f64) keyed by `seed`,
  /// whose leading 24 (53) bits are the fraction of the way from −scale to scale, rounded to the type.
  package static func uniform(
    _ element: ElementType, shape: [Int], seed: UInt64, scale: Double
  ) throws(DiagnosticError) -> Tensor {
    let philox = Philox(key: seed)
    var tensor = try uninitialized(element, shape: shape)
    let count = tensor.count
    tensor.withUnsafeMutableBytes { bytes in
      if element == .f64 {
        for index in 0..<count {
          let block = philox.block(UInt64(index / 2))
          let (low, high) = index % 2 == 0 ? (block.0, block.1) : (block.2, block.3)
          let fraction = Double((UInt64(high) << 32 | UInt64(low)) >> 11) * 0x1p-53
          Scalar.float((2 * fraction - 1) * scale).store(to: bytes, at: index, as: element)
        }
        return
      }
      for start in stride(from: 0, to: count, by: 4) {
        let block = philox.block(UInt64(start / 4))
        for (offset, word) in [block.0, block.1, block.2, block.3].enumerated() where start + offset < count {
          let fraction = Double(word >> 8) * 0x1p-24
          Scalar.float((2 * fraction - 1) * scale).store(to: bytes, at: start + offset, as: element)
        }
      }
    }
    return tensor
  }
}

extension Diagnostic {
  /// The same at another place; its own place goes into the message.
  package func moved(to place: Place) -> Diagnostic {
    var moved = self
    moved.place = place
    switch self.place {
    case .file(let name): moved.message = "\(name): \(message)"
    case .node(let file, let description): moved.message = "\(file): \(description): \(message)"
    case .none, .text, .line, .swift: break
    }
    return moved
  }
}
