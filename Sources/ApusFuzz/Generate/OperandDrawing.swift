import ApusIR
import ApusSupport
import ApusTensor

/// Operands: values that are there, values derived from them, and new ones.
extension GraphDrawing {
  /// A value of exactly this type.
  mutating func obtain(_ wanted: TensorType) throws -> ValueID {
    guard fits(wanted.dims) else { throw NoFit() }
    if draw.chance(65), let value = pick(where: { $0 == wanted }) { return value }
    if draw.chance(70), let value = try derive(wanted) { return value }
    return try make(wanted)
  }

  /// A value of an element type whose shape fits: one that is there, one converted, or a new one.
  mutating func anchor(
    _ element: ElementType, rank ranks: ClosedRange<Int> = 0...5, where isIncluded: ([Dim]) -> Bool = { _ in true },
    or shape: ((inout GraphDrawing) throws -> [Dim])? = nil
  ) throws -> ValueID {
    func isFitting(_ type: TensorType) -> Bool { ranks.contains(type.rank) && isIncluded(type.dims) }
    if let value = pick(where: { $0.element == element && isFitting($0) }) { return value }
    if draw.chance(80), let other = pick(where: isFitting) {
      return try value(.convert, [other], stated: type(other).with(element: element))
    }
    for _ in 0..<8 {
      let dims = try shape?(&self) ?? self.shape(rank(ranks))
      if ranks.contains(dims.count), isIncluded(dims), fits(dims) { return try make(TensorType(element, dims)) }
    }
    throw NoFit()
  }

  // MARK: Derived

  /// A value made of another by one op; `nil` where none is near enough.
  private mutating func derive(_ wanted: TensorType) throws -> ValueID? {
    switch draw.int(0...4) {
    case 0:
      guard let other = pick(where: { $0.dims == wanted.dims && $0.element != wanted.element }) else { return nil }
      if wanted.element == .bool, draw.chance(70) {
        let codes: [OpCode] = [.less, .lessEqual, .greater, .greaterEqual, .equal, .notEqual]
        return try value(draw.one(of: codes), [other, try obtain(type(other))])
      }
      return try value(.convert, [other], stated: wanted)
    case 1:
      guard let count = try? wanted.elementCount(),
        let other = pick(where: {
          $0.element == wanted.element && $0.dims != wanted.dims && (try? $0.elementCount()) == count
        })
      else { return nil }
      return try value(.reshape, [other], stated: wanted)
    case 2:
      guard let other = pick(where: { $0.element == wanted.element && $0.rank < wanted.rank }),
        let axes = places(of: type(other).dims, in: wanted.dims)
      else { return nil }
      return try value(.broadcast, [other], [NamedAttribute("axes", .ints(axes))], stated: wanted)
    case 3:
      // One number for each place along some of the axes, as of a bias.
      let axes = draw.some(of: wanted.dims.indices)
      guard axes.count < wanted.rank else { return nil }
      let part = wanted.with(dims: axes.map { wanted.dims[$0] })
      return try value(.broadcast, [try make(part)], [NamedAttribute("axes", .ints(axes))], stated: wanted)
    case _:
      guard let shape = wanted.constantShape,
        let other = pick(where: { type in
          guard type.element == wanted.element, let large = type.constantShape, large.count == shape.count else { return false }
          return large != shape && zip(large, shape).allSatisfy { $0 >= $1 }
        }), let large = type(other).constantShape
      else { return nil }
      let starts = zip(large, shape).map { draw.int(0...($0 - $1)) }
      return try value(
        .slice, [other],
        [
          NamedAttribute("starts", .dims(starts.map { .constant($0) })),
          NamedAttribute("limits", .dims(zip(starts, shape).map { .constant($0 + $1) })),
        ])
    }
  }

  /// Axes of a shape, in order, that a smaller shape can be repeated along.
  private mutating func places(of dims: [Dim], in wanted: [Dim]) -> [Int]? {
    var axes: [Int] = []
    var next = 0
    for (index, dim) in dims.enumerated() {
      let last = wanted.count - (dims.count - index)
      guard next <= last, let axis = draw.pick((next...last).filter { wanted[$0] == dim || isOne(dim) }) else { return nil }
      axes.append(axis)
      next = axis + 1
    }
    return axes
  }

  // MARK: New

  /// A new parameter, a weight, a filled tensor or a counter.
  mutating func make(_ wanted: TensorType) throws -> ValueID {
    guard fits(wanted.dims) else { throw NoFit() }
    let hasRoom = function.parameters.count < limits.parameters && !isSizedByData(wanted)
    switch draw.int(0...9) {
    case 0...5 where hasRoom: return function.addParameter(wanted, name: "x\(function.parameters.count)")
    case 6 where wanted.element != .bool && wanted.rank > 0:
      return try value(.iota, [], [NamedAttribute("axis", .int(draw.int(0...(wanted.rank - 1))))], stated: wanted)
    case 0...8:
      if let shape = wanted.constantShape { return try weight(wanted.element, shape) }
      fallthrough
    case _:
      return try filled(wanted)
    }
  }

  /// A tensor that is full of one number.
  mutating func filled(_ wanted: TensorType) throws -> ValueID {
    try value(.constant, [], [NamedAttribute("value", .scalar(filling(wanted.element)))], stated: wanted)
  }

  /// Whether a size is one that an op of this function defines: no parameter can have it.
  private func isSizedByData(_ type: TensorType) -> Bool { type.dims.contains { !definedSymbols(in: $0).isEmpty } }

  /// A constant tensor, sometimes one that compilers see through: the same number everywhere, or everywhere but once.
  mutating func weight(_ element: ElementType, _ shape: [Int]) throws -> ValueID {
    var tensor = try draw.tensor(element, shape, extremePercent: 5)
    if draw.chance(25), tensor.count > 0 {
      let (number, other) = (filling(element), tensor.scalar(at: 0))
      for index in 0..<tensor.count { tensor.setScalar(number, at: index) }
      if draw.chance(30) { tensor.setScalar(other, at: draw.int(0...(tensor.count - 1))) }
    }
    return try constant(tensor)
  }

  /// A number that a tensor may be full of.
  private mutating func filling(_ element: ElementType) -> Scalar {
    if draw.chance(40) { return draw.one(of: [.zero(element), .one(element)]) }
    return draw.chance(15) ? draw.powerOfTwo(element) : draw.scalar(element, extremePercent: 10)
  }

  mutating func constant(_ tensor: Tensor) throws -> ValueID {
    try value(
      .constant, [], [NamedAttribute("value", .tensor(ConstantTensor(tensor)))],
      stated: TensorType(tensor.elementType, tensor.shape.map { .constant($0) }))
  }

  // MARK: Indices

  /// Integers that are indices of an axis of size `limit`: known ones, or computed ones that are clamped.
  mutating func indices(_ element: ElementType, _ dims: [Dim], below limit: Dim) throws -> ValueID {
    let wanted = TensorType(element, dims)
    if let shape = wanted.constantShape, draw.chance(50) {
      let count = shape.reduce(1, *)
      guard least(limit) > 0 || count == 0 else { throw NoFit() }
      var tensor = try Tensor.zeros(element, shape: shape)
      for index in 0..<count { tensor.setScalar(.signed(Int64(draw.int(0...max(least(limit) - 1, 0)))), at: index) }
      return try constant(tensor)
    }
    let any = try obtain(wanted)
    // Now and then an index is wrong: every engine has to say so.
    if draw.chance(2) { return any }
    guard least(limit) > 0 else { throw NoFit() }
    let last = try value(.size, [], [NamedAttribute("of", .dims([try Dim.difference(limit, 1)]))])
    let narrow = element == .s64 ? last : try value(.convert, [last], stated: .scalar(element))
    let zero = try value(.constant, [], [NamedAttribute("value", .scalar(.signed(0)))], stated: .scalar(element))
    return try value(.clamp, [any, zero, narrow])
  }
}
