import Testing

@testable import ApusIR

struct ReductionShapeTests {
  @Test func reduce() {
    #expect(inferred(.reduceSum, ["f32[2, 3]"], [("axes", .ints([1]))]) == "f32[2]")
    #expect(inferred(.reduceMax, ["s8[2, 3]"], [("axes", .ints([0, 1]))]) == "s8[]")
    #expect(inferred(.reduceMax, ["s8[0, 3]"], [("axes", .ints([0])), ("keep_dims", .bool(true))]) == "s8[1, 3]")
    #expect(inferred(.mean, ["f32[2, 3]"], [("axes", .ints([]))]) == "f32[2, 3]")
    #expect(inferred(.reduceAnd, ["bool[2]"], [("axes", .ints([0]))]) == "bool[]")
    #expect(inferred(.reduceAnd, ["f32[2]"], [("axes", .ints([0]))]) == "reduce_and.T")
    #expect(inferred(.reduceSum, ["f32[2, 3]"], [("axes", .ints([2]))]) == "axis.range")
  }

  @Test func argReduce() {
    #expect(inferred(.argMax, ["f32[2, 3]"], [("axis", .int(1))]) == "s64[2]")
    #expect(inferred(.argMin, ["u8[2, 3]"], [("axis", .int(0)), ("keep_dims", .bool(true))]) == "s64[1, 3]")
    #expect(inferred(.argMax, ["f32[2, 0]"], [("axis", .int(1))]) == "arg_max.C1")
    #expect(inferred(.argMin, ["f32[0]"], [("axis", .int(0))]) == "arg_min.C1")
    var bench = InferenceBench(["P": 1...4])
    #expect(bench.results(.argMax, ["f32[P]"], [("axis", .int(0))]) == "s64[]")
    #expect(bench.results(.argMax, ["f32[N]"], [("axis", .int(0))]) == "s64[] | 1 <= N")
  }

  @Test func topK() {
    func topK(_ x: String, _ k: [Dim]) -> String { inferred(.topK, [x], [("k", .dims(k)), ("axis", .int(-1))]) }
    #expect(topK("f32[2, 5]", [3]) == "f32[2, 3], s64[2, 3]")
    #expect(topK("f32[2, 5]", [0]) == "f32[2, 0], s64[2, 0]")
    #expect(topK("f32[4]", [5]) == "top_k.C1")
    #expect(topK("f32[4]", [-1]) == "top_k.C1")
    #expect(topK("f32[4]", [1, 1]) == "top_k.C1")
    var bench = InferenceBench()
    #expect(bench.results(.topK, ["f32[N]"], [("k", .dims([2])), ("axis", .int(0))]) == "f32[2], s64[2] | 2 <= N")
  }

  private func window(
    _ x: String, _ window: [Int], strides: [Int] = [], pads: [Int] = [],
    dilations: [Int] = [], code: OpCode = .reduceWindow
  ) -> String {
    let kind: [(String, Attribute)] = code == .reduceWindow ? [("kind", .name("max"))] : []
    return inferred(
      code, [x],
      kind + [
        ("window", .ints(window)), ("strides", .ints(strides)), ("pads", .ints(pads)), ("dilations", .ints(dilations)),
      ])
  }

  @Test func reduceWindow() {
    #expect(window("f32[5, 8]", [3]) == "f32[5, 6]")
    #expect(window("f32[5, 8]", [2, 2], strides: [2, 3]) == "f32[2, 3]")
    #expect(window("f32[8]", [3], pads: [1, 2]) == "f32[9]")
    #expect(window("f32[8]", [3], dilations: [3]) == "f32[2]")
    #expect(window("f32[0]", [1], pads: [1, 0]) == "f32[1]")
    #expect(window("f32[0, 8]", [8]) == "f32[0, 1]")
    #expect(window("f32[8]", []) == "reduce_window.C1")
    #expect(window("f32[8]", [2, 2]) == "reduce_window.C1")
    #expect(window("f32[8]", [2], strides: [1, 1]) == "reduce_window.C2")
    #expect(window("f32[8]", [2], pads: [1]) == "reduce_window.C2")
    #expect(window("f32[8]", [2], dilations: [1, 1]) == "reduce_window.C2")
    #expect(window("f32[8]", [0]) == "reduce_window.C3")
    #expect(window("f32[8]", [2], strides: [0]) == "reduce_window.C3")
    #expect(window("f32[8]", [2], pads: [-1, 0]) == "reduce_window.C3")
    #expect(window("f32[8]", [2], dilations: [0]) == "reduce_window.C3")
    #expect(window("f32[8]", [9]) == "reduce_window.C4")
    #expect(window("f32[8]", [4], dilations: [3]) == "reduce_window.C4")
    #expect(window("f32[8]", [3], dilations: [.max]) == "dim.overflow")
    #expect(window("f32[8]", [3], pads: [.max, .max]) == "dim.overflow")
    var bench = InferenceBench()
    let attributes: [(String, Attribute)] = [("kind", .name("sum")), ("window", .ints([3])), ("strides", .ints([2]))]
    #expect(bench.results(.reduceWindow, ["f32[N]"], attributes) == "f32[floordiv(N - 3, 2) + 1] | 3 <= N")
  }

  /// The pools share the rule, with constraints of their own.
  @Test func pools() {
    #expect(window("f32[1, 3, 8, 8]", [2, 2], strides: [2, 2], code: .maxPool) == "f32[1, 3, 4, 4]")
    #expect(window("f32[1, 3, 8]", [3], pads: [1, 1], code: .averagePool) == "f32[1, 3, 8]")
    #expect(window("f32[1, 3, 8, 8]", [2], code: .maxPool) == "max_pool.C1")
    #expect(window("f32[1, 3, 8]", [2, 2, 2], code: .averagePool) == "average_pool.C1")
    #expect(window("f32[1, 3]", [], code: .maxPool) == "max_pool.C1")
    #expect(window("f32[3]", [1], code: .maxPool) == "max_pool.rank")
  }

  @Test func scan() {
    #expect(inferred(.scan, ["f32[2, 3]"], [("axis", .int(1)), ("kind", .name("max"))]) == "f32[2, 3]")
    #expect(inferred(.cumsum, ["s32[0]"], [("axis", .int(0))]) == "s32[0]")
  }
}
