import ApusTarget
import Foundation
import Testing

@testable import ApusLLVM

/// Functions that are judged on all f32 patterns or a dense sample of them.
let unaryMathFunctions = MathFunction.allCases.filter { $0.operandCount == 1 }

@Suite struct VectorMathTests {
  static let host = Machine.host()

  /// Lane count 1, the host's registers, and more than fit one register.
  @Test(arguments: MathFunction.allCases) func singleIsWithinTwoUnits(_ function: MathFunction) throws {
    let (a, b) = function.operandCount == 1 ? singles(every: 1 << 12) : singlePairs()
    let wide = try MathKernels([function], double: false, lanes: Self.host.vectorBytes / 4)
    let out = try wide.run(function, a, b, zero: 0)
    #expect(worstSingle(function, a, b, out) <= 2)
    for lanes in [1, 2, 4, 2 * wide.lanes] {
      let other = try MathKernels([function], double: false, lanes: lanes)
      #expect(sameBits(try other.run(function, a, b, zero: 0), out), "\(lanes) lanes differ")
    }
  }

  @Test(arguments: MathFunction.allCases) func singleIsWithinTwoUnitsWithoutFMA(_ function: MathFunction) throws {
    let (a, b) = function.operandCount == 1 ? singles(every: 1 << 14) : singlePairs()
    let target = Self.host.withoutFMA
    let wide = try MathKernels([function], double: false, lanes: 8, target: target)
    let out = try wide.run(function, a, b, zero: 0)
    #expect(worstSingle(function, a, b, out) <= 2)
    let one = try MathKernels([function], double: false, lanes: 1, target: target)
    #expect(sameBits(try one.run(function, a, b, zero: 0), out))
  }

  #if arch(x86_64) && !os(Windows)
    @Test(arguments: MathFunction.allCases, [true, false])
    func doubleIsWithinTwoUnits(_ function: MathFunction, fuses: Bool) throws {
      let target = fuses ? Self.host : Self.host.withoutFMA
      let (a, b) = function.operandCount == 1 ? doubles(9_000) : pairs(doubles(360).0)
      let wide = try MathKernels([function], double: true, lanes: target.vectorBytes / 8, target: target)
      let out = try wide.run(function, a, b, zero: 0)
      var worst = (error: 0.0, index: 0)
      for i in a.indices {
        let error = unitsInTheLastPlace(out[i], mathReference(function, Float80(a[i]), Float80(b[i])))
        if error > worst.error { worst = (error, i) }
      }
      let place = worst.index
      #expect(worst.error <= 2, "\(function)(\(a[place]), \(b[place])) = \(out[place])")
      let one = try MathKernels([function], double: true, lanes: 1, target: target)
      #expect(sameBits(try one.run(function, a, b, zero: 0), out))
    }
  #endif

  /// All 2³² operands. Minutes for each function, so only when asked for, and best in a release build.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["APUS_EXHAUSTIVE"] == "1"), arguments: unaryMathFunctions)
  func everySingleIsWithinTwoUnits(_ function: MathFunction) throws {
    let kernels = try MathKernels([function], double: false, lanes: Self.host.vectorBytes / 4)
    let chunk = 1 << 20
    var worst = 0.0
    for start in stride(from: 0, to: 1 << 32, by: chunk) {
      let a = (0..<chunk).map { Float(bitPattern: UInt32(start + $0)) }
      worst = max(worst, worstSingle(function, a, a, try kernels.run(function, a, a, zero: 0)))
    }
    #expect(worst <= 2)
    print("\(function): \(worst) units over all f32")
  }

  @Test(arguments: Machine.presets) func callsNoLibrary(_ machine: Machine) throws {
    for double in [false, true] {
      for lanes in [1, machine.lanes(bytes: double ? 8 : 4)] {
        let emitter = try MathKernels.emitter(MathFunction.allCases, double: double, lanes: lanes, target: machine)
        let lines = try emitter.assembly().split(separator: "\n")
        let calls = lines.filter { $0.contains("\tcall") || $0.contains("\tbl\t") || $0.contains("\tjmp\t") }
        let allowed = ["apus.reduce.angle", ".LBB"]
        #expect(calls.allSatisfy { call in allowed.contains { call.contains($0) } }, "\(calls)")
      }
    }
  }
}

/// Values at which functions change course, both signs.
private let landmarks: [Double] = [
  0, 1, 0.5, 2, 3, 4, 10, 0.375, 0.625, 0.4142135623730951, 2.414213562373095, .pi, .pi / 2, .pi / 4, 88.72283,
  103.97208, 709.7827, 745.1332, 9.1, 22, 3.92, 5.95, 0x1p-126, 0x1p-149, 0x1p-1022, 0x1p-1074, 0x1p20, 0x1p24, 0x1p52,
  0x1p53, 0x1p53 + 2, 0x1p127, 3.4028234663852886e38, 1.7976931348623157e308, .infinity,
]

private func bothSigns(_ values: [Double]) -> [Double] { values + values.map { -$0 } + [.nan] }

/// Patterns `step` apart with scrambled low bits, and the neighbourhoods of the landmarks.
private func singles(every step: Int) -> ([Float], [Float]) {
  var samples = [Float](repeating: 0, count: (1 << 32) / step)
  for i in samples.indices {
    samples[i] = Float(bitPattern: UInt32(i * step) | scrambled(i) & UInt32(step - 1))
  }
  let special = bothSigns(landmarks).map { Float($0) }
  let all = padded(samples + special + special.map(\.nextUp) + special.map(\.nextDown))
  return (all, all)
}

private func scrambled(_ i: Int) -> UInt32 {
  UInt32(truncatingIfNeeded: (UInt64(i + 1) &* 0x9e37_79b9_7f4a_7c15) >> 32)
}

/// All pairs of landmarks and of some hundred values spread over all exponents.
private func singlePairs() -> ([Float], [Float]) {
  let spread = (0..<160).map { i -> Float in
    i % 2 == 0 ? Float(bitPattern: scrambled(i)) : Float(Int32(bitPattern: scrambled(i))) * 0x1p-26
  }
  return pairs(bothSigns(landmarks).map { Float($0) } + spread)
}

/// Landmarks, their neighbours, near multiples of π/4, and `count` values spread over all exponents, over ±16 and ±2.
private func doubles(_ count: Int) -> ([Double], [Double]) {
  let special = bothSigns(landmarks)
  let near = special.map(\.nextUp) + special.map(\.nextDown)
  let multiples = (0..<50).map { (Double($0 * $0 * $0) * .pi / 4).nextDown }
  let spread = (0..<count).map { i -> Double in
    let bits = UInt64(i + 1) &* 0x9e37_79b9_7f4a_7c15
    switch i % 3 {
    case 0: return Double(bitPattern: bits)
    case 1: return Double(Int64(bitPattern: bits)) * 0x1p-59
    case _: return Double(Int64(bitPattern: bits)) * 0x1p-62
    }
  }
  let all = padded(special + near + multiples + spread)
  return (all, all)
}

private func pairs<Element>(_ values: [Element]) -> ([Element], [Element]) {
  let all = values.flatMap { x in values.map { (x, $0) } }
  return (padded(all.map(\.0)), padded(all.map(\.1)))
}

private func padded<Element>(_ values: [Element]) -> [Element] {
  guard let last = values.last else { return [] }
  return values + [Element](repeating: last, count: (64 - values.count % 64) % 64)
}

private func worstSingle(_ function: MathFunction, _ a: [Float], _ b: [Float], _ out: [Float]) -> Double {
  var worst = 0.0
  a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      out.withUnsafeBufferPointer { out in
        var i = 0
        while i < out.count {
          let want = mathReference(function, Double(a[i]), Double(b[i]))
          // Most results are the nearest f32; measuring is slow in a debug build.
          if Float(want).bitPattern != out[i].bitPattern {
            worst = max(worst, unitsInTheLastPlace(out[i], want))
          }
          i += 1
        }
      }
    }
  }
  return worst
}

private func sameBits<Element>(_ a: [Element], _ b: [Element]) -> Bool {
  a.withUnsafeBytes { a in
    b.withUnsafeBytes { b in
      guard a.count == b.count, let x = a.baseAddress, let y = b.baseAddress else { return a.isEmpty && b.isEmpty }
      return memcmp(x, y, a.count) == 0
    }
  }
}
