import ApusSupport
import ApusTensor

/// What the elements of a tensor may be in any implementation that keeps to IR-specs/semantics.md.
public struct Enclosure: Sendable {
  /// What is known of an element.
  public enum Certainty: UInt8, Sendable, Comparable {
    /// It is the interpreter's, bit for bit; any NaN is like any other.
    case pinned = 0
    /// It is a number between two others.
    case bounded = 1
    /// A step of it depends on a comparison, or on the order of operations, in a way that bounds do not catch.
    case open = 2

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  /// What the interpreter computes.
  public let value: Tensor
  public let certainty: [Certainty]
  /// Bounds of float elements; empty for other types.
  let lower: [Double]
  let upper: [Double]

  init(_ value: Tensor, _ certainty: [Certainty], _ lower: [Double], _ upper: [Double]) {
    self.value = value
    self.certainty = certainty
    self.lower = lower
    self.upper = upper
  }

  /// Every element is the interpreter's.
  public init(pinned value: Tensor) {
    let numbers = value.elementType.isFloat ? Elements(value).floats : []
    self.init(value, Array(repeating: .pinned, count: value.count), numbers, numbers)
  }

  /// Nothing is known but type and shape.
  init(open value: Tensor) {
    let numbers = value.elementType.isFloat ? Elements(value).floats : []
    self.init(value, Array(repeating: .open, count: value.count), numbers, numbers)
  }

  /// Float elements within bounds. One that cannot be bounded is open.
  init(_ value: Tensor, bounds: [(Double, Double)?]) {
    var (certainty, lower, upper) = ([Certainty](), [Double](), [Double]())
    for bound in bounds {
      let isBounded = bound.map { $0.0 <= $0.1 } ?? false
      certainty.append(isBounded ? .bounded : .open)
      lower.append(isBounded ? bound?.0 ?? 0 : 0)
      upper.append(isBounded ? bound?.1 ?? 0 : 0)
    }
    self.init(value, certainty, lower, upper)
  }

  var isPinned: Bool { certainty.allSatisfy { $0 == .pinned } }

  /// Elements that are pinned or bounded, so that a wrong value would show.
  public var judgedCount: Int { certainty.count { $0 != .open } }

  /// What in a tensor cannot be, in one line; `nil` where all of it can.
  public func contradiction(_ found: Tensor) -> String? {
    guard found.elementType == value.elementType, found.shape == value.shape else {
      return "it is \(found), not \(value)"
    }
    for index in 0..<value.count {
      let (x, y) = (found.scalar(at: index), value.scalar(at: index))
      switch certainty[index] {
      case .open: continue
      case .pinned:
        if Self.isSame(x, y) { continue }
        return "element \(index) of \(value.shape) is \(x), not \(y)"
      case .bounded:
        if case .float(let number) = x, number >= lower[index], number <= upper[index] { continue }
        return "element \(index) of \(value.shape) is \(x), not \(y) or from \(lower[index]) to \(upper[index])"
      }
    }
    return nil
  }

  private static func isSame(_ x: Scalar, _ y: Scalar) -> Bool {
    guard case .float(let a) = x, case .float(let b) = y else { return x == y }
    return a.isNaN ? b.isNaN : a == b && a.sign == b.sign
  }
}

extension ElementType {
  /// The distance between neighbouring numbers of a float type around `value`.
  func spacing(at value: Double) -> Double {
    let (digits, least) = precision
    guard value != 0 else { return Double(sign: .plus, exponent: least, significand: 1) }
    let exponent = value.isFinite ? Int(value.exponent) : largestExponent
    return Double(sign: .plus, exponent: max(exponent - digits, least), significand: 1)
  }

  /// Numbers at most `steps` spacings beyond the bounds; beyond the largest number lies infinity.
  func widened(_ lower: Double, _ upper: Double, steps: Double) -> (Double, Double) {
    let low = lower == .infinity ? largest : lower
    let high = upper == -.infinity ? -largest : upper
    let (x, y) = (low - steps * spacing(at: low), high + steps * spacing(at: high))
    return (x < -largest ? -.infinity : x, y > largest ? .infinity : y)
  }

  /// The largest finite number.
  var largest: Double { (2 - spacing(at: 1)) * Double(sign: .plus, exponent: largestExponent, significand: 1) }

  private var largestExponent: Int {
    switch self {
    case .f16: 15
    case .bf16, .f32: 127
    case .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: 1023
    }
  }

  /// Digits after the leading one, and the exponent of the smallest number.
  private var precision: (digits: Int, least: Int) {
    switch self {
    case .f16: (10, -24)
    case .bf16: (7, -133)
    case .f32: (23, -149)
    case .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: (52, -1074)
    }
  }
}
