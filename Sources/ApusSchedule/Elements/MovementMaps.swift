import ApusIR
import ApusSupport
import ApusTensor

extension ElementEmitter {
  /// Where operand 0 of a movement op is read for the result at `p`; `nil` for other ops, and for
  /// `pad` and `concat`, which are piecewise.
  mutating func positions(throughMovement op: OpID, at p: [Position]) throws -> [Position]? {
    let operand = host.operands(of: op).first
    switch host.opcode(of: op) {
    case .broadcast:
      guard let operand, let axes = host.ints("axes", of: op) else { return nil }
      let result = dims(of: host.result(of: op))
      return try zip(axes, dims(of: operand)).map { axis, size in
        if size == 1 { return .fixed(builder.index(0)) }
        if host.symbols.equal(size, result[axis]) == .yes { return p[axis] }
        return try repeatedIfOne(p[axis], size)
      }
    case .transpose:
      guard let permutation = host.ints("perm", of: op) else { return nil }
      var source = p
      for (axis, from) in permutation.enumerated() { source[from] = p[axis] }
      return source
    case .slice:
      guard let starts = host.dims("starts", of: op), let strides = host.ints("strides", of: op) else { return nil }
      return p.indices.map { axis in
        affine(p[axis], scale: strides.isEmpty ? 1 : strides[axis], offset: starts[axis])
      }
    case .reverse:
      guard let operand, let axes = host.ints("axes", of: op) else { return nil }
      return p.indices.map { axis in
        guard axes.contains(axis), let last = try? Dim.difference(dims(of: operand)[axis], 1) else { return p[axis] }
        return affine(p[axis], scale: -1, offset: last)
      }
    case .reshape:
      guard let operand else { return nil }
      return try positions(throughReshapeFrom: dims(of: operand), to: dims(of: host.result(of: op)), at: p)
    default: return nil
    }
  }

  /// scale · p + offset, with lanes and the relation to the iteration space kept.
  mutating func affine(_ p: Position, scale: Int, offset: Dim) -> Position {
    let scaled = builder.multiply(p.value, scale)
    var result = Position(value: builder.add(scaled, size(offset)), laneStride: p.laneStride * scale)
    if let source = p.source, let moved = try? Dim.sum(Dim.product(.constant(scale), source.offset), local(offset)) {
      result.source = .init(axis: source.axis, scale: source.scale * scale, offset: moved)
    }
    return result
  }

  /// A position on an axis that is 1 or as large as the result's, which only the run knows.
  private mutating func repeatedIfOne(_ p: Position, _ size: Dim) throws -> Position {
    if p.laneStride != 0 { throw NotVectorizable() }
    let last = builder.subtract(self.size(size), builder.index(1))
    return .fixed(isPlanted(.openAxisIsTakenForWide) ? p.value : builder.minimum(p.value, last))
  }

  /// Row-major reshape. Axes of size 1 come and go for free, equal trailing axes keep their
  /// positions, and the rest goes through the linear index.
  private mutating func positions(throughReshapeFrom source: [Dim], to result: [Dim], at p: [Position]) throws
    -> [Position]
  {
    let kept = result.indices.filter { result[$0] != 1 }
    let wanted = source.indices.filter { source[$0] != 1 }
    var positions = [Position](repeating: .fixed(builder.index(0)), count: source.count)
    var (i, j) = (kept.count - 1, wanted.count - 1)
    while i >= 0, j >= 0, result[kept[i]] == source[wanted[j]] {
      positions[wanted[j]] = p[kept[i]]
      i -= 1
      j -= 1
    }
    if i < 0 && j < 0 { return positions }
    var linear = builder.index(0)
    for axis in kept[...max(i, -1)] {
      if p[axis].laneStride != 0 { throw NotVectorizable() }
      linear = builder.add(builder.multiply(linear, size(result[axis])), p[axis].value)
    }
    for axis in wanted[...max(j, -1)].reversed() {
      if axis == wanted.first {
        positions[axis] = .fixed(linear)
      } else {
        positions[axis] = .fixed(builder.remainder(linear, size(source[axis])))
        linear = builder.divide(linear, size(source[axis]))
      }
    }
    return positions
  }

  // MARK: Piecewise maps

  /// Whether an index lies at or after `boundary`, for all of the domain that is being computed.
  private func isAtLeast(_ boundary: Dim, _ p: Position) -> Trilean {
    guard let (low, high) = range(of: p) else { return .unknown }
    let symbols = builder.function.symbols
    if symbols.lessOrEqual(boundary, low) == .yes { return .yes }
    let next = isPlanted(.pieceReachesOneBeyond) ? 0 : 1
    if let above = try? Dim.sum(high, .constant(next)), symbols.lessOrEqual(above, boundary) == .yes { return .no }
    return .unknown
  }

  /// The least and greatest index over the domain.
  private func range(of p: Position) -> (low: Dim, high: Dim)? {
    guard let source = p.source, source.axis < domain.count, let last = try? Dim.difference(domain[source.axis].upper, 1)
    else { return nil }
    func at(_ counter: Dim) -> Dim? {
      try? Dim.sum(Dim.product(.constant(source.scale), counter), source.offset)
    }
    guard let first = at(domain[source.axis].lower), let end = at(last) else { return nil }
    return source.scale >= 0 ? (first, end) : (end, first)
  }

  mutating func concat(_ op: OpID, at p: [Position]) throws -> ValueID {
    let axis = host.int("axis", of: op) ?? 0
    var offset: Dim = 0
    var pieces: [(value: ValueID, start: Dim, end: Dim)] = []
    for input in host.operands(of: op) {
      let end = (try? Dim.sum(offset, dims(of: input)[axis])) ?? offset
      pieces.append((input, offset, end))
      offset = end
    }
    return try concat(pieces[...], axis: axis, at: p, element: element(of: host.result(of: op)))
  }

  private mutating func concat(
    _ pieces: ArraySlice<(value: ValueID, start: Dim, end: Dim)>, axis: Int, at p: [Position], element: ElementType
  ) throws -> ValueID {
    guard let piece = pieces.first else { preconditionFailure("a concat has inputs") }
    let back = (try? Dim.product(-1, piece.start)) ?? 0
    func here(_ emitter: inout ElementEmitter) throws -> ValueID {
      var moved = p
      moved[axis] = emitter.affine(p[axis], scale: 1, offset: back)
      return try emitter.emit(piece.value, at: moved)
    }
    if pieces.count == 1 { return try here(&self) }
    switch isAtLeast(local(piece.end), p[axis]) {
    case .no: return try here(&self)
    case .yes: return try concat(pieces.dropFirst(), axis: axis, at: p, element: element)
    case .unknown:
      return try choose(builder.compare(.less, p[axis].value, size(piece.end)), p, element) { emitter in
        try here(&emitter)
      } else: { emitter in
        try emitter.concat(pieces.dropFirst(), axis: axis, at: p, element: element)
      }
    }
  }

  mutating func pad(_ op: OpID, at p: [Position]) throws -> ValueID {
    guard let low = host.dims("low", of: op), let interior = host.ints("interior", of: op) else {
      preconditionFailure("pad has its attributes")
    }
    let x = host.operand(0, of: op)
    let value = host.operand(1, of: op)
    let sizes = dims(of: x)
    var moved = p
    var conditions: [ValueID] = []
    for axis in p.indices {
      let step = (interior.isEmpty ? 0 : interior[axis]) + 1
      let inner = affine(p[axis], scale: 1, offset: (try? Dim.product(-1, low[axis])) ?? 0)
      let reach = (try? Dim.product(sizes[axis], .constant(step))) ?? sizes[axis]
      switch isAtLeast(0, inner) {
      case .yes: break
      case .no: return try emit(value, at: [])
      case .unknown: conditions.append(builder.compare(.greaterEqual, inner.value, builder.index(0)))
      }
      // Beyond the last element lies padding, be it interior or after.
      let end = (try? Dim.difference(reach, .constant(step - 1))) ?? reach
      switch isAtLeast(local(end), inner) {
      case .no: break
      case .yes: return try emit(value, at: [])
      case .unknown: conditions.append(builder.compare(.less, inner.value, size(end)))
      }
      if step == 1 {
        moved[axis] = inner
      } else {
        if inner.laneStride != 0 { throw NotVectorizable() }
        let width = builder.index(step)
        conditions.append(builder.compare(.equal, builder.remainder(inner.value, width), builder.index(0)))
        moved[axis] = .fixed(builder.divide(inner.value, width))
      }
    }
    guard let first = conditions.first else { return try emit(x, at: moved) }
    let all = conditions.dropFirst().reduce(first) { builder.emit(.and, [$0, $1], .register(.bool)) }
    return try choose(all, p, element(of: x)) { emitter in
      try emitter.emit(x, at: moved)
    } else: { emitter in
      try emitter.emit(value, at: [])
    }
  }

  /// One of two values by a scalar condition. Lanes that may fall on both sides cannot share it.
  private mutating func choose(
    _ condition: ValueID, _ p: [Position], _ element: ElementType, then: (inout ElementEmitter) throws -> ValueID,
    else otherwise: (inout ElementEmitter) throws -> ValueID
  ) throws -> ValueID {
    if p.contains(where: { $0.laneStride != 0 }) { throw NotVectorizable() }
    let op = builder.emit(.if, [condition], [.register(element)])
    for index in 0...1 {
      let scope = openScope()
      let outer = builder.enter(region: index, of: op)
      let value = try index == 0 ? then(&self) : otherwise(&self)
      builder.leave(to: outer, yielding: [value])
      close(scope)
    }
    return builder.result(of: op)
  }
}
