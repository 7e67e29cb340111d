import ApusIR
import ApusTensor

/// Ops that fold axes, run along them, or order their elements.
extension GraphExport {
  func reduce(_ name: String, _ x: Exported, _ op: OpID) throws -> Exported {
    let axes = ints("axes", op)
    if axes.isEmpty { return x }
    let element = x.element
    var wide = try carrier(element, of: name)
    let isSum = name == "ReduceSum" || name == "ReduceProd"
    // Sums of narrow floats are taken in f32 and rounded once.
    if isSum, element == .f16 || element == .bf16 { wide = .f32 }
    var result = node(
      name, [cast(x, to: wide), integers(axes)], ["keepdims": .int(flag("keep_dims", op) ? 1 : 0)], wide)
    if !isSum, wide != element, element.isInteger {
      // Of no elements it is the end of the wider type's range.
      let isLargest = name == "ReduceMax"
      let end = scalar((isLargest ? element.least : element.most).converted(to: wide), wide)
      result = node(isLargest ? "Max" : "Min", [result, end], wide)
    }
    return cast(result, to: element)
  }

  /// Bool is folded as 0 and 1; the bits of integers are bools along an axis of their own.
  func reduceBits(_ x: Exported, _ op: OpID, isAnd: Bool) throws -> Exported {
    let axes = ints("axes", op)
    if axes.isEmpty { return x }
    let name = isAnd ? "ReduceMin" : "ReduceMax"
    let keeps: ModelWriter.Attribute = .int(flag("keep_dims", op) ? 1 : 0)
    func folded(_ bits: Exported) -> Exported {
      // Of no elements it is the end of the type's range: it is brought back to 0 and 1.
      let fold = node(name, [bits, integers(axes)], ["keepdims": keeps], bits.element)
      return isAnd ? node("Min", [fold, one(like: fold)], fold.element) : node("Max", [fold, zero(like: fold)], fold.element)
    }
    if x.element == .bool { return cast(folded(cast(x, to: .s32)), to: .bool) }
    let unsigned = x.element.unsigned
    var places = try Tensor.zeros(unsigned, shape: [x.element.bitWidth])
    for bit in 0..<x.element.bitWidth { places.setScalar(.unsigned(UInt64(bit)), at: bit) }
    let shifts = constant(places)
    let wide = unsqueeze(cast(x, to: unsigned), [operandType(0, op).rank])
    let moved = node("BitShift", [wide, shifts], ["direction": "RIGHT"], unsigned)
    let bits = node("BitwiseAnd", [moved, one(like: moved)], unsigned)
    let result = cast(folded(cast(bits, to: .s32)), to: unsigned)
    let back = node("BitShift", [result, shifts], ["direction": "LEFT"], unsigned)
    // Each bit is one of its own, so that the sum is their union.
    let sum = node("ReduceSum", [cast(back, to: .u64), integers([-1])], ["keepdims": 0], .u64)
    return cast(sum, to: x.element)
  }

  func argument(_ name: String, _ x: Exported, _ op: OpID) throws -> Exported {
    let wide = try carrier(x.element, of: name)
    return node(
      name, [cast(x, to: wide)],
      [
        "axis": .int(int("axis", op)), "keepdims": .int(flag("keep_dims", op) ? 1 : 0),
        "select_last_index": .int(flag("last", op) ? 1 : 0),
      ], .s64)
  }

  // MARK: Along an axis

  func scan(_ x: Exported, _ op: OpID) throws -> Exported {
    let (axis, kind) = (int("axis", op), text("kind", op))
    let (isExclusive, isReversed) = (flag("exclusive", op), flag("reverse", op))
    // Narrow floats accumulate in f32.
    let element: ElementType = x.element == .f16 || x.element == .bf16 ? .f32 : x.element
    let wide = cast(x, to: element)
    if kind == "sum" {
      let carrier = try carrier(element, of: "CumSum")
      let sum = node(
        "CumSum", [cast(wide, to: carrier), integer(axis)],
        ["exclusive": .int(isExclusive ? 1 : 0), "reverse": .int(isReversed ? 1 : 0)], carrier)
      return cast(sum, to: x.element)
    }
    var dims = type(of: op).dims
    dims.remove(at: axis)
    let start = try expand(scalar(neutral(kind, element), element), to: dims)
    let (state, entry) = (
      Exported(name: name("state"), element: element), Exported(name: name("entry"), element: element)
    )
    let inputs = [state, entry].map { ModelWriter.Value.tensor($0.name, element, nil) }
    let body = try graph("step", inputs: inputs) {
      let next = try apply(kind == "prod" ? "Mul" : kind == "max" ? "Max" : "Min", [state, entry])
      return [next, isExclusive ? state : next]
    }
    let results = nodes(
      "Scan", [start, wide],
      [
        "body": .graph(body), "num_scan_inputs": 1, "scan_input_axes": [axis], "scan_output_axes": [axis],
        "scan_input_directions": [isReversed ? 1 : 0], "scan_output_directions": [isReversed ? 1 : 0],
      ], [element, element])
    return cast(results[1], to: x.element)
  }

  /// What a fold of nothing gives.
  func neutral(_ kind: String, _ element: ElementType) -> Scalar {
    switch kind {
    case "sum": .zero(element)
    case "prod": .one(element)
    case "max": element.isFloat ? .float(-.infinity) : element.least
    case _: element.isFloat ? .float(.infinity) : element.most
    }
  }

  /// `TopK` keeps the order of equal elements, and says nothing of NaN: floats are ordered as if they were infinite, and then
  /// by whether they are NaN.
  func sorted(_ op: OpID, isTop: Bool) throws -> [Exported] {
    let x = try value(frame.function.operand(0, of: op))
    let (axis, size) = (int("axis", op), operandType(0, op).dims[int("axis", op)])
    let isDescending = isTop ? flag("largest", op) : flag("descending", op)
    let count = isTop ? try sizes(dims("k", op)) : try self.size(size)
    let wide = cast(x, to: try carrier(x.element, of: "TopK"))
    guard x.element.isFloat else {
      let results = topK(wide, count, axis, isDescending)
      return [cast(results[0], to: x.element), results[1]]
    }
    let whole = try self.size(size)
    let isNaN = node("IsNaN", [wide], .bool)
    let plain = choose(isNaN, number(.infinity, wide.element), wide)
    let first = topK(plain, whole, axis, isDescending)[1]
    let marks = node("GatherElements", [cast(isNaN, to: .s32), first], ["axis": .int(axis)], .s32)
    let second = topK(marks, count, axis, isDescending)[1]
    let places = node("GatherElements", [first, second], ["axis": .int(axis)], .s64)
    return [node("GatherElements", [x, places], ["axis": .int(axis)], x.element), places]
  }

  private func topK(_ x: Exported, _ count: Exported, _ axis: Int, _ isLargest: Bool) -> [Exported] {
    nodes("TopK", [x, count], ["axis": .int(axis), "largest": .int(isLargest ? 1 : 0), "sorted": 1], [x.element, .s64])
  }

  // MARK: Windows

  /// The places within a window one after the other, each a slice with steps; `MaxPool` for maxima of the types it takes.
  func reduceWindow(_ x: Exported, _ op: OpID) throws -> Exported {
    let (kind, window, own) = (text("kind", op), ints("window", op), operandType(0, op).dims)
    let first = own.count - window.count
    let strides = ints("strides", op).isEmpty ? window.map { _ in 1 } : ints("strides", op)
    let dilations = ints("dilations", op).isEmpty ? window.map { _ in 1 } : ints("dilations", op)
    let pads = ints("pads", op).isEmpty ? Array(repeating: 0, count: 2 * window.count) : ints("pads", op)
    let places = window.reduce(1, *)
    guard places <= 256 else { throw Inexpressible("a window of \(places) elements takes as many nodes") }
    let element: ElementType = (kind == "sum" || kind == "prod") && (x.element == .f16 || x.element == .bf16) ? .f32 : x.element
    var (padded, sizes) = (cast(x, to: element), own)
    if pads.contains(where: { $0 != 0 }) {
      let leading = Array(repeating: 0, count: first)
      let amounts = leading + pads[..<window.count] + leading + pads[window.count...]
      padded = node("Pad", [padded, integers(amounts), scalar(neutral(kind, element), element)], element)
      for axis in window.indices {
        sizes[first + axis] = try Dim.sum(sizes[first + axis], .constant(pads[axis] + pads[window.count + axis]))
      }
    }
    let counts = type(of: op).dims
    var result: Exported?
    for place in 0..<places {
      var (rest, offsets) = (place, window.map { _ in 0 })
      for axis in window.indices.reversed() { (rest, offsets[axis]) = (rest / window[axis], rest % window[axis]) }
      var (starts, limits, steps) = (sizes.map { _ in Dim.constant(0) }, sizes, sizes.map { _ in 1 })
      for axis in window.indices {
        let start = offsets[axis] * dilations[axis]
        let reach = try Dim.product(Dim.difference(counts[first + axis], 1), .constant(strides[axis]))
        starts[first + axis] = .constant(start)
        limits[first + axis] = try Dim.sum(reach, .constant(start + 1))
        steps[first + axis] = strides[axis]
      }
      let part = try slice(padded, sizes, starts, limits, steps)
      result = try result.map { try apply(Self.combining[kind] ?? "Add", [$0, part]) } ?? part
    }
    guard let result else { return try expand(scalar(neutral(kind, x.element), x.element), to: counts) }
    return cast(result, to: x.element)
  }

  static let combining = ["sum": "Add", "prod": "Mul", "max": "Max", "min": "Min"]
}
