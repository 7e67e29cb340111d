import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct FloatingPointTests {
  private func patterns32(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
  }

  private func patterns16(_ count: Int, seed: UInt64) -> [Float16] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in Float16(bitPattern: UInt16(truncatingIfNeeded: generator.next())) }
  }

  @Test func s1_1_basicOperationsRoundOnce() throws {
    let (a, b) = (patterns32(2_000, seed: 1), patterns32(2_000, seed: 2))
    let operations: [(OpCode, (Float, Float) -> Float)] = [
      (.add, { $0 + $1 }), (.sub, { $0 - $1 }), (.mul, { $0 * $1 }), (.div, { $0 / $1 }),
    ]
    for (code, expected) in operations {
      let y = try result(code, Tensor(a), Tensor(b))
      #expect(same(doubles(y), zip(a, b).map { Double(expected($0, $1)) }), "\(code)")
    }
    #expect(same(doubles(try result(.sqrt, Tensor(a))), a.map { Double($0.squareRoot()) }))
  }

  @Test func s1_1_halfPrecisionRoundsOnce() throws {
    let (a, b) = (patterns16(2_000, seed: 3), patterns16(2_000, seed: 4))
    let operations: [(OpCode, (Float16, Float16) -> Float16)] = [
      (.add, { $0 + $1 }), (.sub, { $0 - $1 }), (.mul, { $0 * $1 }), (.div, { $0 / $1 }),
    ]
    for (code, expected) in operations {
      let y = try result(code, Tensor(a), Tensor(b))
      #expect(same(doubles(y), zip(a, b).map { Double(expected($0, $1)) }), "\(code)")
    }
    #expect(same(doubles(try result(.sqrt, Tensor(a))), a.map { Double($0.squareRoot()) }))
  }

  @Test func s1_1_bf16TiesGoToEven() throws {
    // 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷, 1 + 3·2⁻⁸ between 1 + 2⁻⁷ and 1 + 2⁻⁶.
    let y = try result(.add, try tensor(.bf16, [1, 1.0078125]), try tensor(.bf16, [0x1p-8, 0x1p-8]))
    #expect(doubles(y) == [1, 1.015625])
  }

  @Test func s1_1_fmaRoundsOnce() throws {
    let tiny = Float(0x1p-30)
    let x = Tensor([1 + Float.ulpOfOne, Float(3)])
    let y = try Interpreter.evaluate(
      .fma, operands: [x, x, Tensor([-tiny, tiny])], resultTypes: [type(.f32, [2])])[0]
    let expected = [
      (-tiny).addingProduct(1 + Float.ulpOfOne, 1 + Float.ulpOfOne), tiny.addingProduct(3, 3),
    ]
    #expect(y.values(as: Float.self) == expected)
    // In f16: 2048 + 2⁻²⁴ is above the tie at 2049 − 1 only by the addend.
    let half = try Interpreter.evaluate(
      .fma, operands: [try tensor(.f16, [683]), try tensor(.f16, [3]), try tensor(.f16, [0x1p-24])],
      resultTypes: [type(.f16, [1])])[0]
    #expect(doubles(half) == [2050])
  }

  @Test func s1_2_productAndSumRoundSeparately() throws {
    let x = Tensor([1 + Float.ulpOfOne])
    let square = try result(.mul, x, x)
    let y = try result(.sub, square, Tensor([1 + 2 * Float.ulpOfOne]))
    #expect(doubles(y) == [0])
    let kernel = try runKernel([type(.f32, [1]), type(.f32, [1])], [x, Tensor([1 + 2 * Float.ulpOfOne])]) {
      function, body, values in
      let square = try function.emit(.mul, [values[0], values[0]], in: body)
      return try function.emit(.sub, [square, values[1]], in: body)
    }
    #expect(doubles(kernel) == [0])
  }

  @Test(arguments: ElementType.floats) func s1_3_overflowIsInfiniteAndDenormalsStay(_ type: ElementType) throws {
    let tiniest: Scalar =
      type == .f64
      ? .float(.leastNonzeroMagnitude) : .float(type == .f32 ? 0x1p-149 : type == .f16 ? 0x1p-24 : 0x1p-133)
    let small = try tensor(type, exactly: [tiniest])
    #expect(scalars(try result(.add, small, small)) == [.float(2 * tiniest.asDouble)])
    #expect(scalars(try result(.mul, small, try tensor(type, [1]))) == [tiniest])
    #expect(scalars(try result(.mul, small, try tensor(type, [0.5]))) == [.float(0)])
    let large = try tensor(type, type == .f64 ? [1e308] : type == .f16 ? [60_000] : [3e38])
    #expect(doubles(try result(.add, large, large)) == [.infinity])
    #expect(doubles(try result(.sub, try result(.neg, large), large)) == [-.infinity])
  }

  @Test(arguments: ElementType.floats) func s1_4_elementaryFunctionsHaveKnownValues(_ type: ElementType) throws {
    let known: [(OpCode, Double, Double)] = [
      (.exp, 1, 2.718281828459045), (.expm1, 0x1p-10, 9.770394924165351e-4), (.log, 10, 2.302585092994046),
      (.log1p, 0x1p-10, 9.760859730554589e-4), (.sin, 1, 0.8414709848078965), (.cos, 1, 0.5403023058681398),
      (.tan, 1, 1.557407724654902), (.asin, 0.5, 0.5235987755982989), (.acos, 0.5, 1.0471975511965979),
      (.atan, 1, 0.7853981633974483), (.sinh, 1, 1.1752011936438014), (.cosh, 1, 1.543080634815244),
      (.tanh, 0.5, 0.46211715726000973), (.asinh, 1, 0.881373587019543), (.acosh, 2, 1.3169578969248166),
      (.atanh, 0.5, 0.5493061443340549), (.erf, 0.5, 0.5204998778130465), (.logistic, 1, 0.7310585786300049),
    ]
    for (code, x, expected) in known {
      let y = scalars(try result(code, try tensor(type, [x])))[0].asDouble
      let rounded = Scalar.float(expected).converted(to: type).asDouble
      let unit = type == .f64 ? 0x1p-52 : type == .f32 ? 0x1p-23 : type == .f16 ? 0x1p-10 : 0x1p-7
      #expect(abs(y - rounded) <= unit * abs(rounded), "\(code) of \(x) as \(type): \(y), not \(rounded)")
    }
  }

  @Test(arguments: ElementType.floats) func s1_4_elementaryFunctionsHaveTheSpecialValuesOfC(
    _ type: ElementType
  ) throws {
    let (inf, nan) = (Double.infinity, Double.nan)
    let special: [(OpCode, [Double], [Double])] = [
      (.exp, [-inf, inf, 0], [0, inf, 1]), (.expm1, [-inf, inf, -0.0], [-1, inf, -0.0]),
      (.log, [0, -1, inf, 1], [-inf, nan, inf, 0]), (.log1p, [-1, -2, -0.0], [-inf, nan, -0.0]),
      (.sin, [-0.0, inf], [-0.0, nan]), (.cos, [-0.0, inf], [1, nan]), (.tan, [-0.0, inf], [-0.0, nan]),
      (.asin, [-0.0, 2], [-0.0, nan]), (.acos, [1, 2], [0, nan]), (.atan, [-0.0], [-0.0]),
      (.sinh, [-0.0, -inf], [-0.0, -inf]), (.cosh, [-inf, 0], [inf, 1]), (.tanh, [-0.0, inf, -inf], [-0.0, 1, -1]),
      (.asinh, [-0.0, inf], [-0.0, inf]), (.acosh, [1, 0.5, inf], [0, nan, inf]),
      (.atanh, [1, -1, 2, -0.0], [inf, -inf, nan, -0.0]), (.erf, [inf, -inf, -0.0], [1, -1, -0.0]),
      (.logistic, [inf, -inf, 0], [1, 0, 0.5]), (.sqrt, [-0.0, -1, inf], [-0.0, nan, inf]),
    ]
    for (code, x, expected) in special {
      #expect(same(doubles(try result(code, try tensor(type, x))), expected), "\(code) of \(x)")
    }
  }

  @Test(arguments: ElementType.floats) func s1_5_nanInNanOut(_ type: ElementType) throws {
    let nan = try tensor(type, [.nan])
    let one = try tensor(type, [1])
    for code in [.add, .sub, .mul, .div, .rem, .max, .min] as [OpCode] {
      #expect(doubles(try result(code, nan, one))[0].isNaN, "\(code)")
      #expect(doubles(try result(code, one, nan))[0].isNaN, "\(code)")
    }
    let unary: [OpCode] = [
      .abs, .neg, .sign, .floor, .ceil, .round, .trunc, .sqrt, .exp, .expm1, .log, .log1p, .sin, .cos, .tan, .asin,
      .acos,
      .atan, .sinh, .cosh, .tanh, .asinh, .acosh, .atanh, .erf, .logistic,
    ]
    for code in unary { #expect(doubles(try result(code, nan))[0].isNaN, "\(code)") }
    #expect(doubles(try result(.pow, one, nan)) == [1])
    #expect(doubles(try result(.pow, nan, try tensor(type, [0]))) == [1])
    #expect(doubles(try result(.pow, nan, one))[0].isNaN)
  }

  @Test(arguments: ElementType.floats) func s1_6_negAndAbsChangeTheSignBit(_ type: ElementType) throws {
    let x = try tensor(type, [0, -0.0, 1.5, -.infinity])
    #expect(same(doubles(try result(.neg, x)), [-0.0, 0, -1.5, .infinity]))
    #expect(same(doubles(try result(.abs, x)), [0, 0, 1.5, .infinity]))
  }

  @Test(arguments: ElementType.floats) func s1_7_signKeepsZeros(_ type: ElementType) throws {
    let y = try result(.sign, try tensor(type, [-3.5, 0, -0.0, .infinity, .nan]))
    #expect(same(doubles(y), [-1, 0, -0.0, 1, .nan]))
  }

  @Test(arguments: ElementType.floats) func s1_8_roundingKeepsTheSign(_ type: ElementType) throws {
    let x = try tensor(type, [0.5, -0.5, 1.5, -2.5, -0.25, .infinity])
    #expect(same(doubles(try result(.round, x)), [0, -0.0, 2, -2, -0.0, .infinity]))
    #expect(same(doubles(try result(.floor, x)), [0, -1, 1, -3, -1, .infinity]))
    #expect(same(doubles(try result(.ceil, x)), [1, -0.0, 2, -2, -0.0, .infinity]))
    #expect(same(doubles(try result(.trunc, x)), [0, -0.0, 1, -2, -0.0, .infinity]))
  }

  @Test(arguments: ElementType.floats) func s1_9_remainderHasTheDividendsSign(_ type: ElementType) throws {
    let x = try tensor(type, [7, -7, 7, 1, .infinity, 5, -3, 5.5])
    let y = try tensor(type, [3, 3, -3, 0, 2, .infinity, 3, 0.5])
    #expect(same(doubles(try result(.rem, x, y)), [1, -1, 1, .nan, .nan, 5, -0.0, 0]))
  }

  @Test(arguments: ElementType.floats) func s1_10_powIsThatOfC(_ type: ElementType) throws {
    let x = try tensor(type, [2, 0, -8, -2, -2, 0, .infinity, -0.0])
    let y = try tensor(type, [10, -1, 0.5, 3, 2, 0, -1, 3])
    #expect(same(doubles(try result(.pow, x, y)), [1024, .infinity, .nan, -8, 4, 1, 0, -0.0]))
  }

  @Test(arguments: ElementType.floats) func s1_11_maxAndMinOrderZeros(_ type: ElementType) throws {
    let x = try tensor(type, [0, -0.0, 1, .nan, -.infinity])
    let y = try tensor(type, [-0.0, 0, .nan, 1, 2])
    #expect(same(doubles(try result(.max, x, y)), [0, 0, .nan, .nan, 2]))
    #expect(same(doubles(try result(.min, x, y)), [-0.0, -0.0, .nan, .nan, -.infinity]))
  }

  @Test func s1_12_movedElementsKeepTheirBits() throws {
    // Signalling NaNs, which arithmetic would make quiet.
    let patterns: [UInt32] = [0x7F80_0001, 0xFFA5_5A5A, 0x7FC0_0000, 0x8000_0000]
    let x = Tensor(patterns.map { Float(bitPattern: $0) })
    func bits(_ tensor: Tensor) -> [UInt32] {
      tensor.withUnsafeBytes { bytes in (0..<4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
    }
    #expect(bits(try result(.reverse, x, attributes: ["axes": .ints([0])])) == patterns.reversed())
    #expect(bits(try result(.select, Tensor([true, true, false, true]), x, x)) == patterns)
    #expect(bits(try result(.gather, x, Tensor([Int32(0), 1, 2, 3]), attributes: ["axis": .int(0)])) == patterns)
    #expect(bits(try result(.bitcast, x, stated: type(.u32, [4]))) == patterns)
    let narrow = try Tensor(.f16, shape: [2], storage: Tensor([UInt16(0x7C01), 0xFD55]).storage)
    let chosen = try result(.select, Tensor([true, false]), narrow, narrow)
    #expect(try result(.bitcast, chosen, stated: type(.u16, [2])).values(as: UInt16.self) == [0x7C01, 0xFD55])
  }
}
