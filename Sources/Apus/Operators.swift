import ApusGraph

/// Operators stand here and not beside `GraphValue`: those of a module that is re-exported by name are not seen.
extension GraphValue {
  public static func + (a: GraphValue, b: GraphValue) -> GraphValue { a.add(b) }
  public static func - (a: GraphValue, b: GraphValue) -> GraphValue { a.sub(b) }
  public static func * (a: GraphValue, b: GraphValue) -> GraphValue { a.mul(b) }
  public static func / (a: GraphValue, b: GraphValue) -> GraphValue { a.div(b) }
  public static prefix func - (a: GraphValue) -> GraphValue { a.neg() }

  public static func + (a: GraphValue, b: Double) -> GraphValue { a.add(literal(b)) }
  public static func - (a: GraphValue, b: Double) -> GraphValue { a.sub(literal(b)) }
  public static func * (a: GraphValue, b: Double) -> GraphValue { a.mul(literal(b)) }
  public static func / (a: GraphValue, b: Double) -> GraphValue { a.div(literal(b)) }
  public static func + (a: Double, b: GraphValue) -> GraphValue { b.builder.add(literal(a), b) }
  public static func - (a: Double, b: GraphValue) -> GraphValue { b.builder.sub(literal(a), b) }
  public static func * (a: Double, b: GraphValue) -> GraphValue { b.builder.mul(literal(a), b) }
  public static func / (a: Double, b: GraphValue) -> GraphValue { b.builder.div(literal(a), b) }

  /// Compared element by element; the result is `bool`.
  public static func .< (a: GraphValue, b: GraphValue) -> GraphValue { a.less(b) }
  public static func .<= (a: GraphValue, b: GraphValue) -> GraphValue { a.less_equal(b) }
  public static func .== (a: GraphValue, b: GraphValue) -> GraphValue { a.equal(b) }

  /// A literal takes the element type it meets; one without a fraction may meet integers too.
  private static func literal(_ number: Double) -> any GraphArgument { Int(exactly: number) ?? number }
}
