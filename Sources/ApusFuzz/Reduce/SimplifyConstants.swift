import ApusIR
import ApusTensor

extension ReductionSearch {
  /// Constants of more bytes make every test slow.
  private static let large = 1 << 16

  /// Has large constants hold one number only, before anything else.
  mutating func emptyLargeConstants() {
    simplify(each: .zero) { constant in
      if case .tensor(let tensor) = constant { tensor.tensor.byteCount > Self.large } else { false }
    }
  }

  /// Makes scalars of tensors, and 0 or 1 of scalars.
  mutating func simplifyConstants() {
    for number in PlainNumber.allCases { simplify(each: number) { !$0.isPlainConstant } }
  }

  private mutating func simplify(each number: PlainNumber, where isIncluded: @escaping (Attribute) -> Bool) {
    // What is kept leaves the list, unless it is still not plain.
    minimize { $0.module.constants(where: isIncluded).count } remove: { search, run in
      let places = search.module.constants(where: isIncluded)[run]
      return search.attempt { module in
        for place in places { module[place.function].simplifyConstant(place.op, number) }
        return true
      }
    }
  }
}

private enum PlainNumber: CaseIterable {
  case zero, one
  /// The first of the numbers that are there.
  case first
}

extension Attribute {
  fileprivate var isPlainConstant: Bool { if case .scalar(let scalar) = self { scalar.isPlain } else { false } }
}

extension Module {
  fileprivate func constants(where isIncluded: (Attribute) -> Bool) -> [OpPlace] {
    ops(.constant).filter { self[$0.function].attribute("value", of: $0.op).map(isIncluded) ?? false }
  }
}

extension Function {
  fileprivate mutating func simplifyConstant(_ op: OpID, _ number: PlainNumber) {
    let element = type(of: result(of: op)).element
    let scalar: Scalar
    switch number {
    case .zero: scalar = .zero(element)
    case .one: scalar = .one(element)
    case .first:
      guard case .tensor(let constant)? = attribute("value", of: op), constant.tensor.count > 0 else { return }
      scalar = constant.tensor.scalar(at: 0)
    }
    setAttribute("value", .scalar(scalar), of: op)
  }
}
