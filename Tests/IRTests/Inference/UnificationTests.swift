import Testing

@testable import ApusIR

/// The signature is the shape rule: packs, dims, element variables and forms.
struct UnificationTests {
  @Test func matmul() {
    #expect(inferred(.matmul, ["f32[2, 3]", "f32[3, 4]"]) == "f32[2, 4]")
    #expect(inferred(.matmul, ["f32[7, 5, 2, 3]", "f32[7, 5, 3, 4]"]) == "f32[7, 5, 2, 4]")
    #expect(inferred(.matmul, ["f32[0, 0]", "f32[0, 0]"]) == "f32[0, 0]")
    #expect(inferred(.matmul, ["f32[2, 3]", "f32[4, 4]"]) == "matmul.k")
    #expect(inferred(.matmul, ["f32[2, 4, 4]", "f32[3, 4, 4]"]) == "matmul.b")
    #expect(inferred(.matmul, ["f32[2, 4, 4]", "f32[4, 4]"]) == "matmul.b")
    #expect(inferred(.matmul, ["f32[3]", "f32[3, 4]"]) == "matmul.rank")
    #expect(inferred(.matmul, ["f32[2, 3]", "f64[3, 4]"]) == "type.mismatch")
    #expect(inferred(.matmul, ["bool[2, 3]", "bool[3, 4]"]) == "matmul.T")
    #expect(inferred(.matmulInteger, ["s8[2, 3]", "u8[3, 4]"]) == "s32[2, 4]")
    #expect(inferred(.matmulInteger, ["s16[2, 3]", "u8[3, 4]"]) == "matmul_integer.A")
  }

  @Test func mismatchNamesBothSides() throws {
    var bench = InferenceBench()
    let error = try #require(throws: InferenceError.self) {
      _ = try bench.run(.matmul, ["f32[2, 784]", "f32[785, 10]"])
    }
    #expect(error.message == "k is 784 on the left, 785 on the right")
    #expect(error.operands == [1, 0])
    let packs = try #require(throws: InferenceError.self) {
      _ = try bench.run(.select, ["bool[3]", "f32[4]", "f32[4]"])
    }
    #expect(packs.id == "select.s")
    #expect(packs.message == "s is [3] in `condition`, [4] in `lhs`")
  }

  @Test func symbols() {
    var bench = InferenceBench(["B": 1...512])
    #expect(bench.results(.matmul, ["f32[B, 784]", "f32[784, 10]"]) == "f32[B, 10]")
    #expect(bench.results(.add, ["f32[B, 2]", "f32[B, 2]"]) == "f32[B, 2]")
    #expect(bench.results(.add, ["f32[B + 1]", "f32[1 + B]"]) == "f32[B + 1]")
    #expect(bench.results(.matmul, ["f32[2, K]", "f32[K + 1, 10]"]) == "matmul.k")
    // B is at most 512.
    #expect(bench.results(.add, ["f32[B]", "f32[513]"]) == "add.s")
    #expect(bench.results(.add, ["f32[B]", "f32[0]"]) == "add.s")
  }

  @Test func unknownEqualityBecomesAnObligation() {
    var bench = InferenceBench()
    #expect(bench.results(.add, ["f32[B]", "f32[C]"]) == "f32[B] | B = C")
    // The number says more about the result, wherever it stands.
    #expect(bench.results(.add, ["f32[B, 2]", "f32[4, 2]"]) == "f32[4, 2] | B = 4")
    #expect(bench.results(.add, ["f32[4, 2]", "f32[B, 2]"]) == "f32[4, 2] | 4 = B")
    #expect(bench.results(.matmul, ["f32[3, K]", "f32[L, 5]"]) == "f32[3, 5] | K = L")
    #expect(bench.results(.select, ["bool[A]", "f32[B]", "f32[7]"]) == "f32[7] | A = B, A = 7")
  }

  @Test func elementwise() {
    #expect(inferred(.exp, ["f16[]"]) == "f16[]")
    #expect(inferred(.exp, ["s32[4]"]) == "exp.T")
    #expect(inferred(.add, ["bool[4]", "bool[4]"]) == "add.T")
    #expect(inferred(.equal, ["bool[4]", "bool[4]"]) == "bool[4]")
    #expect(inferred(.less, ["f64[4, 0]", "f64[4, 0]"]) == "bool[4, 0]")
    #expect(inferred(.select, ["s32[4]", "f32[4]", "f32[4]"]) == "type.mismatch")
    #expect(inferred(.clamp, ["f32[4]", "f32[]", "f32[]"]) == "f32[4]")
    #expect(inferred(.clamp, ["f32[4]", "f32[1]", "f32[]"]) == "clamp.rank")
    #expect(inferred(.quantize, ["f32[4]", "f32[4]", "u8[4]"]) == "u8[4]")
    #expect(inferred(.convert, ["f32[4]"], stated: ["s8[4]"]) == "s8[4]")
    #expect(inferred(.convert, ["f32[4]"]) == "op.stated")
    #expect(inferred(.convert, ["f32[4]"], stated: ["s8[5]"]) == "type.mismatch")
    #expect(inferred(.bitcast, ["f32[4]"], stated: ["s32[4]"]) == "s32[4]")
    #expect(inferred(.bitcast, ["f32[4]"], stated: ["s64[4]"]) == "bitcast.C1")
    #expect(inferred(.bitcast, ["bool[4]"], stated: ["u8[4]"]) == "bitcast.C2")
  }

  @Test func statedResults() {
    #expect(inferred(.exp, ["f32[4]"], stated: ["f32[4]"]) == "f32[4]")
    #expect(inferred(.exp, ["f32[4]"], stated: ["f64[4]"]) == "type.mismatch")
    #expect(inferred(.exp, ["f32[4]"], stated: ["f32[4, 1]"]) == "type.mismatch")
    #expect(inferred(.exp, ["f32[4]"], stated: ["f32[4]", "f32[4]"]) == "op.results")
    #expect(inferred(.topK, ["f32[4]"], [("k", .dims([2])), ("axis", .int(0))], stated: ["f32[2]"]) == "op.results")
    var bench = InferenceBench()
    #expect(bench.results(.exp, ["f32[N]"], stated: ["f32[M]"]) == "f32[M] | N = M")
    #expect(bench.results(.exp, ["f32[N]{0/16, 0%16}"], stated: ["f32[N]{0/16, 0%16}"]) == "f32[N]{0/16, 0%16}")
  }

  @Test func operandCounts() {
    #expect(inferred(.add, ["f32[]"]) == "op.operands")
    #expect(inferred(.add, ["f32[]", "f32[]", "f32[]"]) == "op.operands")
    #expect(inferred(.concat, [], [("axis", .int(0))]) == "op.operands")
    #expect(inferred(.layerNorm, ["f32[2, 3]"]) == "f32[2, 3]")
    #expect(inferred(.layerNorm, ["f32[2, 3]", "f32[3]", "f32[3]"]) == "f32[2, 3]")
    #expect(inferred(.layerNorm, ["f32[2, 3]", "f32[3]", "f32[3]", "f32[3]"]) == "op.operands")
    #expect(OpInfo.all[Int(OpCode.load.rawValue)].operandRanges(count: 1)?.last == 1..<1)
    #expect(OpInfo.all[Int(OpCode.layerNorm.rawValue)].operandRanges(count: 2)?.map(\.count) == [1, 1, 0])
  }

  @Test func forms() {
    #expect(inferred(.add, ["f32<8>", "f32<8>"]) == "f32<8>")
    #expect(inferred(.add, ["f32<8>", "f32<4>"]) == "add.s")
    #expect(inferred(.add, ["f32<8>", "f32[8]"]) == "op.form")
    #expect(inferred(.add, ["&f32[8]", "&f32[8]"]) == "op.form")
    #expect(inferred(.fma, ["f32[8]", "f32[8]", "f32[8]"]) == "op.form")
    #expect(inferred(.splat, ["f32<>"], stated: ["f32<8>"]) == "f32<8>")
    #expect(inferred(.reduceLanes, ["f32<8>"], [("kind", .name("sum"))]) == "f32<>")
    #expect(inferred(.constant, [], [("value", .scalar(.float(1)))], stated: ["f32<8>"]) == "f32<8>")
    #expect(inferred(.constant, [], [("value", .scalar(.float(1)))], stated: ["&f32[8]"]) == "&f32[8]")
  }

  /// A pattern without variables stands for one type, and what breaks it is named after the operand.
  @Test func rigidOperands() {
    #expect(inferred(.if, ["bool[]"], stated: ["f32[4]"]) == "f32[4]")
    #expect(inferred(.if, ["bool[1]"], stated: ["f32[4]"]) == "if.condition")
    #expect(inferred(.if, ["s32[]"], stated: ["f32[4]"]) == "if.condition")
    #expect(inferred(.if, ["bool[]"]) == "op.stated")
    #expect(inferred(.continue, ["f32[]"]) == "continue.condition")
  }

  @Test func namedDims() {
    let q = "f32[1, 2, 4, 64]"
    #expect(inferred(.attention, [q, "f32[1, 2, 7, 64]", "f32[1, 2, 7, 32]"]) == "f32[1, 2, 4, 32]")
    #expect(inferred(.attention, [q, "f32[1, 2, 7, 32]", "f32[1, 2, 7, 64]"]) == "attention.d")
    #expect(inferred(.crossEntropy, ["f32[2, 10]", "s32[3]"]) == "cross_entropy.n")
    #expect(inferred(.crossEntropy, ["f32[2, 10]", "s64[2]"]) == "f32[]")
    #expect(inferred(.sort, ["f32[2, 10]"], [("axis", .int(-1))]) == "f32[2, 10], s64[2, 10]")
  }
}
