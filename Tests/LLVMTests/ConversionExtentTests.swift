import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

private let machines = [Machine.host()] + Machine.presets.filter {
  // What the host can run of the named machines: the oldest of its architecture.
  $0.cpuName == "x86-64" && Machine.Architecture.compiledFor == .x86_64
}

/// Conversions of integers to floats against Swift's own, and of all 16-bit floats to every integer type; a single lane
/// and many.
@Suite struct ConversionExtentTests {
  /// Powers of two, their neighbours near and far, and a spread.
  private func samples<T: FixedWidthInteger>(_ type: T.Type) -> [T] {
    var found: [T] = [0, 1, .max, .min]
    for shift in 0..<T.bitWidth {
      let power = T(truncatingIfNeeded: UInt64(1) << shift)
      for step in 0..<T.bitWidth {
        let distance = T(truncatingIfNeeded: UInt64(1) << step)
        found += [power &+ distance, power &- distance, power &+ distance &+ 1, power &+ distance &- 1]
        found += [0 &- power &- distance, 0 &- power &+ distance &- 1]
      }
    }
    for i in 0..<1_000 {
      let bits = UInt64(i + 1) &* 0x9e37_79b9_7f4a_7c15
      found.append(T(truncatingIfNeeded: bits >> UInt64(i % T.bitWidth)))
    }
    return found
  }

  private func check<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ element: ElementType, _ machine: Machine
  ) throws {
    let values = samples(type)
    let single = try ElementConverter(element, .f32, machine, lanes: 8)(values, filling: Float(7))
    let double = try ElementConverter(element, .f64, machine, lanes: 8)(values, filling: Double(7))
    let half = try ElementConverter(element, .f16, machine, lanes: 8)(values, filling: UInt16(7))
    for (i, x) in values.enumerated() {
      if single[i] != Float(x) { Issue.record("\(element) \(x) became f32 \(single[i]), not \(Float(x))") }
      if double[i] != Double(x) { Issue.record("\(element) \(x) became f64 \(double[i]), not \(Double(x))") }
      let nearest = Float16(x).bitPattern
      if half[i] != nearest { Issue.record("\(element) \(x) became f16 \(half[i]), not \(nearest)") }
    }
    #expect(try ElementConverter(element, .f32, machine, lanes: 1)(values, filling: Float(7)) == single)
    #expect(try ElementConverter(element, .f64, machine, lanes: 1)(values, filling: Double(7)) == double)
    #expect(try ElementConverter(element, .f16, machine, lanes: 1)(values, filling: UInt16(7)) == half)
  }

  @Test(arguments: machines) func integersToFloats(_ machine: Machine) throws {
    try check(Int8.self, .s8, machine)
    try check(UInt8.self, .u8, machine)
    try check(Int16.self, .s16, machine)
    try check(UInt16.self, .u16, machine)
    try check(Int32.self, .s32, machine)
    try check(UInt32.self, .u32, machine)
    try check(Int64.self, .s64, machine)
    try check(UInt64.self, .u64, machine)
  }

  private func checkSaturation<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ element: ElementType, _ machine: Machine
  ) throws {
    let patterns = Array(UInt16.min...UInt16.max)
    for (from, number) in [
      (ElementType.f16, { (bits: UInt16) in Float(Float16(bitPattern: bits)) }),
      (ElementType.bf16, { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }),
    ] {
      let got = try ElementConverter(from, element, machine, lanes: 16)(patterns, filling: T.zero)
      for (bits, result) in zip(patterns, got) {
        let x = number(bits)
        let whole = T(exactly: x.rounded(.towardZero))
        let want = x.isNaN ? 0 : whole ?? (x < 0 ? .min : .max)
        if result != want { Issue.record("\(from) \(x) became \(element) \(result), not \(want)") }
      }
      #expect(try ElementConverter(from, element, machine, lanes: 1)(patterns, filling: T.zero) == got)
    }
  }

  @Test(arguments: machines) func everyHalfToIntegers(_ machine: Machine) throws {
    try checkSaturation(Int8.self, .s8, machine)
    try checkSaturation(UInt8.self, .u8, machine)
    try checkSaturation(Int16.self, .s16, machine)
    try checkSaturation(UInt16.self, .u16, machine)
    try checkSaturation(Int32.self, .s32, machine)
    try checkSaturation(UInt32.self, .u32, machine)
    try checkSaturation(Int64.self, .s64, machine)
    try checkSaturation(UInt64.self, .u64, machine)
  }

  @Test(arguments: machines) func everyBF16ReturnsFromF32(_ machine: Machine) throws {
    let patterns = Array(UInt16.min...UInt16.max)
    let wide = try ElementConverter(.bf16, .f32, machine, lanes: 8)(patterns, filling: Float(0))
    let back = try ElementConverter(.f32, .bf16, machine, lanes: 8)(wide, filling: UInt16(0))
    for (bits, (x, again)) in zip(patterns, zip(wide, back)) {
      let exact = x.bitPattern == UInt32(bits) << 16
      if !exact || (x.isNaN ? again & 0x7fff <= 0x7f80 : again != bits) { Issue.record("bf16 \(bits): \(x), \(again)") }
    }
  }
}

/// Converts whole arrays, `lanes` elements at a time.
struct ElementConverter {
  private let jit: JIT
  private let kernel: @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void
  private let lanes: Int

  init(_ from: ElementType, _ to: ElementType, _ machine: Machine, lanes: Int) throws {
    let emitter = Emitter("convert", for: try TargetMachine(machine))
    let pointer = CodeParameter(type: emitter.types.pointer, noAlias: true)
    let (source, result) = (emitter.types.storage(from), emitter.types.storage(to))
    emitter.function("convert", [pointer, pointer, CodeParameter(type: emitter.types.i64)]) { f in
      emitter.forLoop(emitter.index(0), f.parameters[2], step: lanes) { i in
        let x = emitter.load(source.vector(lanes), emitter.offset(f.parameters[0], source, by: i))
        let y = emitter.convert(emitter.fromStorage(x, from), from: from, to: to)
        emitter.store(emitter.toStorage(y, to), emitter.offset(f.parameters[1], result, by: i))
      }
    }
    jit = try JIT(for: machine)
    try jit.add(emitter.objectFile())
    typealias Kernel = @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void
    kernel = unsafeBitCast(try jit.lookup("convert"), to: Kernel.self)
    self.lanes = lanes
  }

  func callAsFunction<S: BitwiseCopyable & ExpressibleByIntegerLiteral, T: BitwiseCopyable>(
    _ input: [S], filling filler: T
  ) -> [T] {
    let padded = input + [S](repeating: 0, count: (lanes - input.count % lanes) % lanes)
    var output = [T](repeating: filler, count: padded.count)
    kernel(padded, &output, padded.count)
    return Array(output[..<input.count])
  }
}
