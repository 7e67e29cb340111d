import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// The host as it is, and as the oldest x86 that Apus runs on, which has none of the conversions we could lean on.
private let targets = [Machine.host()] + (Machine.preset("x86-64").map { [$0] } ?? []).filter {
  $0.architecture == .compiledFor
}

@Suite struct ConversionTests {
  /// Converts whole arrays eight lanes at a time.
  struct Converter {
    private let jit: JIT
    private let kernel: @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void

    init(_ from: ElementType, _ to: ElementType, _ target: Machine) throws {
      let e = Emitter("convert", for: try TargetMachine(target))
      let pointer = CodeParameter(type: e.types.pointer, noAlias: true)
      let (source, result) = (e.types.storage(from), e.types.storage(to))
      e.function("convert", [pointer, pointer, CodeParameter(type: e.types.i64)]) { f in
        e.forLoop(e.index(0), f.parameters[2], step: 8) { i in
          let x = e.load(source.vector(8), e.offset(f.parameters[0], source, by: i))
          let y = e.convert(e.fromStorage(x, from), from: from, to: to)
          e.store(e.toStorage(y, to), e.offset(f.parameters[1], result, by: i))
        }
      }
      jit = try JIT(for: target)
      try jit.add(e.objectFile())
      typealias Kernel = @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void
      kernel = unsafeBitCast(try jit.lookup("convert"), to: Kernel.self)
    }

    func callAsFunction<S: BitwiseCopyable, T: BitwiseCopyable>(_ input: [S], filling zero: T) -> [T] {
      let padded = input + [S](repeating: input[0], count: (8 - input.count % 8) % 8)
      var output = [T](repeating: zero, count: padded.count)
      kernel(padded, &output, padded.count)
      return Array(output[..<input.count])
    }
  }

  /// Every exponent and sign with the mantissas that decide roundings, and a spread of others.
  static let singles: [Float] = {
    let mantissas: [UInt32] = [0, 1, 0x0fff, 0x1000, 0x1001, 0x2000, 0x2fff, 0x3000, 0x7fff, 0x8000, 0x8001, 0x1_7fff,
      0x1_8000, 0x40_0000, 0x55_5555, 0x7f_7fff, 0x7f_8000, 0x7f_efff, 0x7f_f000, 0x7f_ffff]
    return (0..<512).flatMap { high in mantissas.map { Float(bitPattern: UInt32(high) << 23 | $0) } }
  }()

  static let doubles: [Double] = {
    // Neighbours of f32 values whose own rounding to f16 or bf16 is a tie.
    let near = singles.map(Double.init).flatMap { [$0, $0.nextUp, $0.nextDown] }
    return near + [1e300, -1e300, 1e-300, -Double.leastNormalMagnitude / 4, 0x1p-150]
  }()

  /// bf16 by definition: nearest, ties to even.
  static func bf16(_ x: Double) -> UInt16 {
    if x.isNaN { return 0x7fc0 }
    let magnitude = abs(x)
    var (low, high) = (UInt16(0), UInt16(0x7f80))
    // The largest bf16 not above the magnitude, infinity standing for 2¹²⁸.
    func number(_ bits: UInt16) -> Double {
      bits == 0x7f80 ? 0x1p128 : Double(Float(bitPattern: UInt32(bits) << 16))
    }
    if magnitude >= 0x1p128 { return x < 0 ? 0xff80 : 0x7f80 }
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if number(middle) <= magnitude { low = middle } else { high = middle }
    }
    let (below, above) = (magnitude - number(low), number(high) - magnitude)
    let nearest = below < above || (below == above && low % 2 == 0) ? low : high
    return nearest | (x.sign == .minus ? 0x8000 : 0)
  }

  static func isNaN16(_ bits: UInt16, exponent: UInt16) -> Bool { bits & 0x7fff > exponent }

  @Test(arguments: targets) func widensEveryF16(target: Machine) throws {
    let all = (0...UInt16.max).map { $0 }
    let got = try Converter(.f16, .f32, target)(all, filling: Float(0))
    for (bits, value) in zip(all, got) {
      let expected = Float(Float16(bitPattern: bits))
      let same = expected.isNaN ? value.isNaN : value.bitPattern == expected.bitPattern
      if !same { Issue.record("f16 \(bits) became \(value), not \(expected)") }
    }
  }

  @Test(arguments: targets) func narrowsToF16(target: Machine) throws {
    let fromF32 = try Converter(.f32, .f16, target)(Self.singles, filling: UInt16(0))
    for (x, got) in zip(Self.singles, fromF32) {
      let same = x.isNaN ? Self.isNaN16(got, exponent: 0x7c00) : got == Float16(x).bitPattern
      if !same { Issue.record("f32 \(x) became \(Float16(bitPattern: got)), not \(Float16(x))") }
    }
    let fromF64 = try Converter(.f64, .f16, target)(Self.doubles, filling: UInt16(0))
    for (x, got) in zip(Self.doubles, fromF64) {
      let same = x.isNaN ? Self.isNaN16(got, exponent: 0x7c00) : got == Float16(x).bitPattern
      if !same { Issue.record("f64 \(x) became \(Float16(bitPattern: got)), not \(Float16(x))") }
    }
  }

  @Test(arguments: targets) func narrowsToBF16(target: Machine) throws {
    let fromF32 = try Converter(.f32, .bf16, target)(Self.singles, filling: UInt16(0))
    for (x, got) in zip(Self.singles, fromF32) {
      let same = x.isNaN ? Self.isNaN16(got, exponent: 0x7f80) : got == Self.bf16(Double(x))
      if !same { Issue.record("f32 \(x) became \(got), not \(Self.bf16(Double(x)))") }
    }
    let fromF64 = try Converter(.f64, .bf16, target)(Self.doubles, filling: UInt16(0))
    for (x, got) in zip(Self.doubles, fromF64) {
      let same = x.isNaN ? Self.isNaN16(got, exponent: 0x7f80) : got == Self.bf16(x)
      if !same { Issue.record("f64 \(x) became \(got), not \(Self.bf16(x))") }
    }
    #expect(try Converter(.f32, .bf16, target)([Float(bitPattern: 0x0020_0000)], filling: UInt16(0)) == [0x0020])
  }

  @Test(arguments: targets) func roundsIntegersOnce(target: Machine) throws {
    let big: [Int64] = [
      0, 1, -1, 257, -257, 65519, 65520, -65520, 0x1_0100_0000, 0x1_0100_0001, 0x1_00ff_ffff, .max, .min, .max - 1,
      (1 << 62) + (1 << 54), (1 << 62) + (1 << 54) + 1, (1 << 62) + (1 << 54) - 1, -(1 << 62) - (1 << 54) - 1,
      (1 << 53) + 1, -(1 << 52), (1 << 52) - 1,
    ]
    let toBF16 = try Converter(.s64, .bf16, target)(big, filling: UInt16(0))
    let toF16 = try Converter(.s64, .f16, target)(big, filling: UInt16(0))
    for (i, x) in big.enumerated() {
      #expect(toF16[i] == Float16(x).bitPattern, "\(x)")
      // A sum of two exact doubles loses nothing that decides these roundings but the last bits, kept as an ulp.
      let nearest = Double(x)
      let isExact = nearest == 0x1p63 || Int64(nearest) == x
      let exact = isExact ? nearest : Int64(nearest) < x ? nearest.nextUp : nearest.nextDown
      #expect(toBF16[i] == Self.bf16(exact), "\(x)")
    }
    let words: [Int32] = [0x0101_0000, 0x0101_0001, 0x0100_ffff, .max, .min, -0x0101_0001, 16_777_217]
    let fromWords = try Converter(.s32, .bf16, target)(words, filling: UInt16(0))
    for (x, got) in zip(words, fromWords) { #expect(got == Self.bf16(Double(x)), "\(x)") }
    let unsigned: [UInt32] = [.max, 0x8000_0000, 0x8101_0001, 0]
    let fromUnsigned = try Converter(.u32, .f32, target)(unsigned, filling: Float(0))
    #expect(fromUnsigned == unsigned.map { Float($0) })
  }

  @Test(arguments: targets) func saturates(target: Machine) throws {
    func expect<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ element: ElementType) throws {
      let ends = [Double(T.min), Double(T.max)]
      let fixed: [Double] = [.nan, -.nan, .infinity, -.infinity, 0, -0.0, 0.99, -0.99, 1.5, -1.5, 2.5, 1e300, -1e300]
      let doubles = fixed + ends.flatMap { [$0, $0.nextUp, $0.nextDown, $0 + 0.5, $0 - 0.5, $0 + 1, $0 - 1] }
      let singles = doubles.map(Float.init).flatMap { [$0, $0.nextUp, $0.nextDown] }
      func reference(_ x: Double) -> T {
        x.isNaN ? 0 : T(exactly: x.rounded(.towardZero)) ?? (x < 0 ? .min : .max)
      }
      let fromF64 = try Converter(.f64, element, target)(doubles, filling: T.zero)
      for (x, got) in zip(doubles, fromF64) { #expect(got == reference(x), "\(x) as \(element)") }
      let fromF32 = try Converter(.f32, element, target)(singles, filling: T.zero)
      for (x, got) in zip(singles, fromF32) { #expect(got == reference(Double(x)), "\(x) as \(element)") }
    }
    try expect(Int8.self, .s8)
    try expect(Int16.self, .s16)
    try expect(Int32.self, .s32)
    try expect(Int64.self, .s64)
    try expect(UInt8.self, .u8)
    try expect(UInt16.self, .u16)
    try expect(UInt32.self, .u32)
    try expect(UInt64.self, .u64)
  }

  @Test(arguments: targets) func boolsAndWidths(target: Machine) throws {
    let floats = [Float(0), -0.0, .leastNonzeroMagnitude, .nan]
    #expect(try Converter(.f32, .bool, target)(floats, filling: UInt8(7)) == [0, 0, 1, 1])
    #expect(try Converter(.bool, .f64, target)([UInt8(0), 1], filling: 7.0) == [0, 1])
    #expect(try Converter(.bool, .s32, target)([UInt8(0), 1], filling: Int32(7)) == [0, 1])
    #expect(try Converter(.s8, .u32, target)([Int8(-1), 5], filling: UInt32(0)) == [.max, 5])
    #expect(try Converter(.u8, .s64, target)([UInt8(255), 5], filling: Int64(0)) == [255, 5])
    #expect(try Converter(.s32, .s8, target)([Int32(300), -129], filling: Int8(0)) == [44, 127])
  }
}
