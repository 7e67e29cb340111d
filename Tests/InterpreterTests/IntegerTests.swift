import ApusIR
import ApusTensor
import Testing

@Suite struct IntegerTests {
  @Test(arguments: ElementType.integers) func s2_1_arithmeticWraps(_ type: ElementType) throws {
    let (low, high) = (type.smallest, type.largest)
    let one = try tensor(type, [1])
    #expect(scalars(try result(.add, try tensor(type, exactly: [high]), one)) == [low])
    #expect(scalars(try result(.sub, try tensor(type, exactly: [low]), one)) == [high])
    let two = try tensor(type, [2])
    let product = try result(.mul, try tensor(type, exactly: [high]), two)
    #expect(scalars(product) == [type.isSignedInteger ? .signed(-2) : .unsigned(asUnsigned(high) - 1)])
    #expect(scalars(try result(.neg, try tensor(type, exactly: [low]))) == [low])
    #expect(scalars(try result(.abs, try tensor(type, exactly: [low, high]))) == [low, high])
    #expect(scalars(try result(.neg, one)) == [type.isSignedInteger ? .signed(-1) : high])
  }

  @Test(arguments: ElementType.integers) func s2_2_divisionTruncatesAndByZeroIsZero(_ type: ElementType) throws {
    let y = try result(.div, try tensor(type, [7, 9, 0]), try tensor(type, [2, 0, 0]))
    #expect(doubles(y) == [3, 0, 0])
    #expect(
      scalars(try result(.div, try tensor(type, exactly: [type.largest]), try tensor(type, [1]))) == [type.largest])
    if type.isSignedInteger {
      #expect(doubles(try result(.div, try tensor(type, [-7, 7]), try tensor(type, [2, -2]))) == [-3, -3])
    }
  }

  @Test(arguments: ElementType.integers.filter(\.isSignedInteger)) func s2_3_smallestByMinusOneWraps(
    _ type: ElementType
  ) throws {
    let (x, y) = (try tensor(type, exactly: [type.smallest]), try tensor(type, [-1]))
    #expect(scalars(try result(.div, x, y)) == [type.smallest])
    #expect(doubles(try result(.rem, x, y)) == [0])
  }

  @Test(arguments: ElementType.integers) func s2_4_remainderHasTheDividendsSign(_ type: ElementType) throws {
    #expect(doubles(try result(.rem, try tensor(type, [7, 9]), try tensor(type, [4, 0]))) == [3, 0])
    let high = try tensor(type, exactly: [type.largest])
    #expect(doubles(try result(.rem, high, high)) == [0])
    if type.isSignedInteger {
      #expect(doubles(try result(.rem, try tensor(type, [-7, 7]), try tensor(type, [4, -4]))) == [-3, 3])
    }
  }

  @Test(arguments: ElementType.integers) func s2_5_orderIsByValue(_ type: ElementType) throws {
    let x = try tensor(type, exactly: [type.largest, type.smallest])
    let y = try tensor(type, [1, 1])
    let (low, one) = (type.smallest, Scalar.one(type))
    #expect(scalars(try result(.max, x, y)) == [type.largest, one])
    #expect(scalars(try result(.min, x, y)) == [one, low])
    #expect(doubles(try result(.less, x, y)) == [0, 1])
    #expect(doubles(try result(.greaterEqual, x, y)) == [1, 0])
  }

  @Test(arguments: ElementType.integers) func s2_6_powWraps(_ type: ElementType) throws {
    let exponent = Double(type.bitWidth - 1)
    let x = try tensor(type, [3, 2, 0, 5, 2])
    let y = try result(.pow, x, try tensor(type, [4, exponent, 0, 0, exponent + 1]))
    let top: Scalar = type.isSignedInteger ? type.smallest : .unsigned(1 << UInt64(type.bitWidth - 1))
    #expect(scalars(y) == [Scalar.signed(81).converted(to: type), top, .one(type), .one(type), .zero(type)])
  }

  @Test(arguments: ElementType.integers.filter(\.isSignedInteger)) func s2_7_powWithNegativeExponent(
    _ type: ElementType
  ) throws {
    let y = try result(.pow, try tensor(type, [1, -1, -1, 2, 0]), try tensor(type, [-3, -3, -2, -1, -1]))
    #expect(doubles(y) == [1, -1, 1, 0, 0])
  }

  @Test(arguments: ElementType.integers) func s2_8_shiftsDropAndCopyBits(_ type: ElementType) throws {
    let top = Double(type.bitWidth - 1)
    let y = try result(.shiftLeft, try tensor(type, [3, 1]), try tensor(type, [top, 2]))
    let highest: Scalar = type.isSignedInteger ? type.smallest : .unsigned(1 << UInt64(type.bitWidth - 1))
    #expect(scalars(y) == [highest, Scalar.signed(4).converted(to: type)])
    let shifted = try result(.shiftRight, try tensor(type, exactly: [highest]), try tensor(type, [top]))
    #expect(doubles(shifted) == [type.isSignedInteger ? -1 : 1])
  }

  @Test(arguments: ElementType.integers) func s2_9_longShiftsGiveZero(_ type: ElementType) throws {
    let width = Double(type.bitWidth)
    let x = try tensor(type, exactly: [type.largest, type.smallest, type.largest])
    let counts = try tensor(
      type, exactly: [.float(width), .float(width), type.isSignedInteger ? .signed(-1) : type.largest])
    #expect(doubles(try result(.shiftLeft, x, counts)) == [0, 0, 0])
    #expect(doubles(try result(.shiftRight, x, counts)) == [0, 0, 0])
  }

  @Test(arguments: ElementType.integers) func s2_10_logicWorksBitByBit(_ type: ElementType) throws {
    let (x, y) = (try tensor(type, [12]), try tensor(type, [10]))
    #expect(doubles(try result(.and, x, y)) == [8])
    #expect(doubles(try result(.or, x, y)) == [14])
    #expect(doubles(try result(.xor, x, y)) == [6])
    #expect(scalars(try result(.not, try tensor(type, [0]))) == [type.isSignedInteger ? .signed(-1) : type.largest])
  }

  @Test func s2_10_logicOfBool() throws {
    let (x, y) = (Tensor([false, false, true, true]), Tensor([false, true, false, true]))
    #expect(try result(.and, x, y) == Tensor([false, false, false, true]))
    #expect(try result(.or, x, y) == Tensor([false, true, true, true]))
    #expect(try result(.xor, x, y) == Tensor([false, true, true, false]))
    #expect(try result(.not, x) == Tensor([true, true, false, false]))
  }

  @Test(arguments: ElementType.integers) func s2_11_sign(_ type: ElementType) throws {
    let y = try result(.sign, try tensor(type, exactly: [.signed(7), .signed(0), type.smallest, type.largest]))
    #expect(doubles(y) == [1, 0, type.isSignedInteger ? -1 : 0, 1])
  }

  private func asUnsigned(_ scalar: Scalar) -> UInt64 { if case .unsigned(let value) = scalar { value } else { 0 } }
}
