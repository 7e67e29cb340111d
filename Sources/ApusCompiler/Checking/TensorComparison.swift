import ApusTensor

/// How a tensor differs from the one that was expected.
public struct TensorComparison: Sendable {
  /// Elements that differ by more than the tolerance.
  public private(set) var differing = 0
  /// The first of them.
  public private(set) var firstIndex: Int?
  /// The largest difference of two finite elements.
  public private(set) var largestDifference = 0.0
  /// What differs, in one line; `nil` where nothing does.
  public private(set) var message: String?

  /// Elements fit when `|actual − expected| <= absolute + relative · |expected|`; integers and bools must be equal, a NaN fits any
  /// NaN, an infinity only itself. Types and shapes must be the same.
  public init(_ actual: Tensor, _ expected: Tensor, relative: Double, absolute: Double) {
    guard actual.elementType == expected.elementType, actual.shape == expected.shape else {
      message = "it is \(actual), but \(expected) is expected"
      return
    }
    for index in 0..<actual.count {
      let (got, wanted) = (actual.scalar(at: index), expected.scalar(at: index))
      if case .float(let x) = got, case .float(let y) = wanted {
        if x == y || (x.isNaN && y.isNaN) { continue }
        let difference = abs(x - y)
        if difference.isFinite { largestDifference = max(largestDifference, difference) }
        if difference <= absolute + relative * abs(y), y.isFinite { continue }
      } else if got == wanted {
        continue
      }
      differing += 1
      if firstIndex == nil { firstIndex = index }
    }
    guard let firstIndex else { return }
    let (got, wanted) = (actual.scalar(at: firstIndex), expected.scalar(at: firstIndex))
    message =
      "\(differing) of \(actual.count) elements differ; the first at \(Self.position(firstIndex, actual.shape)): "
      + "\(Self.text(got)), but \(Self.text(wanted)) is expected"
  }

  public var isMatch: Bool { message == nil }

  private static func position(_ index: Int, _ shape: [Int]) -> [Int] {
    var rest = index
    var position: [Int] = []
    for size in shape.reversed() {
      position.append(rest % max(size, 1))
      rest /= max(size, 1)
    }
    return position.reversed()
  }

  private static func text(_ scalar: Scalar) -> String {
    switch scalar {
    case .float(let value): value.isNaN ? "nan" : "\(value)"
    case .signed(let value): "\(value)"
    case .unsigned(let value): "\(value)"
    case .bool(let value): "\(value)"
    }
  }
}
