import ApusTensor
import Testing

@testable import ApusIR

struct SourceAndLoopRuleTests {
  private func constant(_ value: Scalar, _ type: String) throws -> Attribute? {
    var bench = InferenceBench()
    return try bench.run(.constant, [], [("value", .scalar(value))], stated: [type]).attributes.first?.value
  }

  /// A scalar is stored as a value of its type.
  @Test func scalarConstants() throws {
    #expect(try constant(.signed(3), "f32[2]") == .scalar(.float(3)))
    #expect(try constant(.float(0.1), "f32[]") == .scalar(.float(Double(Float(0.1)))))
    #expect(try constant(.float(7), "u8[0]") == .scalar(.unsigned(7)))
    #expect(try constant(.signed(-128), "s8[]") == .scalar(.signed(-128)))
    #expect(try constant(.bool(true), "bool[]") == .scalar(.bool(true)))
    #expect(try constant(.unsigned(.max), "u64[]") == .scalar(.unsigned(.max)))
    #expect(inferred(.constant, [], [("value", .scalar(.float(0)))], stated: ["f32[N]"]) == "f32[N]")
  }

  @Test(arguments: [
    (Scalar.signed(256), "u8[]"), (.signed(-1), "u64[]"), (.signed(128), "s8[]"), (.float(0.5), "s32[]"),
    (.float(.nan), "s32[]"), (.float(.infinity), "s64[]"), (.unsigned(.max), "s64[]"), (.float(0x1p64), "u64[]"),
    (.bool(true), "f32[]"), (.signed(1), "bool[]"),
  ])
  func scalarOutOfRange(_ value: Scalar, _ type: String) {
    #expect(inferred(.constant, [], [("value", .scalar(value))], stated: [type]) == "constant.C2")
  }

  @Test func tensorConstants() {
    let tensor = Tensor([Float](repeating: 0, count: 2))
    let value: [(String, Attribute)] = [("value", .tensor(ConstantTensor(tensor)))]
    #expect(inferred(.constant, [], value, stated: ["f32[2]"]) == "f32[2]")
    #expect(inferred(.constant, [], value, stated: ["f32[2, 1]"]) == "constant.C1")
    #expect(inferred(.constant, [], value, stated: ["s32[2]"]) == "constant.C1")
    #expect(inferred(.constant, [], value, stated: ["f32[N]"]) == "constant.C1")
    #expect(inferred(.constant, [], value) == "op.stated")
  }

  @Test func sources() {
    #expect(inferred(.iota, [], [("axis", .int(1))], stated: ["s32[2, 0]"]) == "s32[2, 0]")
    #expect(inferred(.iota, [], [("axis", .int(2))], stated: ["s32[2, 3]"]) == "iota.C1")
    #expect(inferred(.iota, [], stated: ["s32[]"]) == "iota.C1")
    #expect(inferred(.iota, [], stated: ["bool[2]"]) == "iota.T")
    #expect(inferred(.size, [], [("of", .dims([7]))]) == "s64[]")
    #expect(inferred(.size, [], [("of", .dims([7]))], stated: ["s64<>"]) == "s64<>")
    #expect(inferred(.size, [], [("of", .dims([7, 8]))]) == "size.C1")
    #expect(inferred(.randomBits, ["u64[]"], stated: ["u32[2]"]) == "u32[2]")
    #expect(inferred(.randomBits, ["u64[]"], stated: ["s32[2]"]) == "random_bits.C1")
    #expect(inferred(.randomBits, ["u64[]"], stated: ["f32[2]"]) == "random_bits.T")
  }

  @Test func bytesThatCannotBeCounted() {
    let most = Int.max
    let value: [(String, Attribute)] = [("value", .scalar(.float(0)))]
    #expect(inferred(.constant, [], value, stated: ["f64[\(most)]"]) == "dim.overflow")
    #expect(inferred(.constant, [], value, stated: ["u8[4, \(most)]"]) == "dim.overflow")
    #expect(inferred(.constant, [], value, stated: ["f64[\(most / 8)]"]) == "f64[\(most / 8)]")
    #expect(inferred(.convert, ["u8[\(most)]"], stated: ["f32[\(most)]"]) == "dim.overflow")
    #expect(inferred(.constant, [], value, stated: ["f32[-1]"]) == "dim.negative")
  }

  @Test func loops() {
    let bounds = ["s64<>", "s64<>"]
    #expect(inferred(.for, bounds + ["f32<8>", "s64<>"]) == "f32<8>, s64<>")
    #expect(inferred(.for, bounds, [("step", .int(0))]) == "for.C1")
    #expect(inferred(.for, bounds, [("grain", .int(0))]) == "for.C1")
    #expect(inferred(.for, bounds + ["f32<8>"], [("kind", .name("parallel"))]) == "for.C3")
    #expect(inferred(.for, ["s64[]", "s64<>"]) == "for.lower")
  }

  @Test func access() {
    let buffer = "&f32[4, 8]"
    let indices = ["s64<>", "s64<>"]
    #expect(inferred(.load, [buffer] + indices, stated: ["f32<8>"]) == "f32<8>")
    #expect(inferred(.load, [buffer, "s64<>"], stated: ["f32<8>"]) == "load.C1")
    #expect(inferred(.load, [buffer] + indices, [("along", .int(2))], stated: ["f32<8>"]) == "load.C1")
    #expect(inferred(.load, [buffer] + indices, stated: ["f64<8>"]) == "load.C2")
    #expect(inferred(.load, [buffer] + indices, stated: ["f32[8]"]) == "load.C2")
    #expect(inferred(.load, [buffer] + indices, stated: []) == "op.results")
    #expect(inferred(.loadMasked, ["s64<>", buffer] + indices, stated: ["f32<8>"]) == "f32<8>")
    #expect(inferred(.loadMasked, ["s64<>", buffer, "s64<>"], stated: ["f32<8>"]) == "load_masked.C1")
    #expect(inferred(.store, ["f32<8>", buffer] + indices) == "")
    #expect(inferred(.store, ["f32<8>", buffer]) == "store.C1")
    #expect(inferred(.store, ["f64<8>", buffer] + indices) == "type.mismatch")
    #expect(inferred(.storeMasked, ["s64<>", "f32<8>", buffer, "s64<>"]) == "store_masked.C1")
    #expect(inferred(.extractLane, ["f32<8>"], [("lane", .int(7))]) == "f32<>")
    #expect(inferred(.extractLane, ["f32<8>"], [("lane", .int(8))]) == "extract_lane.C1")
  }

  @Test func shuffles() {
    #expect(inferred(.shuffle, ["s8<2>", "s8<2>"], [("order", .ints([3, 0, 0]))]) == "s8<3>")
    #expect(inferred(.shuffle, ["s8<2>", "s8<2>"], [("order", .ints([4]))]) == "shuffle.C1")
    #expect(inferred(.shuffle, ["s8<2>", "s8<2>"], [("order", .ints([]))]) == "shuffle.C1")
    #expect(inferred(.shuffle, ["s8<2>", "s8<4>"], [("order", .ints([0]))]) == "shuffle.n")
  }

  @Test func memory() {
    #expect(inferred(.scratch, [], stated: ["&f32[4, 4]"]) == "&f32[4, 4]")
    #expect(inferred(.scratch, [], stated: ["f32[4, 4]"]) == "scratch.C1")
    #expect(inferred(.scratch, [], stated: ["&f32[N]"]) == "scratch.C1")
    #expect(inferred(.view, ["&f32[4]"], stated: ["&s8[16]"]) == "&s8[16]")
    #expect(inferred(.view, ["&f32[4]"], stated: ["&s8[4]"]) == "view.C1")
    #expect(inferred(.pack, ["f32[4]"], stated: ["f32[4]{0/16, 0%16}"]) == "f32[4]{0/16, 0%16}")
    #expect(inferred(.pack, ["f32[4]"], stated: ["f32[5]"]) == "pack.C1")
    #expect(inferred(.pack, ["f32[4]"], stated: ["f64[4]"]) == "pack.C1")
  }

  @Test func contract() {
    let buffers = ["&f32[4, 8]", "&f32[8, 5]", "&f32[4, 5]"]
    let counts = ["s64<>", "s64<>", "s64<>"]
    let indices = [String](repeating: "s64<>", count: 6)
    let axes: [(String, Attribute)] = [("lhs_axes", .ints([0, 1])), ("rhs_axes", .ints([0, 1]))]
    let good = axes + [("out_axes", .ints([0, 1])), ("block", .ints([4, 16]))]
    #expect(inferred(.contract, buffers + counts + indices, good) == "")
    #expect(inferred(.contract, buffers + counts, good) == "contract.C2")
    #expect(
      inferred(.contract, buffers + counts + indices, axes + [("out_axes", .ints([0, 2])), ("block", .ints([4, 16]))])
        == "contract.C1")
    #expect(
      inferred(.contract, buffers + counts + indices, axes + [("out_axes", .ints([0, 1])), ("block", .ints([4, 0]))])
        == "contract.C3")
  }

  /// Every numbered constraint that inference answers for is checked by something.
  @Test(arguments: OpInfo.all.filter { !$0.constraints.isEmpty })
  func constraintsHaveARule(_ info: OpInfo) {
    // About regions, other functions or declared results: the verifier's.
    let verified: Set<OpCode> = [.if, .while, .call, .return, .kernel]
    var isCustom = false
    if case .custom = info.results { isCustom = true }
    #expect(isCustom || TypeInference.constraintRules[info.code] != nil || verified.contains(info.code), "\(info.name)")
  }
}
