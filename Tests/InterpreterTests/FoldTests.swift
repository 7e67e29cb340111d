import ApusIR
import ApusSupport
import ApusTensor
import Testing

@Suite struct FoldTests {
  private func fold(_ code: OpCode, _ x: Tensor, axes: [Int], keepDims: Bool = false) throws -> Tensor {
    try result(code, x, attributes: ["axes": .ints(axes), "keep_dims": .bool(keepDims)])
  }

  @Test(arguments: ElementType.numbers) func s4_1_foldsOfNothing(_ type: ElementType) throws {
    let empty = try Tensor.zeros(type, shape: [2, 0])
    #expect(doubles(try fold(.reduceSum, empty, axes: [1])) == [0, 0])
    #expect(doubles(try fold(.reduceProd, empty, axes: [1])) == [1, 1])
    let lowest = type.isFloat ? Scalar.float(-.infinity) : type.smallest
    let highest = type.isFloat ? Scalar.float(.infinity) : type.largest
    #expect(scalars(try fold(.reduceMax, empty, axes: [1])) == [lowest, lowest])
    #expect(scalars(try fold(.reduceMin, empty, axes: [1])) == [highest, highest])
    #expect(try fold(.reduceSum, empty, axes: [0]).shape == [0])
  }

  @Test(arguments: ElementClass.bits.members) func s4_1_logicOfNothing(_ type: ElementType) throws {
    let empty = try Tensor.zeros(type, shape: [0])
    let ones: Scalar = type == .bool ? .bool(true) : type.isSignedInteger ? .signed(-1) : type.largest
    #expect(scalars(try fold(.reduceAnd, empty, axes: [0])) == [ones])
    #expect(scalars(try fold(.reduceOr, empty, axes: [0])) == [.zero(type)])
    let x = try tensor(type, [1, 0, 1])
    #expect(doubles(try fold(.reduceAnd, x, axes: [0])) == [0])
    #expect(doubles(try fold(.reduceOr, x, axes: [0])) == [1])
  }

  @Test(arguments: ElementType.floats) func s4_2_floatSumsRoundOnce(_ type: ElementType) throws {
    var generator = SplitMix64(seed: 5)
    let values = (0..<1_001).map { _ in Double.random(in: -1...1, using: &generator) }
    let x = try tensor(type, values, shape: [7, 11, 13])
    let exact = doubles(x).map { Float80($0) }.reduce(0, +)
    let y = doubles(try fold(.reduceSum, x, axes: [0, 1, 2]))[0]
    if type != .f64 {
      #expect(y == Scalar.float(Double(exact)).converted(to: type).asDouble)
    }
    let bound = 1_001 * 0x1p-53 * doubles(x).map(abs).reduce(0, +) + 0x1p-53 * abs(y)
    if type == .f64 { #expect(abs(y - Double(exact)) <= bound) }
    // A partial sum in f16 would overflow, one in f32 does not.
    if type == .f16 {
      #expect(doubles(try fold(.reduceSum, try tensor(.f16, [60_000, 60_000, -60_000]), axes: [0])) == [60_000])
    }
    #expect(doubles(try fold(.reduceProd, try tensor(type, [2, 3, 4, 0.5]), axes: [0])) == [12])
  }

  @Test(arguments: ElementType.integers) func s4_3_integerSumsWrap(_ type: ElementType) throws {
    let x = try tensor(type, exactly: [type.largest, .signed(1), .signed(1)])
    let next = Scalar.signed(1).converted(to: type)
    let expected: Scalar = type.isSignedInteger ? .signed(Int64(type.smallest.asDouble) &+ 1) : next
    #expect(scalars(try fold(.reduceSum, x, axes: [0])) == [type == .s64 ? .signed(.min + 1) : expected])
    let half = Double(type.bitWidth / 2)
    let power = try result(.pow, try tensor(type, [2, 2]), try tensor(type, [half, half]))
    #expect(doubles(try fold(.reduceProd, power, axes: [0])) == [0])
  }

  @Test(arguments: ElementType.floats) func s4_4_maxAndMinTakeNaN(_ type: ElementType) throws {
    let x = try tensor(type, [1, .nan, 3, -0.0, 0, -0.0], shape: [2, 3])
    #expect(same(doubles(try fold(.reduceMax, x, axes: [1])), [.nan, 0]))
    #expect(same(doubles(try fold(.reduceMin, x, axes: [1])), [.nan, -0.0]))
  }

  @Test func s4_5_keepDimsLeavesAxesOfOne() throws {
    let x = Tensor((0..<24).map { Int32($0) }, shape: [2, 3, 4])
    let y = try fold(.reduceSum, x, axes: [2, 0], keepDims: true)
    #expect(y == Tensor([Int32(60), 92, 124], shape: [1, 3, 1]))
    #expect(try fold(.reduceSum, x, axes: [2, 0]) == Tensor([Int32(60), 92, 124]))
    #expect(try fold(.reduceMax, x, axes: []) == x)
  }

  private func scan(
    _ x: Tensor, kind: String = "sum", axis: Int = 0, exclusive: Bool = false, reverse: Bool = false
  ) throws -> Tensor {
    try result(
      .scan, x,
      attributes: [
        "axis": .int(axis), "kind": .name(kind), "exclusive": .bool(exclusive), "reverse": .bool(reverse),
      ])
  }

  @Test func s4_9_scanRoundsEachStep() throws {
    let x = Tensor([Float(0x1p24), 1, 1, -0x1p24])
    // One after the other each 1 is lost; a sum of all at once would keep them.
    #expect(try scan(x).values(as: Float.self) == [0x1p24, 0x1p24, 0x1p24, 0])
    let narrow = try tensor(.f16, [2_048, 1, 1, 1])
    #expect(doubles(try scan(narrow)) == [2_048, 2_048, 2_050, 2_052])
    #expect(try scan(Tensor([Int8(100), 100, 100])).values(as: Int8.self) == [100, -56, 44])
  }

  @Test(arguments: ElementType.numbers) func s4_10_scanMayBeExclusiveAndReversed(_ type: ElementType) throws {
    let x = try tensor(type, [1, 2, 3, 4, 5, 6], shape: [2, 3])
    #expect(doubles(try scan(x, axis: 1)) == [1, 3, 6, 4, 9, 15])
    #expect(doubles(try scan(x, axis: 0)) == [1, 2, 3, 5, 7, 9])
    #expect(doubles(try scan(x, axis: 1, exclusive: true)) == [0, 1, 3, 0, 4, 9])
    #expect(doubles(try scan(x, axis: 1, exclusive: true, reverse: true)) == [5, 3, 0, 11, 6, 0])
    #expect(doubles(try scan(x, kind: "prod", axis: 1, reverse: true)) == [6, 6, 3, 120, 30, 6])
    let lowest = type.isFloat ? Scalar.float(-.infinity) : type.smallest
    #expect(scalars(try scan(x, kind: "max", axis: 0, exclusive: true))[0] == lowest)
    #expect(doubles(try scan(try tensor(type, [3, 1, 2]), kind: "min")) == [3, 1, 1])
    #expect(try scan(try Tensor.zeros(type, shape: [3, 0]), axis: 1).shape == [3, 0])
  }

  private func pool(
    _ x: Tensor, _ kind: String, _ window: [Int], strides: [Int] = [], pads: [Int] = [], dilations: [Int] = []
  ) throws -> Tensor {
    try result(
      .reduceWindow, x,
      attributes: [
        "kind": .name(kind), "window": .ints(window), "strides": .ints(strides), "pads": .ints(pads),
        "dilations": .ints(dilations),
      ])
  }

  @Test(arguments: ElementType.numbers) func s4_14_paddingOfAWindowIsNeutral(_ type: ElementType) throws {
    let x = try tensor(type, [1, 2, 3])
    #expect(doubles(try pool(x, "sum", [2], pads: [1, 1])) == [1, 3, 5, 3])
    #expect(doubles(try pool(x, "prod", [2], pads: [1, 1])) == [1, 2, 6, 3])
    let low = scalars(try pool(x, "max", [2], pads: [2, 0]))
    let high = scalars(try pool(x, "min", [2], pads: [2, 0]))
    #expect(low[0] == (type.isFloat ? .float(-.infinity) : type.smallest))
    #expect(high[0] == (type.isFloat ? .float(.infinity) : type.largest))
    #expect(low[1...].map(\.asDouble) == [1, 2, 3])
  }

  @Test func s4_15_windowsFoldLikeReductions() throws {
    let x = Tensor((0..<20).map { Float($0) }, shape: [1, 4, 5])
    let sums = try pool(x, "sum", [2, 3], strides: [2, 1])
    #expect(sums == Tensor([Float(21), 27, 33, 81, 87, 93], shape: [1, 2, 3]))
    let maxima = try pool(x, "max", [2, 2], dilations: [2, 3])
    #expect(maxima == Tensor([Float(13), 14, 18, 19], shape: [1, 2, 2]))
    let withNaN = try pool(Tensor([1, Float.nan, 3, 4]), "max", [2])
    #expect(same(doubles(withNaN), [.nan, .nan, 4]))
    let wrapping = try pool(Tensor([Int8(100), 100, 1]), "sum", [2])
    #expect(wrapping.values(as: Int8.self) == [-56, 101])
    #expect(try pool(try Tensor.zeros(.f32, shape: [0, 4, 5]), "sum", [2, 2]).shape == [0, 3, 4])
  }
}
