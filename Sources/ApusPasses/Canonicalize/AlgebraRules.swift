import ApusSupport

extension AlgebraRule {
  /// The identities, each true for every value of the types it is for; a test tries them all.
  public static let all: [AlgebraRule] = exact + fastMath

  private static let exact: [AlgebraRule] = [
    // Sums
    AlgebraRule("add(x, 0) => x", for: .integer),
    AlgebraRule(isPlanted(.positiveZeroIsDropped) ? "add(x, 0) => x" : "add(x, -0) => x", for: .float),
    AlgebraRule("sub(x, 0) => x", for: .number),
    AlgebraRule("sub(x, x) => 0", for: .integer),
    AlgebraRule("sub(0, x) => neg(x)", for: .integer),
    AlgebraRule(isPlanted(.differenceFromZeroIsNegation) ? "sub(0, x) => neg(x)" : "sub(-0, x) => neg(x)", for: .float),
    AlgebraRule("add(x, neg(y)) => sub(x, y)", for: .number),
    AlgebraRule("sub(x, neg(y)) => add(x, y)", for: .number),
    AlgebraRule("neg(sub(x, y)) => sub(y, x)", for: .integer),

    // Products
    AlgebraRule("mul(x, 1) => x", for: .number),
    AlgebraRule("mul(x, -1) => neg(x)", for: .signed),
    AlgebraRule("mul(x, 0) => 0", for: .integer),
    AlgebraRule("mul(neg(x), neg(y)) => mul(x, y)", for: .number),
    AlgebraRule("div(x, 1) => x", for: .number),
    AlgebraRule("div(x, -1) => neg(x)", for: .float),
    AlgebraRule("div(neg(x), neg(y)) => div(x, y)", for: .float),
    AlgebraRule("rem(x, 1) => 0", for: .integer),
    AlgebraRule("pow(x, 0) => 1", for: .number),
    AlgebraRule("pow(x, 1) => x", for: .number),
    AlgebraRule("pow(x, 2) => mul(x, x)", for: .number),

    // Signs and rounding
    AlgebraRule("neg(neg(x)) => x", for: .number),
    AlgebraRule("abs(abs(x)) => abs(x)", for: .number),
    AlgebraRule("abs(neg(x)) => abs(x)", for: .signed),
    AlgebraRule("sign(sign(x)) => sign(x)", for: .number),
    AlgebraRule("floor(floor(x)) => floor(x)", for: .float),
    AlgebraRule("ceil(ceil(x)) => ceil(x)", for: .float),
    AlgebraRule("round(round(x)) => round(x)", for: .float),
    AlgebraRule("trunc(trunc(x)) => trunc(x)", for: .float),

    // Order
    AlgebraRule("max(x, x) => x", for: .number),
    AlgebraRule("min(x, x) => x", for: .number),
    AlgebraRule("max(x, max(x, y)) => max(x, y)", for: .number),
    AlgebraRule("min(x, min(x, y)) => min(x, y)", for: .number),
    AlgebraRule("equal(x, x) => true", for: .bits),
    AlgebraRule("not_equal(x, x) => false", for: .bits),
    AlgebraRule("less(x, x) => false", for: .number),
    AlgebraRule("greater(x, x) => false", for: .number),
    AlgebraRule("less_equal(x, x) => true", for: .integer),
    AlgebraRule("greater_equal(x, x) => true", for: .integer),

    // Bits and logic
    AlgebraRule("not(not(x)) => x", for: .bits),
    AlgebraRule("and(x, x) => x", for: .bits),
    AlgebraRule("or(x, x) => x", for: .bits),
    AlgebraRule("and(x, ones) => x", for: .bits),
    AlgebraRule("or(x, ones) => ones", for: .bits),
    AlgebraRule("xor(x, ones) => not(x)", for: .bits),
    AlgebraRule("and(x, 0) => 0", for: .integer),
    AlgebraRule("or(x, 0) => x", for: .integer),
    AlgebraRule("xor(x, 0) => x", for: .integer),
    AlgebraRule("xor(x, x) => 0", for: .integer),
    AlgebraRule("and(x, false) => false", for: .any),
    AlgebraRule("or(x, false) => x", for: .any),
    AlgebraRule("xor(x, false) => x", for: .any),
    AlgebraRule("shift_left(x, 0) => x", for: .integer),
    AlgebraRule("shift_right(x, 0) => x", for: .integer),
    AlgebraRule("equal(x, true) => x", for: .any),
    AlgebraRule("equal(x, false) => not(x)", for: .any),
    AlgebraRule("not_equal(x, false) => x", for: .any),
    AlgebraRule("not_equal(x, true) => not(x)", for: .any),
    AlgebraRule("not(equal(x, y)) => not_equal(x, y)", for: .any),
    AlgebraRule("not(not_equal(x, y)) => equal(x, y)", for: .any),
    AlgebraRule("not(less(x, y)) => greater_equal(x, y)", for: isPlanted(.notLessIsGreaterOrEqual) ? .number : .integer),
    AlgebraRule("not(less_equal(x, y)) => greater(x, y)", for: .integer),
    AlgebraRule("not(greater(x, y)) => less_equal(x, y)", for: .integer),
    AlgebraRule("not(greater_equal(x, y)) => less(x, y)", for: .integer),

    // Choice
    AlgebraRule("select(c, x, x) => x", for: .any),
    AlgebraRule("select(true, x, y) => x", for: .any),
    AlgebraRule("select(false, x, y) => y", for: .any),
    AlgebraRule("select(not(c), x, y) => select(c, y, x)", for: .any),
    AlgebraRule("select(c, true, false) => c", for: .any),
    AlgebraRule("select(c, false, true) => not(c)", for: .any),
  ]

  private static let fastMath: [AlgebraRule] = [
    AlgebraRule("add(x, 0) => x", for: .float, fastMath: true),
    AlgebraRule("sub(0, x) => neg(x)", for: .float, fastMath: true),
    AlgebraRule("sub(x, x) => 0", for: .float, fastMath: true),
    AlgebraRule("mul(x, 0) => 0", for: .float, fastMath: true),
    AlgebraRule("div(x, x) => 1", for: .float, fastMath: true),
    AlgebraRule("neg(sub(x, y)) => sub(y, x)", for: .float, fastMath: true),
    AlgebraRule("exp(log(x)) => x", for: .float, fastMath: true),
    AlgebraRule("log(exp(x)) => x", for: .float, fastMath: true),
    AlgebraRule("mul(exp(x), exp(y)) => exp(add(x, y))", for: .float, fastMath: true),
    AlgebraRule("mul(sqrt(x), sqrt(x)) => x", for: .float, fastMath: true),
    AlgebraRule("pow(x, 0.5) => sqrt(x)", for: .float, fastMath: true),
  ]
}
