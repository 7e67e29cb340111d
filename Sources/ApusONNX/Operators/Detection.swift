import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Operators of detectors: what lies in boxes, and which boxes remain.
  static var detection: [OperatorRule] {
    [
      OperatorRule("RoiAlign", value: { n in try RegionPooling(n).result() }),
      OperatorRule("NonMaxSuppression", value: { n in try BoxSelection(n).result() }),
    ]
  }
}

/// `RoiAlign`: the mean or maximum of samples in each cell of each region.
private struct RegionPooling {
  let n: NodeTranslation
  let isMean: Bool
  let rows: Dim
  let columns: Dim
  let samples: Int
  /// [batch, height, width, channels].
  let source: ValueID
  let rois: ValueID
  let entries: ValueID
  let height: Dim
  let width: Dim
  let wide: ElementType
  let offset: Double

  init(_ n: NodeTranslation) throws {
    self.n = n
    let mode = try n.string("mode", "avg")
    guard mode == "avg" || mode == "max" else { throw n.error("onnx.attribute", "there is no mode '\(mode)'") }
    isMean = mode == "avg"
    let sizes = try (n.int("output_height", 1), n.int("output_width", 1))
    samples = try n.int("sampling_ratio", 0)
    guard sizes.0 > 0, sizes.1 > 0, (0..<1 << 31).contains(samples) else {
      throw n.error("onnx.attribute", "a region has a cell at least in each direction, and each cell a number of samples")
    }
    (rows, columns) = (.constant(sizes.0), .constant(sizes.1))
    let x = try n.value(0)
    guard n.rank(x) == 4 else { throw n.error("onnx.operand", "the input has the axes batch, channel, height and width") }
    wide = n.element(x) == .f64 ? .f64 : .f32
    (height, width) = (n.dims(x)[2], n.dims(x)[3])
    source = try n.transpose(n.convert(x, to: wide), [0, 2, 3, 1])
    let scale = try n.float("spatial_scale", 1)
    offset = try n.string("coordinate_transformation_mode", n.version < 16 ? "output_half_pixel" : "half_pixel") == "half_pixel" ? 0.5 : 0
    let given = n.convert(try n.value(1), to: wide)
    rois = try n.call(.sub, [.value(n.call(.mul, [.value(given), .number(scale)])), .number(offset)])
    entries = n.convert(try n.value(2), to: .s64)
    guard n.rank(rois) == 2, n.dims(rois)[1] == 4, n.rank(entries) == 1 else {
      throw n.error("onnx.operand", "a region has four numbers and an index")
    }
    try n.context.emitter.require(n.dims(rois)[0], equals: n.dims(entries)[0])
  }

  private var count: Dim { n.dims(entries)[0] }

  /// A region's extent along one axis, cut into cells, each cut into samples; [regions, 1] all.
  private struct Axis {
    var start: ValueID
    var cell: ValueID
    var samples: ValueID
    let cells: Dim
    let length: Dim
  }

  private func axis(_ low: Int, _ high: Int, _ cells: Dim, _ length: Dim) throws -> Axis {
    func column(_ index: Int) throws -> ValueID {
      try n.call(.slice, [.value(rois)], ["starts": .sizes([0, .constant(index)]), "limits": .sizes([count, .constant(index + 1)])])
    }
    let start = try column(low)
    var extent = try n.call(.sub, column(high), start)
    if offset == 0 { extent = try n.call(.max, [.value(extent), .number(1)]) }
    let cell = try n.call(.div, [.value(extent), .number(Double(cells.constantValue ?? 1))])
    let samples = self.samples > 0 ? try n.filled(Double(self.samples), wide, [count, 1]) : try n.call(.ceil, cell)
    return Axis(start: start, cell: cell, samples: samples, cells: cells, length: length)
  }

  func result() throws -> ValueID {
    let vertical = try axis(1, 3, rows, height)
    let horizontal = try axis(0, 2, columns, width)
    // No sample where a region has no extent.
    let perCell = try n.call(.mul, [.value(n.call(.max, [.value(vertical.samples), .number(0)])), .value(n.call(.max, [.value(horizontal.samples), .number(0)]))])
    let dims = [count, rows, columns, n.dims(source)[3]]
    let limit: LoopLimit
    if samples > 0 {
      limit = .size(.constant(samples * samples))
    } else {
      let most = try n.call(.reduceMax, [.value(n.call(.max, [.value(perCell), .number(0)]))], ["axes": .ints([0, 1])])
      limit = .value(n.convert(most, to: .s64))
    }
    let plan = LoopPlan(limit: limit, initial: [try n.filled(0, wide, dims)], collected: 0)
    let (last, _) = try n.context.loop(plan) { counter, carried in
      let number = n.convert(counter, to: wide)
      let line = try n.call(.floor, n.call(.div, number, horizontal.samples))
      let place = try n.call(.sub, number, n.call(.mul, line, horizontal.samples))
      let sample = try self.sample(vertical, horizontal, line, place)
      let isReal = try n.reshape(n.call(.less, number, perCell), [count, 1, 1, 1])
      var next: ValueID
      if isMean {
        next = try n.call(.add, carried[0], sample)
      } else {
        let isFirst = try n.call(.equal, [.value(number), .number(0)])
        next = try n.call(.select, isFirst, sample, n.call(.max, carried[0], sample))
      }
      next = try n.call(.select, isReal, next, carried[0])
      return LoopRound(carried: [next], collected: [])
    }
    var sum = last[0]
    if isMean {
      let divisor = try n.call(.max, [.value(perCell), .number(1)])
      sum = try n.call(.div, sum, n.reshape(divisor, [count, 1, 1, 1]))
    }
    return n.convert(try n.transpose(sum, [0, 3, 1, 2]), to: try n.inputType(0).element)
  }

  /// The two elements around each cell's sample along one axis, [regions, cells], and their weights.
  private func neighbours(_ axis: Axis, _ sample: ValueID) throws -> (indices: [ValueID], weights: [ValueID]) {
    let cells = try n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([axis.cells]), "to": .elementType(wide)])
    let corner = try n.call(.add, axis.start, n.call(.mul, cells, axis.cell))
    let middle = try n.call(.add, [.value(sample), .number(0.5)])
    let place = try n.call(.add, corner, n.call(.div, n.call(.mul, middle, axis.cell), axis.samples))
    let length = n.convert(try n.value(of: axis.length), to: wide)
    let last = try n.call(.sub, [.value(length), .number(1)])
    let isOutside = try n.call(
      .or, n.call(.less, [.value(place), .number(-1)]), n.call(.greater, place, length))
    let inside = try n.call(.clamp, [.value(place), .number(0), .value(last)])
    let low = try n.call(.floor, inside)
    let high = try n.call(.min, n.call(.add, [.value(low), .number(1)]), last)
    let t = try n.call(.sub, inside, low)
    let weights = try [n.call(.sub, [.number(1), .value(t)]), t].map { try n.call(.select, [.value(isOutside), .number(0), .value($0)]) }
    return ([n.convert(low, to: .s64), n.convert(high, to: .s64)], weights)
  }

  /// A sample of each cell, [regions, rows, columns, channels].
  private func sample(_ vertical: Axis, _ horizontal: Axis, _ line: ValueID, _ place: ValueID) throws -> ValueID {
    let y = try neighbours(vertical, line)
    let x = try neighbours(horizontal, place)
    let cells = [count, rows, columns]
    func spread(_ value: ValueID, _ dims: [Dim]) throws -> ValueID {
      try n.reshape(n.context.emitter.broadcast(n.reshape(value, dims), to: cells), cells + [1])
    }
    let entry = try spread(entries, [count, 1, 1])
    var sum: ValueID?
    for (row, rowWeight) in zip(y.indices, y.weights) {
      for (column, columnWeight) in zip(x.indices, x.weights) {
        let indices = try n.call(
          .concat, [.value(entry), .value(spread(row, [count, rows, 1])), .value(spread(column, [count, 1, columns]))],
          ["axis": .integer(3)])
        let weight = try n.call(.mul, spread(rowWeight, [count, rows, 1]), spread(columnWeight, [count, 1, columns]))
        let part = try n.call(.mul, n.call(.gatherNd, source, indices), weight)
        // The maximum is one of the weighted neighbours, not of what they add up to.
        sum = try sum.map { try n.call(isMean ? .add : .max, $0, part) } ?? part
      }
    }
    return try sum ?? n.filled(0, wide, cells + [n.dims(source)[3]])
  }
}

/// `NonMaxSuppression`: round by round the best box of each class that overlaps none taken before.
private struct BoxSelection {
  let n: NodeTranslation

  init(_ n: NodeTranslation) { self.n = n }

  /// Coordinates and area of boxes, all of one shape.
  private struct Boxes {
    var top: ValueID
    var bottom: ValueID
    var left: ValueID
    var right: ValueID
    var area: ValueID

    func map(_ body: (ValueID) throws -> ValueID) rethrows -> Boxes {
      Boxes(top: try body(top), bottom: try body(bottom), left: try body(left), right: try body(right), area: try body(area))
    }
  }

  func result() throws -> ValueID {
    let (given, scores) = (try n.value(0), try n.value(1))
    guard n.rank(given) == 3, n.areEqual(n.dims(given)[2], 4) != .no, n.rank(scores) == 3 else {
      throw n.error("onnx.operand", "boxes are [batch, boxes, 4], and scores [batch, classes, boxes]")
    }
    let dims = n.dims(scores)
    try n.context.emitter.require(dims[0], equals: n.dims(given)[0])
    try n.context.emitter.require(n.dims(given)[2], equals: 4)
    try n.context.emitter.require(dims[2], equals: n.dims(given)[1])
    let boxes = try self.boxes(given)
    let overlap = try n.optionalValue(3).map { try n.reshape($0, []) } ?? n.scalar(0, n.element(given))
    var live = n.context.emitter.broadcast(try n.constant(Tensor(repeating: .bool(true), .bool, shape: [])), to: dims)
    if let least = try n.optionalValue(4) { live = try n.call(.greater, scores, n.reshape(least, [])) }
    let most = try n.optionalValue(2).map { n.convert(try n.reshape($0, []), to: .s64) } ?? n.scalar(0, .s64)
    let limit = try n.call(.min, [.value(most), .size(dims[2])])
    let plan = LoopPlan(limit: .value(limit), condition: try any(live), initial: [live], collected: 2, rows: dims[2])
    let (_, rows) = try n.context.loop(plan) { _, carried in
      let candidates = try n.call(.select, [.value(carried[0]), .value(scores), .number(-.infinity)])
      let best = try n.call(.argMax, candidates, attributes: ["axis": .integer(2), "keep_dims": .bool(true)])
      let isTaken = try n.call(.gatherElements, carried[0], best, attributes: ["axis": .integer(2)])
      let flat = try n.reshape(best, Array(dims.prefix(2)))
      let chosen = try boxes.map {
        try n.reshape(n.call(.gatherElements, $0, flat, attributes: ["axis": .integer(1)]), [dims[0], dims[1], 1])
      }
      let others = try boxes.map { try n.reshape($0, [dims[0], 1, dims[2]]) }
      let indices = try n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([dims[2]]), "to": .elementType(.s64)])
      let isDropped = try n.call(.or, n.call(.equal, indices, best), overlaps(chosen, others, overlap))
      let remain = try n.call(.and, carried[0], n.call(.not, n.call(.and, isDropped, isTaken)))
      return LoopRound(
        condition: try any(remain), carried: [remain], collected: [flat, try n.reshape(isTaken, Array(dims.prefix(2)))])
    }
    // Batch and class come before the order in which boxes were taken.
    let chosen = try n.transpose(rows[0], [1, 2, 0])
    let places = try n.transpose(n.call(.nonZero, n.transpose(rows[1], [1, 2, 0])), [1, 0])
    let count = n.dims(places)[0]
    let box = try n.reshape(n.call(.gatherNd, chosen, places), [count, 1])
    let owners = try n.call(.slice, [.value(places)], ["starts": .sizes([0, 0]), "limits": .sizes([count, 2])])
    return try n.call(.concat, [.value(owners), .value(box)], ["axis": .integer(1)])
  }

  private func any(_ live: ValueID) throws -> ValueID { try n.call(.reduceOr, [.value(live)], ["axes": .ints([0, 1, 2])]) }

  private func boxes(_ given: ValueID) throws -> Boxes {
    let dims = n.dims(given)
    let parts = try (0..<4).map { index in
      let part = try n.call(
        .slice, [.value(given)],
        ["starts": .sizes([0, 0, .constant(index)]), "limits": .sizes([dims[0], dims[1], .constant(index + 1)])])
      return try n.reshape(part, Array(dims.prefix(2)))
    }
    let (top, bottom, left, right): (ValueID, ValueID, ValueID, ValueID)
    if try n.flag("center_point_box") {
      let halves = try parts[2...3].map { try n.call(.mul, [.value($0), .number(0.5)]) }
      (left, right) = (try n.call(.sub, parts[0], halves[0]), try n.call(.add, parts[0], halves[0]))
      (top, bottom) = (try n.call(.sub, parts[1], halves[1]), try n.call(.add, parts[1], halves[1]))
    } else {
      (top, bottom) = (try n.call(.min, parts[0], parts[2]), try n.call(.max, parts[0], parts[2]))
      (left, right) = (try n.call(.min, parts[1], parts[3]), try n.call(.max, parts[1], parts[3]))
    }
    let area = try n.call(.mul, n.call(.sub, right, left), n.call(.sub, bottom, top))
    return Boxes(top: top, bottom: bottom, left: left, right: right, area: area)
  }

  /// Whether the intersection is more than this part of the union.
  private func overlaps(_ a: Boxes, _ b: Boxes, _ part: ValueID) throws -> ValueID {
    func extent(_ low: (ValueID, ValueID), _ high: (ValueID, ValueID)) throws -> ValueID {
      try n.call(.max, [.value(n.call(.sub, n.call(.min, high.0, high.1), n.call(.max, low.0, low.1))), .number(0)])
    }
    let shared = try n.call(.mul, extent((a.top, b.top), (a.bottom, b.bottom)), extent((a.left, b.left), (a.right, b.right)))
    let union = try n.call(.sub, n.call(.add, a.area, b.area), shared)
    let isLarge = try n.call(.greater, n.call(.div, shared, union), part)
    // Boxes without area overlap nothing, whatever the quotient.
    let areReal = try n.call(.greater, [.value(n.call(.min, n.call(.min, a.area, b.area), n.call(.min, shared, union))), .number(0)])
    return try n.call(.and, isLarge, areReal)
  }
}
