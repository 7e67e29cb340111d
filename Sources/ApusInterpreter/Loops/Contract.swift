import ApusIR
import ApusSupport
import ApusTensor

extension Run {
  /// out[o + i, + j] = epilogue(i, j, (accumulate ? out[o + i, + j] : 0) + Σ p lhs[l + i, + p] · rhs[r + p, + j]).
  func contract(_ step: Step, _ operands: [RuntimeValue], _ frame: Frame) throws {
    let function = frame.function
    let (lhs, rhs, out) = (operands[0].buffer, operands[1].buffer, operands[2].buffer)
    let (depth, rows, columns) = (operands[3].register.index, operands[4].register.index, operands[5].register.index)
    var rest = operands.dropFirst(6).map { $0.register.index }[...]
    let taps = function.ints("taps", of: step.op) ?? []
    func offsets(_ buffer: Buffer, _ axes: String, _ rows: Int, _ columns: Int, taps: [Int] = []) throws -> [Int] {
      let start = Array(rest.prefix(buffer.shape.count))
      rest = rest.dropFirst(buffer.shape.count)
      guard let axes = function.ints(axes, of: step.op) else { preconditionFailure("contract without \(axes)") }
      return try (0..<rows).flatMap { row in
        var index = start
        index[axes[0]] += taps.isEmpty ? row : row / taps.count
        if !taps.isEmpty { index[axes[1]] += taps[row % taps.count] }
        return try buffer.offsets(of: index, along: axes[1], stride: 1, count: columns)
      }
    }
    let left = lhs.load(try offsets(lhs, "lhs_axes", rows, depth), count: rows * depth)
    let right = rhs.load(try offsets(rhs, "rhs_axes", depth, columns, taps: taps), count: depth * columns)
    let places = try offsets(out, "out_axes", rows, columns)
    let start = function.bool("accumulate", of: step.op) == true ? out.load(places, count: places.count) : nil
    let sums: Elements
    switch (left, right) {
    case (.floats(let a), .floats(let b)):
      let start = start?.floats ?? Array(repeating: 0, count: places.count)
      sums = .floats(addingProducts(to: start, a, b, 1, rows, depth, columns) { $0 + $1 * $2 })
    case (.integers(let a), .integers(let b)):
      let start = start?.integers ?? Array(repeating: 0, count: places.count)
      sums = .integers(addingProducts(to: start, a, b, 1, rows, depth, columns) { $0 &+ $1 &* $2 })
    case (.floats, .integers), (.integers, .floats): preconditionFailure("contraction of a float and an integer")
    }
    let body = step.regions[0]
    if function.parameters(of: body).isEmpty {
      try out.store(sums, to: places)
    } else {
      try runEpilogue(body, sums, places, columns, out, frame)
    }
  }

  /// Runs the region on pieces of each row as long as its register; stores what it yields.
  private func runEpilogue(
    _ body: BlockID, _ sums: Elements, _ places: [Int], _ columns: Int, _ out: Buffer, _ frame: Frame
  ) throws {
    let type = frame.function.type(of: frame.function.parameters(of: body)[2])
    let rounded = sums.rounded(to: type.element)
    let outerLanes = activeLanes
    defer { activeLanes = outerLanes }
    for first in stride(from: 0, to: places.count, by: max(columns, 1)) {
      for column in stride(from: 0, to: columns, by: type.lanes) {
        let count = min(type.lanes, columns - column)
        let range = (first + column)..<(first + column + count)
        activeLanes = count
        let piece = Register(type.element, lanes: type.vectorLanes, rounded[range].padded(to: type.lanes))
        let arguments = [Register(index: first / columns), Register(index: column), piece]
        try enter(body, arguments.map { .register($0) }, frame)
        try out.store(try execute(body, frame)[0].register.elements, to: Array(places[range]))
      }
    }
  }
}
