@testable import ApusRuntime
import Testing

@Suite struct ForeignTests {
  @Test func callsACFunctionOfManyTypes() {
    typealias Function = @convention(c) (
      Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Float, Double
    ) -> Int32
    let function: Function = { a, b, c, d, e, f, g, h, x, y in
      a == -1 && b == 255 && c == -2 && d == 65535 && e == -3 && f == .max && g == -4 && h == .max
        && x == 1.5 && y == -2.25 ? -77 : 1
    }
    let call = ForeignCall([.s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64, .f32, .f64], returning: .s32)
    var slots: [UInt64] = [
      0xFF, 0xFF, 0xFFFE, 0xFFFF, 0xFFFF_FFFD, 0xFFFF_FFFF, UInt64(bitPattern: -4), .max,
      UInt64(Float(1.5).bitPattern), (-2.25).bitPattern,
    ]
    let result = call.call(unsafeBitCast(function, to: UnsafeRawPointer.self), &slots)
    #expect(Int32(truncatingIfNeeded: result) == -77)
  }

  @Test func callsAFunctionWithoutArguments() {
    let function: @convention(c) () -> Void = {}
    var slots: [UInt64] = []
    _ = ForeignCall([], returning: .void).call(unsafeBitCast(function, to: UnsafeRawPointer.self), &slots)
  }

  @Test func callsMoreArgumentsThanThereAreRegisters() {
    typealias Function = @convention(c) (
      Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64
    ) -> Int32
    let function: Function = { a, b, c, d, e, f, g, h, i, j, k, l in
      Int32(a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l)
    }
    var slots: [UInt64] = (1...12).map { $0 }
    let call = ForeignCall(Array(repeating: .s64, count: 12), returning: .s32)
    #expect(call.call(unsafeBitCast(function, to: UnsafeRawPointer.self), &slots) == 650)
  }

  @Test func aClosureIsAFunctionPointer() throws {
    let factor: Int64 = 10
    let call = ForeignCall([.s64, .f64], returning: .s64)
    let closure = try ForeignClosure(call) { arguments in
      let x = arguments[0]?.load(as: Int64.self) ?? 0
      let y = arguments[1]?.load(as: Double.self) ?? 0
      return x * factor + Int64(y)
    }
    let function = unsafeBitCast(closure.pointer, to: (@convention(c) (Int64, Double) -> Int64).self)
    #expect(function(7, 3.0) == 73)
    #expect(function(-7, -3.0) == -73)
    var slots: [UInt64] = [4, 2.0.bitPattern]
    #expect(call.call(closure.pointer, &slots) == 42, "libffi calls its own closure")
    withExtendedLifetime(closure) {}
  }

  @Test func aNegativeIntResultKeepsItsSign() throws {
    let closure = try ForeignClosure(ForeignCall([], returning: .s32)) { _ in -5 }
    let function = unsafeBitCast(closure.pointer, to: (@convention(c) () -> Int32).self)
    #expect(function() == -5)
    withExtendedLifetime(closure) {}
  }
}
