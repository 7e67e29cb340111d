import ApusIR
import ApusSupport
import ApusTensor

/// Changes that take a value through ops which give it back, or nearly so.
extension GraphMutation {
  /// Makes an operand somewhere what `way` makes of it.
  static func detour(
    _ drawing: inout GraphDrawing, _ way: (inout GraphDrawing, ValueID) throws -> ValueID
  ) throws {
    let op = try drawing.goToSomeOp(orEnd: true)
    let operands = drawing.function.operands(of: op)
    guard let index = drawing.draw.pick(operands.indices) else { throw GraphDrawing.NoFit() }
    let type = drawing.type(operands[index])
    let value = try way(&drawing, operands[index])
    guard drawing.type(value) == type else { throw GraphDrawing.NoFit() }
    drawing.function.setOperand(index, of: op, to: value)
  }

  static func convert(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let type = drawing.type(x)
    let other = try drawing.value(.convert, [x], stated: type.with(element: drawing.draw.one(of: ElementType.allCases)))
    return try drawing.value(.convert, [other], stated: type)
  }

  static func reshape(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let type = drawing.type(x)
    let dims = try drawing.reshaped(type.dims)
    let other = try drawing.value(.reshape, [x], stated: type.with(dims: dims))
    return try drawing.value(.reshape, [other], stated: type)
  }

  static func transpose(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let perm = drawing.draw.shuffled(0..<drawing.type(x).rank)
    let back = perm.indices.map { axis in perm.firstIndex(of: axis) ?? axis }
    let other = try drawing.value(.transpose, [x], [NamedAttribute("perm", .ints(perm))])
    return try drawing.value(.transpose, [other], [NamedAttribute("perm", .ints(back))])
  }

  static func reverse(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let axes = [NamedAttribute("axes", .ints(drawing.draw.some(of: 0..<drawing.type(x).rank)))]
    return try drawing.value(.reverse, [try drawing.value(.reverse, [x], axes)], axes)
  }

  static func splitAndConcat(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let dims = drawing.type(x).dims
    guard let axis = drawing.draw.pick(dims.indices) else { throw GraphDrawing.NoFit() }
    let cut = Dim.constant(drawing.draw.int(0...min(drawing.least(dims[axis]), 8)))
    func part(_ from: Dim, _ to: Dim) throws -> ValueID {
      var (starts, limits) = ([Dim](repeating: 0, count: dims.count), dims)
      starts[axis] = from
      limits[axis] = to
      return try drawing.value(
        .slice, [x], [NamedAttribute("starts", .dims(starts)), NamedAttribute("limits", .dims(limits))])
    }
    return try drawing.value(.concat, [try part(0, cut), try part(cut, dims[axis])], [NamedAttribute("axis", .int(axis))])
  }

  static func broadcastAndReduce(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let type = drawing.type(x)
    guard type.element != .bool else { throw GraphDrawing.NoFit() }
    let axis = drawing.draw.int(0...type.rank)
    var dims = type.dims
    dims.insert(.constant(drawing.draw.int(1...5)), at: axis)
    let axes = (0...type.rank).filter { $0 != axis }
    let wide = try drawing.value(.broadcast, [x], [NamedAttribute("axes", .ints(axes))], stated: type.with(dims: dims))
    let code: OpCode = drawing.draw.chance(50) ? .reduceMax : .reduceMin
    return try drawing.value(code, [wide], [NamedAttribute("axes", .ints([axis]))])
  }

  static func padAndSlice(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let type = drawing.type(x)
    let low = type.dims.map { _ in Dim.constant(drawing.draw.int(0...2)) }
    let high = type.dims.map { _ in Dim.constant(drawing.draw.int(0...2)) }
    let filler = try drawing.obtain(.scalar(type.element))
    let wide = try drawing.value(.pad, [x, filler], [NamedAttribute("low", .dims(low)), NamedAttribute("high", .dims(high))])
    let limits = try zip(low, type.dims).map { try Dim.sum($0, $1) }
    return try drawing.value(.slice, [wide], [NamedAttribute("starts", .dims(low)), NamedAttribute("limits", .dims(limits))])
  }

  static func select(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let type = drawing.type(x)
    let condition = try drawing.obtain(type.with(element: .bool))
    let other = try drawing.obtain(type)
    return try drawing.value(.select, drawing.draw.chance(50) ? [condition, x, other] : [condition, other, x])
  }

  static func branch(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let type = drawing.type(x)
    let condition = try drawing.obtain(.scalar(.bool))
    let op = drawing.function.insert(.if, [condition], results: [type], at: drawing.place)
    for region in drawing.function.regions(of: op) {
      try drawing.inRegion(region) { drawing in
        let value = drawing.draw.chance(50) ? x : try drawing.obtain(type)
        drawing.function.insert(.yield, [value], results: [], at: .end(of: region))
      }
    }
    return drawing.record(op)[0]
  }

  /// A loop that carries the value through a few turns.
  static func loop(_ drawing: inout GraphDrawing, _ x: ValueID) throws -> ValueID {
    let (counter, type) = (TensorType.scalar(.s64), drawing.type(x))
    func number(_ value: Int) -> [NamedAttribute] { [NamedAttribute("value", .scalar(.signed(Int64(value))))] }
    let start = try drawing.value(.constant, [], number(0), stated: counter)
    let limit = try drawing.value(.constant, [], number(drawing.draw.int(0...3)), stated: counter)
    let one = try drawing.value(.constant, [], number(1), stated: counter)
    let op = drawing.function.insert(.while, [start, x], results: [counter, type], at: drawing.place)
    let (test, body) = (drawing.function.region(0, of: op), drawing.function.region(1, of: op))
    for region in [test, body] {
      try drawing.inRegion(region) { drawing in
        let index = drawing.function.addParameter(counter, to: region)
        let carried = drawing.function.addParameter(type, to: region)
        drawing.local += [index, carried]
        if region == test {
          let goes = try drawing.value(.less, [index, limit])
          drawing.function.insert(.continue, [goes], results: [], at: .end(of: region))
        } else {
          let next = try drawing.value(.add, [index, one])
          let value = drawing.draw.chance(50) ? carried : try drawing.obtain(type)
          drawing.function.insert(.yield, [next, value], results: [], at: .end(of: region))
        }
      }
    }
    return drawing.record(op)[1]
  }
}
