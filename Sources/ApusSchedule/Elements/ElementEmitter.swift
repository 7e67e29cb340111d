import ApusIR
import ApusSupport
import ApusTensor

/// Computes single elements, or lanes of neighbouring ones, of the values of a kernel's body.
///
/// Work is driven by demand: asked for a value at a position, it asks for that value's operands at
/// the positions the op maps it to. This derives all index maps (broadcast, slice, transpose, pad,
/// concat …) where they are used, and computes nothing that is not needed.
struct ElementEmitter {
  /// The function the kernel stands in, in phase `fused`.
  let host: Function
  /// The kernel's symbols in terms of the lowered function's.
  let substitution: [SymbolID: SymbolID]
  var builder: LoopBuilder
  /// The buffer of each block parameter of the body.
  var buffers: [ValueID: ValueID]
  /// The part of the iteration space that is being computed, by axis.
  var domain: [Interval] = []
  /// Values that were computed before, as a function of their position.
  var known: [ValueID: Known] = [:]
  private var cache: [Request: ValueID] = [:]

  /// How a value that is not computed from its definition is had.
  enum Known {
    /// The same register wherever it is read: the result of a reduction.
    case register(ValueID)
    /// Read from memory at its own positions, from axis `firstAxis` on.
    case buffer(ValueID, firstAxis: Int)
  }

  fileprivate struct Request: Hashable {
    var value: ValueID
    var positions: [Position]
  }

  init(host: Function, substitution: [SymbolID: SymbolID], builder: LoopBuilder, buffers: [ValueID: ValueID]) {
    self.host = host
    self.substitution = substitution
    self.builder = builder
    self.buffers = buffers
  }

  /// A dimension of the host in terms of the lowered function's symbols.
  func local(_ dim: Dim) -> Dim {
    // Substituting symbols for symbols changes no value, so it cannot overflow where it did not before.
    (try? dim.substituting { .symbol(substitution[$0] ?? $0) }) ?? dim
  }

  mutating func size(_ dim: Dim) -> ValueID { builder.size(local(dim)) }

  func dims(of value: ValueID) -> [Dim] { host.type(of: value).dims }
  func element(of value: ValueID) -> ElementType { host.type(of: value).element }

  /// What had been computed when a region was entered.
  struct Scope {
    fileprivate var cache: [Request: ValueID]
    fileprivate var known: [ValueID: Known]
    fileprivate var trailing: TrailingFlat?
  }

  func openScope() -> Scope { Scope(cache: cache, known: known, trailing: trailing) }

  /// Forgets what was computed inside a region that has ended.
  mutating func close(_ scope: Scope) {
    cache = scope.cache
    known = scope.known
    trailing = scope.trailing
  }

  /// The value at the positions, one for each of its axes: a scalar register if all lanes agree.
  mutating func emit(_ value: ValueID, at positions: [Position]) throws -> ValueID {
    precondition(flat != nil || trailing != nil || positions.count == host.type(of: value).rank, "one position for each axis")
    if let found = known[value] {
      switch found {
      case .register(let register): return register
      case .buffer(let buffer, let firstAxis): return try load(buffer, Array(positions[firstAxis...]))
      }
    }
    let request = Request(value: value, positions: positions)
    if let register = cache[request] { return register }
    let register: ValueID
    if let op = host.definingOp(of: value) {
      register = try compute(op, result: value, at: positions)
    } else {
      let isTrailing = trailing.map { $0.shape == dims(of: value) } ?? false
      guard let buffer = isTrailing ? trailingViews[value] : buffers[value] else {
        preconditionFailure("a kernel's body reads only its parameters")
      }
      register = try load(buffer, positions)
    }
    cache[request] = register
    return register
  }

  /// Loads lanes whose index advances along at most one axis.
  mutating func load(_ buffer: ValueID, _ positions: [Position]) throws -> ValueID {
    let moving = positions.indices.filter { positions[$0].laneStride != 0 }
    let indices = positions.map(\.value)
    switch moving.count {
    case 0: return builder.load(buffer, indices)
    case 1:
      return builder.load(
        buffer, indices, lanes: lanes, along: moving[0], stride: positions[moving[0]].laneStride)
    default: throw NotVectorizable()
    }
  }

  /// Set where the kernel is computed over two flat axes.
  var flat: FlatShape?

  /// Set where values of the result's shape are computed with their trailing axes as one, and views of the operands that
  /// have this shape.
  var trailing: TrailingFlat?
  var trailingViews: [ValueID: ValueID] = [:]

  /// Lanes of the registers being computed; `nil` in scalar code.
  var lanes: Int?

  // MARK: Ops

  private mutating func compute(_ op: OpID, result: ValueID, at p: [Position]) throws -> ValueID {
    let code = host.opcode(of: op)
    if let flat {
      if code == .broadcast {
        // A scalar computed in the body has no axes; a parameter's view has those it covers.
        let source = host.operand(0, of: op)
        // What has the shape already is seen as both axes, be they of size 1.
        if dims(of: source) == flat.shape { return try emit(source, at: p) }
        let coverage = flat.coverage(of: dims(of: source), axes: host.ints("axes", of: op) ?? [])
        return try emit(source, at: flat.positions(coverage, of: p))
      }
    } else if let trailing, dims(of: result) == trailing.shape {
      if code == .broadcast {
        let source = host.operand(0, of: op)
        let zero = Position.fixed(builder.index(0))
        let at = trailing.positions(
          ofBroadcastFrom: dims(of: source), axes: host.ints("axes", of: op) ?? [], at: p, zero: zero)
        self.trailing = nil
        defer { self.trailing = trailing }
        return try emit(source, at: at)
      }
    } else if let movement = try positions(throughMovement: op, at: p) {
      return try emit(host.operand(0, of: op), at: movement)
    }
    switch code {
    case .constant: return constant(op, result)
    case .size:
      guard let dim = host.dims("of", of: op)?.first else { preconditionFailure("`size` has a dimension") }
      return size(dim)
    case .iota: return iota(op, result, at: p)
    case .concat: return try concat(op, at: p)
    case .pad: return try pad(op, at: p)
    case .gather, .gatherElements, .gatherNd, .dynamicSlice: return try gather(op, at: p)
    case .quantize: return try quantize(op, result, at: p)
    case .dequantize: return try dequantize(op, result, at: p)
    case .randomBits: return try randomBits(op, result, at: p)
    case _ where code.isElementwise:
      var operands: [ValueID] = []
      for operand in host.operands(of: op) {
        let isScalar = host.type(of: operand).rank == 0 && host.type(of: result).rank > 0
        operands.append(try emit(operand, at: isScalar ? [] : p))
      }
      if code == .exp { operands[0] = bounded(operands[0], exponent: host.operand(0, of: op)) }
      return elementwise(code, operands, element(of: result))
    default: preconditionFailure("\(code.name) inside a kernel that computes element by element")
    }
  }

  /// An elementwise op on registers, scalar ones spread over the lanes where others are vectors.
  mutating func elementwise(_ code: OpCode, _ operands: [ValueID], _ element: ElementType) -> ValueID {
    let width = operands.lazy.compactMap { [builder] in builder.type(of: $0).rank == 1 ? builder.type(of: $0).lanes : nil }
      .first
    let spread = operands.map { builder.splat($0, lanes: width) }
    return builder.emit(code, spread, .register(element, lanes: width))
  }

  private mutating func constant(_ op: OpID, _ result: ValueID) -> ValueID {
    switch host.attribute("value", of: op) {
    case .scalar(let value)?: return builder.literal(value, element(of: result), lanes: nil)
    case .tensor(let constant)? where constant.tensor.shape.isEmpty:
      return builder.literal(constant.tensor.scalar(at: 0), element(of: result), lanes: nil)
    default: preconditionFailure("tensor constants are operands of a kernel")
    }
  }

  private mutating func iota(_ op: OpID, _ result: ValueID, at p: [Position]) -> ValueID {
    let position = p[host.int("axis", of: op) ?? 0]
    var counter = position.value
    if position.laneStride != 0, let lanes {
      let steps = builder.emit(.lanes, [builder.index(0)], .register(.s64, lanes: lanes))
      let stride = isPlanted(.iotaForgetsItsLaneStride) ? 1 : position.laneStride
      let scaled = elementwise(.mul, [steps, builder.index(stride)], .s64)
      counter = elementwise(.add, [scaled, counter], .s64)
    }
    return builder.convert(counter, to: element(of: result))
  }
}
