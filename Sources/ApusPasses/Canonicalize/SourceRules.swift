import ApusIR
import ApusSupport
import ApusTensor

extension Canonicalization {
  /// Values made out of nothing or out of sizes.
  static let sourceRules: [CanonicalRule] = [
    // constant [[2, 2]] → constant 2
    CanonicalRule("constant-of-equal-elements", [.constant]) { f, op in
      guard let constant = f.constantTensor(of: f.result(of: op)), constant.tensor.count <= RuleLimits.scannedElements,
        let element = constant.tensor.repeatedElement
      else { return .unchanged }
      f.setAttribute("value", .scalar(element), of: op)
      return .changed
    },
    // size of: [4] → constant 4
    CanonicalRule("size-of-constant", [.size]) { f, op in
      guard let size = f.dims("of", of: op)?.first?.constantValue else { return .unchanged }
      return .replaced([f.insertSplat(.signed(Int64(size)), .scalar(.s64), before: op)])
    },
    // iota along an axis of size 1 → constant 0
    CanonicalRule("iota-of-one", [.iota]) { f, op in
      let type = f.type(of: f.result(of: op))
      guard let axis = f.int("axis", of: op), type.dims[axis] == 1 else { return .unchanged }
      return .replaced([f.insertSplat(.zero(type.element), type, before: op)])
    },
    // gather %x, constant 2 → the slice at 2
    CanonicalRule("gather-at-constant", [.gather]) { f, op in
      let x = f.type(of: f.operand(0, of: op))
      guard let axis = f.int("axis", of: op), let size = x.dims[axis].constantValue,
        f.type(of: f.operand(1, of: op)).rank == 0, let index = f.splat(of: f.operand(1, of: op)),
        case .signed(let position) = index, position >= 0, position < size
      else { return .unchanged }
      var (starts, limits) = ([Dim](repeating: 0, count: x.rank), x.dims)
      starts[axis] = .constant(Int(position))
      limits[axis] = .constant(Int(position) + 1)
      var dims = x.dims
      dims[axis] = 1
      let slice = f.insert(
        .slice, [f.operand(0, of: op)],
        [NamedAttribute("starts", .dims(starts)), NamedAttribute("limits", .dims(limits))], x.with(dims: dims),
        before: op)
      return .replaced([f.insertReshape(slice, f.type(of: f.result(of: op)), before: op)])
    },
    // dynamic_slice %x, constant [1] → slice, clamped as the op would
    CanonicalRule("dynamic-slice-at-constants", [.dynamicSlice]) { f, op in
      let x = f.type(of: f.operand(0, of: op))
      guard let shape = x.constantShape, let sizes = f.type(of: f.result(of: op)).constantShape,
        let given = f.constantElements(of: f.operand(1, of: op), count: x.rank)
      else { return .unchanged }
      let starts = x.dims.indices.map { min(max(given[$0], 0), shape[$0] - sizes[$0]) }
      let attributes = [
        NamedAttribute("starts", .dims(starts.map { .constant($0) })),
        NamedAttribute("limits", .dims(x.dims.indices.map { .constant(starts[$0] + sizes[$0]) })),
      ]
      return .replaced([
        f.insert(.slice, [f.operand(0, of: op)], attributes, f.type(of: f.result(of: op)), before: op)
      ])
    },
  ]
}

enum RuleLimits {
  /// Elements of a constant that are compared with each other: a large weight is hardly ever constant.
  static let scannedElements = 4096
}

extension Tensor {
  /// The element that all others equal bit for bit; `nil` when they differ or there is none.
  var repeatedElement: Scalar? {
    guard count > 0 else { return nil }
    let width = elementType.byteCount
    let isRepeated = withUnsafeBytes { bytes in
      (width..<bytes.count).dropFirst(isPlanted(.constantsThatDifferInTheFirstAreSplats) ? width : 0)
        .allSatisfy { bytes[$0] == bytes[$0 - width] }
    }
    return isRepeated ? scalar(at: 0) : nil
  }
}

extension Function {
  /// The elements of a constant vector of integers.
  func constantElements(of value: ValueID, count: Int) -> [Int]? {
    if let element = splat(of: value), case .signed(let number) = element {
      return [Int](repeating: Int(number), count: count)
    }
    guard let tensor = constantTensor(of: value)?.tensor, tensor.count == count else { return nil }
    var elements: [Int] = []
    for index in 0..<count {
      guard case .signed(let number) = tensor.scalar(at: index) else { return nil }
      elements.append(Int(number))
    }
    return elements
  }
}
