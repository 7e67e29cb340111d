import ApusIR
import ApusTensor

/// Folds, windows and orders.
extension GraphDrawing {
  static let foldRules: [OpCode: Rule] = [
    .argMax: { drawing, choice in try drawing.argument(choice) },
    .argMin: { drawing, choice in try drawing.argument(choice) },
    .topK: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 1...4)
      let dims = drawing.type(x).dims
      let axis = drawing.draw.int(0...(dims.count - 1))
      let k: Dim = drawing.draw.chance(30) ? dims[axis] : .constant(drawing.draw.int(0...min(drawing.least(dims[axis]), 9)))
      return OpDraft(
        [x], of: drawing,
        [
          NamedAttribute("k", .dims([k])), NamedAttribute("axis", .int(axis)),
          NamedAttribute("largest", .bool(drawing.draw.chance(50))),
        ])
    },
    .reduceWindow: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 1...4)
      let dims = drawing.type(x).dims
      let axes = Array(dims.suffix(drawing.draw.int(1...dims.count)))
      let kind = NamedAttribute("kind", .name(drawing.draw.one(of: ["sum", "prod", "max", "min"])))
      return OpDraft([x], of: drawing, try drawing.window(axes) + [kind])
    },
    .maxPool: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 3...5)
      return OpDraft([x], of: drawing, try drawing.window(Array(drawing.type(x).dims[2...])))
    },
    .averagePool: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 3...5)
      let counts = NamedAttribute("count_padding", .bool(drawing.draw.chance(50)))
      return OpDraft([x], of: drawing, try drawing.window(Array(drawing.type(x).dims[2...])) + [counts])
    },
    .variance: { drawing, choice in
      var draft = try drawing.signatureDraft(choice)
      if drawing.draw.chance(30) { draft.attributes.append(NamedAttribute("correction", .int(1))) }
      return draft
    },
  ]

  private mutating func argument(_ choice: OpChoice) throws -> OpDraft {
    let x = try anchor(choice.types["T"] ?? .f32, rank: 1...4) { dims in dims.contains { ($0.constantValue ?? 1) > 0 } }
    let dims = type(x).dims
    guard let axis = draw.pick(dims.indices.filter { least(dims[$0]) > 0 }) else { throw NoFit() }
    return OpDraft(
      [x], of: self,
      [
        NamedAttribute("axis", .int(axis)), NamedAttribute("keep_dims", .bool(draw.chance(50))),
        NamedAttribute("last", .bool(draw.chance(50))),
      ])
  }

  /// A window that fits on axes, and how it moves.
  private mutating func window(_ axes: [Dim]) throws -> [NamedAttribute] {
    let moves = slidings(axes.count)
    var window: [Int] = []
    for (index, axis) in axes.enumerated() {
      let room = least(axis) + moves.before[index] + moves.after[index]
      guard room > 0 else { throw NoFit() }
      window.append(draw.int(1...min(4, (room - 1) / moves.dilations[index] + 1)))
    }
    return moves.attributes(&draw) + [NamedAttribute("window", .ints(window))]
  }

  /// How a window or a kernel moves over axes.
  struct Slidings {
    var strides: [Int]
    var dilations: [Int]
    var before: [Int]
    var after: [Int]

    func attributes(_ draw: inout Draw) -> [NamedAttribute] {
      var list: [NamedAttribute] = []
      func isNeeded(_ values: [Int], _ value: Int) -> Bool { values.contains { $0 != value } }
      if isNeeded(strides, 1) || draw.chance(30) { list.append(NamedAttribute("strides", .ints(strides))) }
      if isNeeded(dilations, 1) || draw.chance(30) { list.append(NamedAttribute("dilations", .ints(dilations))) }
      if isNeeded(before + after, 0) || draw.chance(30) { list.append(NamedAttribute("pads", .ints(before + after))) }
      return list
    }
  }

  mutating func slidings(_ count: Int) -> Slidings {
    func entries(_ choices: [Int]) -> [Int] { (0..<count).map { _ in draw.one(of: choices) } }
    return Slidings(
      strides: entries([1, 1, 1, 2, 3]), dilations: entries([1, 1, 1, 2]), before: entries([0, 0, 1, 2]),
      after: entries([0, 0, 1, 3]))
  }
}
