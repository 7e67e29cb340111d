import ApusIR

/// What fusion wants to know of a kernel.
struct KernelSummary: Sendable {
  var kind: KernelKind
  /// Ops of the body, its `yield` not counted.
  var ops = 0
  /// Work for one element, in light instructions.
  var cost = 0
  /// Pieces that concats and pads make.
  var pieces = 0
  /// Whether it reads at indices that data give, and so checks them.
  var isIndexed = false
  /// Whether all of its ops can stand on the way to an operand of a contraction.
  var isPackable = true
  /// Whether it changes no value but by conversion.
  var isTransport = true
  /// By operand.
  var accesses: [Access?]
  /// Cost of what other kernels compute, too.
  var recomputed = 0

  init(_ kernel: OpID, _ f: Function) {
    kind = .map
    accesses = f.accesses(of: kernel)
    var next = f.firstOp(of: f.region(0, of: kernel))
    while let op = next {
      let code = f.opcode(of: op)
      if code.isTerminator { break }
      ops += 1
      cost += code.elementCost
      switch code.kernelKind {
      case .map, nil: break
      case let other?: kind = other
      }
      switch code {
      case .concat: pieces += f.operandCount(of: op)
      case .pad: pieces += 2
      case .gather, .gatherElements, .gatherNd, .dynamicSlice: isIndexed = true
      case _: break
      }
      isPackable = isPackable && code.isPackable
      isTransport = isTransport && (code.elementCost == 0 || code == .convert || code == .dequantize)
      next = f.op(after: op)
    }
  }

  /// The kernel in which a producer stands before its reader, `self`.
  ///
  /// - Parameter accesses: how the merged kernel reads its operands.
  func following(_ producer: KernelSummary, accesses: [Access?], isCopy: Bool) -> KernelSummary {
    var merged = self
    if producer.kind != .map { merged.kind = producer.kind }
    merged.ops += producer.ops
    merged.cost += producer.cost
    merged.pieces += producer.pieces
    merged.isIndexed = isIndexed || producer.isIndexed
    merged.isPackable = isPackable && producer.isPackable
    merged.isTransport = isTransport && producer.isTransport
    merged.accesses = accesses
    merged.recomputed += isCopy ? producer.cost : producer.recomputed
    return merged
  }

  /// Whether each reader may compute it for itself.
  func isCheap(_ kernel: OpID, _ f: Function) -> Bool {
    guard kind == .map, cost <= FusionLimits.recomputedCost, pieces == 0, !isIndexed else { return false }
    // Reading two operands to make one tensor is no cheaper than reading that tensor.
    let size = try? f.type(of: f.result(of: kernel)).elementCount()
    return f.operands(of: kernel).count { (try? f.type(of: $0).elementCount()) == size } <= 1
  }
}

extension OpCode {
  /// Work for one element, in light instructions.
  fileprivate var elementCost: Int { Self.elementCosts[Int(rawValue)] }

  private static let elementCosts: [Int] = allCases.map { code in
    if code.isMovement { return 0 }
    if code.isElementwise {
      if (code.info.maxULP ?? 0) > 0 { return 16 }
      switch code {
      case .div, .rem, .sqrt: return 8
      case .quantize: return 5
      case .dequantize: return 3
      case _: return 1
      }
    }
    switch code {
    case .constant, .iota, .size: return 0
    case .randomBits: return 32
    case _: return 4
    }
  }

  /// Whether the packing of a contraction's operand, or the way to its epilogue, can compute it as it goes.
  fileprivate var isPackable: Bool {
    if isElementwise { return true }
    switch self {
    case .transpose, .broadcast, .slice, .reshape, .constant, .size: return true
    case _: return false
    }
  }
}
