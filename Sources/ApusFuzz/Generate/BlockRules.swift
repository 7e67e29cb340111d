import ApusIR
import ApusTensor

/// Composites of models: normalisations, attention, recurrent nets.
extension GraphDrawing {
  static let blockRules: [OpCode: Rule] = [
    .layerNorm: { drawing, choice in try drawing.norm(choice, scales: 2) },
    .rmsNorm: { drawing, choice in try drawing.norm(choice, scales: 1) },
    .groupNorm: { drawing, choice in
      var groups = 1
      var draft = try drawing.signatureDraft(choice, rank: 2...5, binding: { drawing, binding in
        groups = drawing.divisor(of: binding.dims["c"] ?? 1)
      })
      draft.attributes.append(NamedAttribute("groups", .int(groups)))
      return draft
    },
    .attention: { drawing, choice in
      let element = choice.types["T"] ?? .f32
      // No number of heads divides into none.
      let q = try drawing.anchor(element, rank: 4...4, where: { $0[1] != 0 }, or: { try $0.heads() })
      let dims = drawing.type(q).dims
      let keys: Dim
      if let heads = dims[1].constantValue, heads > 0 {
        keys = .constant(drawing.divisor(of: .constant(heads)))
      } else {
        keys = dims[1]
      }
      let length = drawing.draw.chance(40) ? dims[2] : try drawing.size()
      var operands = [
        drawing.type(q), TensorType(element, [dims[0], keys, length, dims[3]]),
        TensorType(element, [dims[0], keys, length, try drawing.size()]),
      ]
      if drawing.draw.chance(40) {
        operands.append(TensorType(element, drawing.repeatable([dims[0], dims[1], dims[2], length])))
      }
      let attributes = try drawing.attributes(choice.code.info, anchor: drawing.type(q))
      return OpDraft(operands, given: [0: q], attributes)
    },
    .rope: { drawing, choice in
      let element = choice.types["T"] ?? .f32
      let x = try drawing.anchor(element, rank: 4...4, or: { try $0.heads() })
      let dims = drawing.type(x).dims
      let pairs = Dim.constant(drawing.draw.int(0...min(drawing.least(dims[3]) / 2, 8)))
      let angles = TensorType(element, [dims[2], pairs])
      let attributes = [NamedAttribute("interleaved", .bool(drawing.draw.chance(50)))]
      return OpDraft([drawing.type(x), angles, angles], given: [0: x], attributes)
    },
    .lstm: { drawing, choice in try drawing.recurrent(choice, gates: 4) },
    .gru: { drawing, choice in try drawing.recurrent(choice, gates: 3) },
    .matmul: { drawing, choice in try drawing.signatureDraft(choice, rank: 2...4) },
    .matmulInteger: { drawing, choice in try drawing.signatureDraft(choice, rank: 2...4) },
  ]

  private mutating func norm(_ choice: OpChoice, scales: Int) throws -> OpDraft {
    let x = try anchor(choice.types["T"] ?? .f32, rank: 1...4)
    let type = type(x)
    var operands = [type]
    for _ in 0..<draw.int(0...scales) { operands.append(type.with(dims: repeatable(type.dims))) }
    return OpDraft(operands, given: [0: x], try attributes(choice.code.info, anchor: type))
  }

  /// [batch, heads, positions, features]
  private mutating func heads() throws -> [Dim] {
    [.constant(draw.int(1...2)), .constant(draw.one(of: [1, 2, 4])), try size(), .constant(draw.one(of: [2, 3, 4, 8, 16]))]
  }

  private mutating func recurrent(_ choice: OpChoice, gates: Int) throws -> OpDraft {
    let hidden = draw.one(of: [1, 2, 3, 4, 8])
    return try signatureDraft(choice, rank: 3...3, binding: { _, binding in
      binding.dims["g"] = .constant(gates * hidden)
      binding.dims["h"] = .constant(hidden)
      binding.dims["e"] = .constant(2 * gates * hidden)
    })
  }
}
