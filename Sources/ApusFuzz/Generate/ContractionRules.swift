import ApusIR
import ApusTensor

/// Convolutions and what looks at images.
extension GraphDrawing {
  static let contractionRules: [OpCode: Rule] = [
    .conv: { drawing, choice in try drawing.convolution(choice, choice.types["T"] ?? .f32, choice.types["T"] ?? .f32) },
    .convInteger: { drawing, choice in
      try drawing.convolution(choice, choice.types["A"] ?? .u8, choice.types["B"] ?? .s8)
    },
    .convTranspose: { drawing, choice in
      let element = choice.types["T"] ?? .f32
      let x = try drawing.anchor(element, rank: 3...5, where: { $0[1].constantValue != nil }, or: { try $0.image() })
      let dims = drawing.type(x).dims
      let axes = dims.count - 2
      let groups = drawing.divisor(of: dims[1])
      let moves = drawing.slidings(axes)
      var kernel: [Int] = []
      for index in 0..<axes {
        // What the padding cuts off must be there.
        let cut = moves.before[index] + moves.after[index]
        let spread = max(drawing.least(dims[index + 2]) - 1, 0) * moves.strides[index]
          + (drawing.least(dims[index + 2]) > 0 ? 1 : 0)
        let missing = max(cut - spread, spread == 0 ? 1 : 0)
        kernel.append((missing + moves.dilations[index] - 1) / moves.dilations[index] + drawing.draw.int(1...3))
      }
      let w = TensorType(element, [dims[1], .constant(drawing.draw.int(1...4))] + kernel.map { .constant($0) })
      var attributes = moves.attributes(&drawing.draw) + [NamedAttribute("groups", .int(groups))]
      if drawing.draw.chance(30) {
        attributes.append(NamedAttribute("output_pads", .ints((0..<axes).map { _ in drawing.draw.int(0...1) })))
      }
      return OpDraft([drawing.type(x), w], given: [0: x], attributes)
    },
  ]

  static let imageRules: [OpCode: Rule] = [
    .depthToSpace: { drawing, choice in
      let x = try drawing.anchor(
        choice.types["T"] ?? .f32, rank: 4...4, where: { $0[1].constantValue != nil }, or: { try $0.image(4, of: [4, 8, 9]) })
      let channels = drawing.type(x).dims[1].constantValue ?? 1
      let blocks = (1...4).filter { channels % ($0 * $0) == 0 }
      return OpDraft(
        [x], of: drawing,
        [
          NamedAttribute("block", .int(drawing.draw.one(of: blocks))),
          NamedAttribute("mode", .name(drawing.draw.one(of: ["dcr", "crd"]))),
        ])
    },
    .spaceToDepth: { drawing, choice in
      let x = try drawing.anchor(
        choice.types["T"] ?? .f32, rank: 4...4, where: { $0[2...].allSatisfy { $0.constantValue != nil } },
        or: { drawing in
          [try drawing.size(), .constant(drawing.draw.int(1...3))]
            + [2, 2].map { .constant($0 * drawing.draw.int(1...3)) }
        })
      let (height, width) = (drawing.type(x).dims[2].constantValue ?? 1, drawing.type(x).dims[3].constantValue ?? 1)
      let blocks = (1...4).filter { height % $0 == 0 && width % $0 == 0 }
      return OpDraft([x], of: drawing, [NamedAttribute("block", .int(drawing.draw.one(of: blocks)))])
    },
    .resizeAxis: { drawing, choice in
      var draft = try drawing.signatureDraft(choice, rank: 1...4) { dims in dims.allSatisfy { ($0.constantValue ?? 1) > 0 } }
      draft.attributes.removeAll { $0.name == "scale" || $0.name == "cubic_coefficient" }
      draft.attributes.append(NamedAttribute("size", .dims([.constant(drawing.constantSize(0...9))])))
      if drawing.draw.chance(30) { draft.attributes.append(NamedAttribute("scale", .float(drawing.draw.one(of: [0.5, 1.5, 2])))) }
      draft.attributes += drawing.cubicCoefficient()
      // Of an axis without elements there is nothing to sample.
      guard draft.operands[0].dims.allSatisfy({ drawing.least($0) > 0 }) else { throw NoFit() }
      return draft
    },
    .resize: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 3...5, where: { $0.allSatisfy { ($0.constantValue ?? 1) > 0 } })
      let type = drawing.type(x)
      guard type.dims.allSatisfy({ drawing.least($0) > 0 }) else { throw NoFit() }
      var attributes = try drawing.attributes(choice.code.info, anchor: type).filter { $0.name != "cubic_coefficient" }
      attributes += drawing.cubicCoefficient()
      let axes = type.rank - 2
      attributes.append(NamedAttribute("sizes", .dims((0..<axes).map { _ in .constant(drawing.constantSize(1...7)) })))
      if drawing.draw.chance(30) {
        attributes.append(NamedAttribute("scales", .floats((0..<axes).map { _ in drawing.draw.one(of: [0.5, 1.5, 2]) })))
      }
      return OpDraft([x], of: drawing, attributes)
    },
  ]

  /// Those that libraries know.
  private mutating func cubicCoefficient() -> [NamedAttribute] {
    draw.chance(30) ? [NamedAttribute("cubic_coefficient", .float(draw.one(of: [-0.5, -0.75, -1])))] : []
  }

  /// [batch, channels, spatial …] with known channels.
  mutating func image(_ rank: Int? = nil, of channels: [Int] = [1, 2, 3, 4, 6]) throws -> [Dim] {
    let spatial = rank ?? self.rank(3...5)
    return [.constant(draw.int(1...2)), .constant(draw.one(of: channels))]
      + (try (2..<spatial).map { _ in draw.chance(70) ? .constant(constantSize(2...9)) : try size() })
  }

  private mutating func convolution(_ choice: OpChoice, _ element: ElementType, _ other: ElementType) throws -> OpDraft {
    var x = try anchor(element, rank: 3...5, where: { $0[1].constantValue != nil }, or: { try $0.image() })
    if draw.chance(20) { x = try surrounded(x) }
    let dims = type(x).dims
    let groups = draw.chance(50) ? 1 : divisor(of: dims[1])
    let moves = slidings(dims.count - 2)
    var kernel: [Dim] = []
    for (index, axis) in dims[2...].enumerated() {
      let room = least(axis) + moves.before[index] + moves.after[index]
      guard room > 0 else { throw NoFit() }
      kernel.append(.constant(draw.int(1...min(4, (room - 1) / moves.dilations[index] + 1))))
    }
    let channels = (dims[1].constantValue ?? 0) / groups
    let w = TensorType(other, [.constant(groups * draw.int(1...4)), .constant(channels)] + kernel)
    return OpDraft(
      [type(x), w], given: [0: x], moves.attributes(&draw) + [NamedAttribute("groups", .int(groups))])
  }

  /// An image with a number around it.
  private mutating func surrounded(_ x: ValueID) throws -> ValueID {
    let type = type(x)
    let filler = try filled(.scalar(type.element))
    func amounts() -> [Dim] { type.dims.indices.map { .constant($0 < 2 ? 0 : draw.int(0...2)) } }
    return try value(.pad, [x, filler], [NamedAttribute("low", .dims(amounts())), NamedAttribute("high", .dims(amounts()))])
  }
}
