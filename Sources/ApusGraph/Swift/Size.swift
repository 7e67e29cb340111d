import ApusIR

/// The size of an axis of a graph built in Swift: a number, a name such as `"B"` that every input may bind, or
/// an expression of both.
public struct Size: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  indirect enum Form: Sendable, Hashable {
    case constant(Int)
    case named(String)
    case binary(Operation, Size, Size)
    /// In terms of the symbols of one graph.
    case known(Dim)
  }

  enum Operation: Sendable, Hashable {
    case sum, difference, product, quotient, remainder, minimum, maximum
  }

  let form: Form

  init(_ form: Form) { self.form = form }

  public init(_ value: Int) { form = .constant(value) }
  public init(integerLiteral value: Int) { form = .constant(value) }
  public init(stringLiteral name: String) { form = .named(name) }

  /// The number, if it is one.
  public var constant: Int? {
    switch form {
    case .constant(let value): value
    case .known(let dim): dim.constantValue
    case .named, .binary: nil
    }
  }

  public static func + (a: Size, b: Size) -> Size { Size(.binary(.sum, a, b)) }
  public static func - (a: Size, b: Size) -> Size { Size(.binary(.difference, a, b)) }
  public static func * (a: Size, b: Size) -> Size { Size(.binary(.product, a, b)) }
  /// Rounded down.
  public static func / (a: Size, b: Size) -> Size { Size(.binary(.quotient, a, b)) }
  /// What `/` leaves, with the divisor's sign.
  public static func % (a: Size, b: Size) -> Size { Size(.binary(.remainder, a, b)) }
}

public func min(_ a: Size, _ b: Size) -> Size { Size(.binary(.minimum, a, b)) }
public func max(_ a: Size, _ b: Size) -> Size { Size(.binary(.maximum, a, b)) }
