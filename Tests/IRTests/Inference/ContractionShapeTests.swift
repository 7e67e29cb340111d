import Testing

@testable import ApusIR

struct ContractionShapeTests {
  private func conv(_ x: String, _ w: String, _ lists: [String: [Int]] = [:], groups: Int = 1, code: OpCode = .conv)
    -> String
  {
    inferred(code, [x, w], lists.map { ($0, .ints($1)) } + [("groups", .int(groups))])
  }

  private let image = "f32[1, 4, 8, 8]"

  @Test func conv() {
    #expect(conv(image, "f32[6, 4, 3, 3]") == "f32[1, 6, 6, 6]")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["pads": [1, 1, 1, 1]]) == "f32[1, 6, 8, 8]")
    #expect(conv(image, "f32[6, 4, 3, 1]", ["strides": [2, 3], "dilations": [2, 1]]) == "f32[1, 6, 2, 3]")
    #expect(conv(image, "f32[6, 2, 1, 1]", groups: 2) == "f32[1, 6, 8, 8]")
    #expect(conv("f32[0, 4, 8]", "f32[0, 4, 8]") == "f32[0, 0, 1]")
    #expect(conv("s8[1, 4, 8]", "u8[6, 4, 8]", code: .convInteger) == "s32[1, 6, 1]")
  }

  @Test func convRules() {
    #expect(conv("f32[1, 4, 8]", "f32[6, 4, 3, 3]") == "conv.C1")
    #expect(conv("f32[1, 4]", "f32[6, 4]") == "conv.C1")
    #expect(conv(image, "f32[6, 3, 3, 3]") == "conv.C2")
    #expect(conv(image, "f32[6, 4, 3, 3]", groups: 2) == "conv.C2")
    #expect(conv(image, "f32[5, 2, 3, 3]", groups: 2) == "conv.C3")
    #expect(conv(image, "f32[5, 2, 3, 3]", groups: 0) == "conv.C3")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["strides": [1]]) == "conv.C4")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["pads": [1, 1]]) == "conv.C4")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["dilations": [1, 1, 1]]) == "conv.C4")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["strides": [0, 1]]) == "conv.C5")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["dilations": [1, 0]]) == "conv.C5")
    #expect(conv(image, "f32[6, 4, 3, 3]", ["pads": [0, 0, 0, -1]]) == "conv.C5")
    #expect(conv(image, "f32[6, 4, 9, 3]") == "conv.C6")
    #expect(conv(image, "f32[6, 4, 5, 3]", ["dilations": [2, 1]]) == "conv.C6")
    #expect(conv(image, "f32[6, 4, 0, 3]") == "conv.C7")
    #expect(conv("s8[1, 4, 8]", "u8[6, 4, 9]", code: .convInteger) == "conv_integer.C6")
    #expect(conv("f32[1, 0, 8]", "f32[6, \(Int.max), 1]", groups: 2) == "dim.overflow")
  }

  @Test func convOfSymbols() {
    var bench = InferenceBench(["H": 3...64])
    let pads: [(String, Attribute)] = [("pads", .ints([1, 1])), ("strides", .ints([2]))]
    #expect(bench.results(.conv, ["f32[B, 4, H]", "f32[6, 4, 3]"]) == "f32[B, 6, H - 2]")
    #expect(bench.results(.conv, ["f32[B, 4, H]", "f32[6, 4, 3]"], pads) == "f32[B, 6, floordiv(H - 1, 2) + 1]")
    #expect(bench.results(.conv, ["f32[B, C, H]", "f32[6, 4, 3]"]) == "f32[B, 6, H - 2] | C = 4")
    #expect(bench.results(.conv, ["f32[B, 4, W]", "f32[6, 4, 3]"]) == "f32[B, 6, W - 2] | 3 <= W")
  }

  @Test func convTranspose() {
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", code: .convTranspose) == "f32[1, 6, 7]")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", ["strides": [2], "pads": [1, 1], "output_pads": [1]], code: .convTranspose) == "f32[1, 6, 10]")
    #expect(conv("f32[1, 4, 5]", "f32[4, 3, 3]", ["dilations": [2]], groups: 2, code: .convTranspose) == "f32[1, 6, 9]")
    #expect(conv("f32[1, 4, 0]", "f32[4, 6, 3]", ["strides": [2]], code: .convTranspose) == "f32[1, 6, 2]")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3, 3]", code: .convTranspose) == "conv_transpose.C1")
    #expect(conv("f32[1, 4, 5]", "f32[3, 6, 3]", code: .convTranspose) == "conv_transpose.C2")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", groups: 3, code: .convTranspose) == "conv_transpose.C2")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", groups: 0, code: .convTranspose) == "conv_transpose.C2")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", ["output_pads": [1, 1]], code: .convTranspose) == "conv_transpose.C3")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", ["strides": [0]], code: .convTranspose) == "conv_transpose.C4")
    #expect(conv("f32[1, 4, 5]", "f32[4, 6, 3]", ["pads": [9, 9]], code: .convTranspose) == "dim.negative")
  }

  @Test func depthAndSpace() {
    let two: [(String, Attribute)] = [("block", .int(2))]
    #expect(inferred(.depthToSpace, ["f32[1, 8, 3, 5]"], two) == "f32[1, 2, 6, 10]")
    #expect(inferred(.depthToSpace, ["f32[1, 6, 3, 5]"], two) == "depth_to_space.C1")
    #expect(inferred(.depthToSpace, ["f32[1, 6, 3, 5]"], [("block", .int(0))]) == "depth_to_space.C1")
    #expect(inferred(.depthToSpace, ["f32[1, 6, 3, 5]"], [("block", .int(.max))]) == "dim.overflow")
    #expect(inferred(.spaceToDepth, ["f32[1, 2, 6, 10]"], two) == "f32[1, 8, 3, 5]")
    #expect(inferred(.spaceToDepth, ["f32[1, 2, 5, 10]"], two) == "space_to_depth.C1")
    #expect(inferred(.spaceToDepth, ["f32[1, 2, 6, 9]"], two) == "space_to_depth.C1")
    #expect(inferred(.spaceToDepth, ["f32[1, 2, 6, 9]"], [("block", .int(-1))]) == "space_to_depth.C1")
    var bench = InferenceBench()
    #expect(bench.results(.depthToSpace, ["f32[1, C, H, 5]"], two) == "f32[1, floordiv(C, 4), 2*H, 10] | mod(C, 4) = 0")
    #expect(bench.results(.spaceToDepth, ["f32[1, 3, 2*K, 4]"], two) == "f32[1, 12, K, 2]")
  }

  @Test func resize() {
    #expect(inferred(.resizeAxis, ["f32[2, 3]"], [("axis", .int(1)), ("size", .dims([7]))]) == "f32[2, 7]")
    #expect(inferred(.resizeAxis, ["f32[2, 3]"], [("axis", .int(1)), ("size", .dims([7, 8]))]) == "resize_axis.C1")
    #expect(inferred(.resize, ["f32[1, 3, 4, 4]"], [("sizes", .dims([8, 2]))]) == "f32[1, 3, 8, 2]")
    #expect(inferred(.resize, ["f32[1, 3, 4, 4]"], [("sizes", .dims([8]))]) == "resize.C1")
    #expect(
      inferred(.resize, ["f32[1, 3, 4, 4]"], [("sizes", .dims([8, 8])), ("scales", .floats([2]))]) == "resize.C1")
    #expect(inferred(.resize, ["f32[1, 3, 4]"], [("sizes", .dims([-8]))]) == "resize.C2")
    var bench = InferenceBench()
    let size: [(String, Attribute)] = [("axis", .int(0)), ("size", .dims([bench.dim("N - 4")]))]
    #expect(bench.results(.resizeAxis, ["f32[3]"], size) == "f32[N - 4] | 0 <= N - 4")
  }

  @Test func groups() {
    let norm = ["f32[2, 6, 4]", "f32[6]", "f32[6]"]
    #expect(inferred(.groupNorm, norm, [("groups", .int(3))]) == "f32[2, 6, 4]")
    #expect(inferred(.groupNorm, norm, [("groups", .int(4))]) == "group_norm.C1")
    #expect(inferred(.groupNorm, norm, [("groups", .int(0))]) == "group_norm.C1")
    #expect(inferred(.groupNorm, ["f32[2, 6, 4]", "f32[5]", "f32[6]"], [("groups", .int(3))]) == "group_norm.c")
  }

  /// Operands that the body repeats to the shape of `x`.
  @Test func norms() {
    #expect(inferred(.layerNorm, ["f32[2, 8]", "f32[8]", "f32[1]"]) == "f32[2, 8]")
    #expect(inferred(.layerNorm, ["f32[2, 8]", "f32[]", "f32[2, 1]"]) == "f32[2, 8]")
    #expect(inferred(.layerNorm, ["f32[2, 8]"]) == "f32[2, 8]")
    #expect(inferred(.layerNorm, ["f32[2, 8]", "f32[7]"]) == "layer_norm.C1")
    #expect(inferred(.layerNorm, ["f32[2, 8]", "f32[8]", "f32[1, 1, 1]"]) == "layer_norm.C1")
    #expect(inferred(.layerNorm, ["f32[2, 8]", "f64[8]"]) == "type.mismatch")
    #expect(inferred(.rmsNorm, ["f32[2, 8]", "f32[3, 8]"]) == "rms_norm.C1")
    var bench = InferenceBench(["H": 2...64, "N": 0...9])
    #expect(bench.results(.rmsNorm, ["f32[2, H]", "f32[8]"]) == "f32[2, H] | 8 = H")
    #expect(bench.results(.rmsNorm, ["f32[2, 8]", "f32[N]"]) == "f32[2, 8] | N*N + 8 - 9*N = 0")
    #expect(bench.results(.rmsNorm, ["f32[2, H]", "f32[H]"]) == "f32[2, H]")
  }

  @Test func masks() {
    let (q, k) = ("f32[2, 6, 4, 8]", "f32[2, 3, 7, 8]")
    for mask in ["f32[4, 7]", "f32[7]", "f32[]", "f32[1, 7]", "f32[2, 1, 4, 1]", "f32[6, 1, 1]"] {
      #expect(inferred(.attention, [q, k, k, mask]) == q)
    }
    for mask in ["f32[4, 8]", "f32[4]", "f32[3, 1, 1]", "f32[1, 2, 6, 4, 7]", "f32[0]"] {
      #expect(inferred(.attention, [q, k, k, mask]) == "attention.C2")
    }
  }

  @Test func attentionAndRope() {
    let keys = "f32[1, 2, 7, 8]"
    #expect(inferred(.attention, ["f32[1, 6, 4, 8]", keys, keys]) == "f32[1, 6, 4, 8]")
    #expect(inferred(.attention, ["f32[1, 5, 4, 8]", keys, keys]) == "attention.C1")
    #expect(inferred(.attention, ["f32[1, 5, 4, 8]", "f32[1, 0, 7, 8]", "f32[1, 0, 7, 8]"]) == "attention.C1")
    #expect(inferred(.rope, ["f32[1, 2, 7, 8]", "f32[7, 4]", "f32[7, 4]"]) == keys)
    #expect(inferred(.rope, ["f32[1, 2, 7, 8]", "f32[7, 5]", "f32[7, 5]"]) == "rope.C1")
  }

  @Test func recurrent() {
    let state = ["f32[2, 5]", "f32[2, 5]"]
    let lstm = ["f32[9, 2, 3]", "f32[20, 3]", "f32[20, 5]"]
    #expect(inferred(.lstm, lstm + state) == "f32[9, 2, 5], f32[2, 5], f32[2, 5]")
    #expect(inferred(.lstm, lstm + state + ["f32[40]"]) == "f32[9, 2, 5], f32[2, 5], f32[2, 5]")
    #expect(inferred(.lstm, lstm + state + ["f32[20]"]) == "lstm.C1")
    #expect(inferred(.lstm, ["f32[9, 2, 3]", "f32[15, 3]", "f32[15, 5]"] + state) == "lstm.C1")
    #expect(inferred(.gru, ["f32[0, 2, 3]", "f32[15, 3]", "f32[15, 5]", state[0]]) == "f32[0, 2, 5], f32[2, 5]")
    #expect(inferred(.gru, ["f32[9, 2, 3]", "f32[20, 3]", "f32[20, 5]", state[0]]) == "gru.C1")
  }
}
