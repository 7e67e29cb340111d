import ApusIR
import ApusTensor

/// Ops that make values, or see them as another type.
extension ConstraintBreakers {
  static let sources: [OpCode: [String: Breaker]] = [
    .constant: [
      "C1": { use, _ in
        guard case .tensor? = use.attribute("value"), let type = use.stated?[0] else { return false }
        use.results = [type.with(dims: type.dims + [2])]
        return true
      },
      "C2": { use, draw in
        guard let type = use.stated?[0] else { return false }
        switch type.element {
        case .bool: use.set("value", .scalar(.float(0.5)))
        case .f16, .bf16, .f32, .f64: use.set("value", .scalar(.bool(true)))
        case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64:
          use.set("value", .scalar(draw.chance(50) ? .bool(false) : .float(0.5)))
        }
        return true
      },
    ],
    .iota: [
      "C1": { use, draw in
        use.set("axis", .int(draw.chance(50) ? -1 : use.stated?[0].rank ?? 0))
        return true
      }
    ],
    .size: ["C1": lengthened("of", by: 1)],
    .randomBits: [
      "C1": { use, draw in
        let signed = draw.one(of: [ElementType.s8, .s16, .s32, .s64])
        use.results = use.stated?.map { $0.with(element: signed) }
        return true
      }
    ],
    .bitcast: [
      "C1": { use, draw in
        let from = use.operands[0].element
        guard from != .bool else { return false }
        let others = ElementType.allCases.filter { $0 != .bool && $0.bitWidth != from.bitWidth }
        use.results = use.stated?.map { $0.with(element: draw.one(of: others)) }
        return true
      },
      "C2": { use, _ in
        let to: ElementType = use.operands[0].element == .bool ? .u8 : .bool
        use.results = use.stated?.map { $0.with(element: to) }
        return true
      },
    ],
  ]
}
