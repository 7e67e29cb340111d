import ApusONNX
import ApusTensor
import Testing

/// Conversions to and from element types of 2 to 8 bits.
@Suite struct NarrowCastTests {
  private static let floats: [NarrowType] = [
    .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1, .float6e2m3, .float6e3m2,
  ]

  private static func cast(_ x: Tensor, to type: NarrowType, saturate: Int = 1, mode: String? = nil) throws -> Tensor {
    var attributes: [(String, ModelWriter.Attribute)] = [("to", .int(Int(type.rawValue))), ("saturate", .int(saturate))]
    if let mode { attributes.append(("round_mode", .string(mode))) }
    var node = ModelWriter.Node("Cast", ["x"], ["y"])
    node.attributes = attributes.map { (name: $0.0, value: $0.1) }
    let model = ModelWriter(opset: 28, inputs: [.tensor("x", x.elementType, ["N"])], outputs: ["y"], nodes: [node])
    return try model.result(["x": x])
  }

  /// Numbers around all that a format has, and what each becomes: halfway between two, the one whose code is even.
  private static func roundings<T: BinaryFloatingPoint>(_ type: NarrowType, as: T.Type) -> [(x: T, y: Double)] {
    let values = NarrowTypeTests.values(type)
    let half = values.count / 2
    let sizes = values[..<half].compactMap { $0 }.filter(\.isFinite)
    var result: [(T, Double)] = [(0, 0), (T.leastNonzeroMagnitude, 0)]
    for (code, (low, high)) in zip(sizes, sizes.dropFirst()).enumerated() {
      let middle = T((low + high) / 2)
      result += [(T(low), low), (middle.nextDown, low), (middle, code % 2 == 0 ? low : high), (middle.nextUp, high), (T(high), high)]
    }
    return result + result.map { (-$0.0, -$0.1) }
  }

  private static func check(_ y: Tensor, _ expected: [Double], _ type: NarrowType) {
    #expect(y.elementType == type.carrier)
    for (index, value) in expected.enumerated() {
      let found = NarrowTypeTests.number(y, index)
      let zero = type == .float8e4m3fnuz || type == .float8e5m2fnuz ? 0.0 : value
      let wanted = value == 0 ? zero : value
      #expect(found == wanted && found.sign == wanted.sign || found.isNaN && wanted.isNaN, "element \(index): \(found), not \(wanted)")
    }
  }

  @Test(arguments: floats, [0, 1]) func floatsRoundOnceToNearest(_ type: NarrowType, _ saturate: Int) throws {
    let single = Self.roundings(type, as: Float.self)
    Self.check(try Self.cast(Tensor(single.map(\.x)), to: type, saturate: saturate), single.map(\.y), type)
    let double = Self.roundings(type, as: Double.self)
    Self.check(try Self.cast(Tensor(double.map(\.x)), to: type, saturate: saturate), double.map(\.y), type)
    let half = Self.roundings(type, as: Float16.self)
    Self.check(try Self.cast(Tensor(half.map(\.x)), to: type, saturate: saturate), half.map(\.y), type)
  }

  @Test(arguments: floats) func whatIsOutOfRangeSaturates(_ type: NarrowType) throws {
    let largest = NarrowTypeTests.values(type).compactMap { $0 }.filter(\.isFinite).max() ?? 0
    let nan = type.bitCount == 8 ? Double.nan : -0.0
    let x = [largest * 1.01, largest * 2, 1e30, .infinity, -.infinity, -1e30, .nan]
    let y = [largest, largest, largest, largest, -largest, -largest, nan]
    Self.check(try Self.cast(Tensor(x), to: type), y, type)
    Self.check(try Self.cast(Tensor(x.map { Float($0) }), to: type), y, type)
  }

  @Test(arguments: floats) func withoutSaturationItIsInfiniteOrNoNumber(_ type: NarrowType) throws {
    let largest = NarrowTypeTests.values(type).compactMap { $0 }.filter(\.isFinite).max() ?? 0
    let step = largest - (NarrowTypeTests.values(type).compactMap { $0 }.filter { $0 < largest }.max() ?? 0)
    // Just below the middle of what would be the next number still rounds down.
    let x = [largest + step * 0.499, largest + step * 0.501, 1e30, .infinity, -.infinity, -1e30]
    let beyond = type == .float8e5m2 ? Double.infinity : type.bitCount == 8 ? .nan : largest
    let y = [largest, beyond, beyond, beyond, -beyond, -beyond]
    Self.check(try Self.cast(Tensor(x), to: type, saturate: 0), y, type)
  }

  @Test func integersBecomeTheNearestFloat() throws {
    let x = Tensor([0, 1, 17, 18, 19, -25, 464, 465, .max, .min] as [Int64])
    Self.check(try Self.cast(x, to: .float8e4m3fn), [0, 1, 16, 18, 20, -24, 448, 448, 448, -448], .float8e4m3fn)
    Self.check(try Self.cast(Tensor([true, false]), to: .float4e2m1), [1, 0], .float4e2m1)
  }

  @Test func integersLoseTheirHighBits() throws {
    let x = Tensor([-9, -8, -1, 0, 7, 8, 15, 16, 200] as [Int32])
    #expect(try Self.cast(x, to: .int4) == Tensor([7, -8, -1, 0, 7, -8, -1, 0, -8] as [Int8]))
    #expect(try Self.cast(x, to: .uint4) == Tensor([7, 8, 15, 0, 7, 8, 15, 0, 8] as [UInt8]))
    #expect(try Self.cast(x, to: .int2) == Tensor([-1, 0, -1, 0, -1, 0, -1, 0, 0] as [Int8]))
    #expect(try Self.cast(x, to: .uint2) == Tensor([3, 0, 3, 0, 3, 0, 3, 0, 0] as [UInt8]))
    #expect(try Self.cast(Tensor([-1.9, 2.9, 9] as [Float]), to: .int4) == Tensor([-1, 2, -7] as [Int8]))
  }

  @Test(arguments: ["up", "down", "nearest"]) func powersOfTwoRoundAsAsked(_ mode: String) throws {
    let x: [Double] = [1, 1.25, 1.5, 1.75, 3, 0x1p-127, 0x1.2p-127, 0, 0x1p-200, 0x1.8p127, .infinity, .nan]
    let least = 0x1p-127
    let most = 0x1p127
    let y: [Double]
    switch mode {
    case "up": y = [1, 2, 2, 2, 4, least, 2 * least, least, least, most, most, .nan]
    case "down": y = [1, 1, 1, 1, 2, least, least, least, least, most, most, .nan]
    default: y = [1, 1, 2, 2, 4, least, least, least, least, most, most, .nan]
    }
    Self.check(try Self.cast(Tensor(x), to: .float8e8m0, mode: mode), y, .float8e8m0)
    var unsaturated = y
    for index in [7, 8, 10] { unsaturated[index] = .nan }
    if mode != "down" { unsaturated[9] = .nan }
    Self.check(try Self.cast(Tensor(x), to: .float8e8m0, saturate: 0, mode: mode), unsaturated, .float8e8m0)
  }

  @Test func bitsOfOneTypeAreThoseOfAnother() throws {
    func bits(_ x: Tensor, _ middle: NarrowType, back: Int32) throws -> Tensor {
      let model = ModelWriter(
        opset: 26, inputs: [.tensor("x", x.elementType, ["N"])], outputs: ["y"],
        nodes: [
          .init("BitCast", ["x"], ["m"], ["to": .int(Int(middle.rawValue))]), .init("BitCast", ["m"], ["y"], ["to": .int(Int(back))]),
        ])
      return try model.result(["x": x])
    }
    let bytes = Tensor((0..<124).map { UInt8($0) })
    for type in NarrowType.allCases where type.bitCount == 8 {
      #expect(try bits(bytes, type, back: ElementType.u8.onnxDataType) == bytes, "\(type)")
    }
    let model = ModelWriter(
      opset: 26, inputs: [.tensor("x", .u8, ["N"])], outputs: ["y"],
      nodes: [
        .init("Cast", ["x"], ["a"], ["to": .int(Int(NarrowType.uint4.rawValue))]),
        .init("BitCast", ["a"], ["b"], ["to": .int(Int(NarrowType.int4.rawValue))]),
        .init("BitCast", ["b"], ["c"], ["to": .int(Int(NarrowType.float4e2m1.rawValue))]), .init("Cast", ["c"], ["y"], ["to": 1]),
      ])
    let codes = Tensor((0..<16).map { UInt8($0) })
    let y = try model.result(["x": codes])
    #expect((0..<16).map { NarrowTypeTests.number(y, $0) } == NarrowTypeTests.values(.float4e2m1).map { $0 ?? .nan })
  }
}
