import Testing

@testable import ApusIR

struct MovementShapeTests {
  private let most = Int.max

  @Test func transpose() {
    #expect(inferred(.transpose, ["f32[2, 3, 4]"], [("perm", .ints([2, 0, 1]))]) == "f32[4, 2, 3]")
    #expect(inferred(.transpose, ["f32[]"], [("perm", .ints([]))]) == "f32[]")
    #expect(inferred(.transpose, ["f32[2, 3]"], [("perm", .ints([0]))]) == "transpose.C1")
    #expect(inferred(.transpose, ["f32[2, 3]"], [("perm", .ints([0, 2]))]) == "transpose.C1")
    #expect(inferred(.transpose, ["f32[2, 3]"], [("perm", .ints([0, 0]))]) == "transpose.C1")
    #expect(inferred(.transpose, ["f32[2, 3]"], [("perm", .ints([0, -1]))]) == "transpose.C1")
  }

  private func slice(_ x: String, _ starts: [Dim], _ limits: [Dim], _ strides: [Int] = []) -> String {
    inferred(.slice, [x], [("starts", .dims(starts)), ("limits", .dims(limits)), ("strides", .ints(strides))])
  }

  @Test func slice() {
    #expect(slice("f32[5]", [1], [5], [2]) == "f32[2]")
    #expect(slice("f32[5]", [0], [5], [2]) == "f32[3]")
    #expect(slice("f32[5]", [5], [5]) == "f32[0]")
    #expect(slice("f32[0]", [0], [0], [3]) == "f32[0]")
    #expect(slice("f32[]", [], []) == "f32[]")
    #expect(slice("f32[4, 4]", [0], [4, 4]) == "slice.C1")
    #expect(slice("f32[4, 4]", [0, 0], [4]) == "slice.C1")
    #expect(slice("f32[4, 4]", [0, 0], [4, 4], [1]) == "slice.C1")
    #expect(slice("f32[4]", [3], [1]) == "slice.C2")
    #expect(slice("f32[4]", [2], [5]) == "slice.C2")
    #expect(slice("f32[4]", [-1], [2]) == "slice.C2")
    #expect(slice("f32[4]", [0], [4], [0]) == "slice.C3")
    #expect(slice("f32[4]", [0], [4], [-1]) == "slice.C3")
  }

  @Test func sliceOfSymbols() {
    var bench = InferenceBench(["N": 3...9])
    let n = bench.dim("N")
    let tail = bench.dim("N - 1")
    func attributes(_ start: Dim, _ limit: Dim, _ stride: Int = 1) -> [(String, Attribute)] {
      [("starts", .dims([start])), ("limits", .dims([limit])), ("strides", .ints([stride]))]
    }
    #expect(bench.results(.slice, ["f32[N]"], attributes(1, n)) == "f32[N - 1]")
    #expect(bench.results(.slice, ["f32[N]"], attributes(0, 3)) == "f32[3]")
    #expect(bench.results(.slice, ["f32[N]"], attributes(tail, n)) == "f32[1]")
    #expect(bench.results(.slice, ["f32[N]"], attributes(0, 4)) == "f32[4] | 4 <= N")
    #expect(bench.results(.slice, ["f32[N]"], attributes(0, 10)) == "slice.C2")
    #expect(bench.results(.slice, ["f32[2*N]"], attributes(0, bench.dim("2*N"), 2)) == "f32[N]")
  }

  private func pad(_ x: String, _ low: [Dim], _ high: [Dim], _ interior: [Int] = []) -> String {
    inferred(.pad, [x, "f32[]"], [("low", .dims(low)), ("high", .dims(high)), ("interior", .ints(interior))])
  }

  @Test func pad() {
    #expect(pad("f32[2]", [1], [2], [1]) == "f32[6]")
    #expect(pad("f32[2, 3]", [0, 1], [0, 0]) == "f32[2, 4]")
    // None has no gaps.
    #expect(pad("f32[0]", [1], [0], [5]) == "f32[1]")
    #expect(pad("f32[1]", [0], [0], [5]) == "f32[1]")
    #expect(pad("f32[]", [], []) == "f32[]")
    #expect(pad("f32[4, 4]", [1], [1]) == "pad.C1")
    #expect(pad("f32[4]", [1], [1], [1, 1]) == "pad.C1")
    #expect(pad("f32[4]", [-1], [1]) == "pad.C2")
    #expect(pad("f32[4]", [1], [-1]) == "pad.C2")
    #expect(pad("f32[4]", [1], [1], [-1]) == "pad.C2")
    #expect(pad("f32[4]", [.constant(most)], [1]) == "dim.overflow")
    #expect(pad("f32[4]", [1], [1], [most]) == "dim.overflow")
    var bench = InferenceBench(["N": 1...9])
    let attributes: [(String, Attribute)] = [("low", .dims([0])), ("high", .dims([0])), ("interior", .ints([2]))]
    #expect(bench.results(.pad, ["f32[N]", "f32[]"], attributes) == "f32[3*N - 2]")
    #expect(bench.results(.pad, ["f32[M]", "f32[]"], attributes) == "f32[M + 2*max(0, M - 1)]")
  }

  @Test func concat() {
    let first: [(String, Attribute)] = [("axis", .int(0))]
    #expect(inferred(.concat, ["f32[2, 3]", "f32[5, 3]"], first) == "f32[7, 3]")
    #expect(inferred(.concat, ["f32[2, 3]", "f32[2, 4]", "f32[2, 0]"], [("axis", .int(-1))]) == "f32[2, 7]")
    #expect(inferred(.concat, ["f32[2]"], first) == "f32[2]")
    #expect(inferred(.concat, ["f32[0]", "f32[0]"], first) == "f32[0]")
    #expect(inferred(.concat, ["f32[3]", "f32[1, 3]"], first) == "concat.C1")
    #expect(inferred(.concat, ["f32[]"], first) == "concat.C1")
    #expect(inferred(.concat, ["f32[2, 3]", "f32[2, 4]"], first) == "concat.C2")
    #expect(inferred(.concat, ["f32[2]", "s32[2]"], first) == "type.mismatch")
    #expect(inferred(.concat, ["f32[2]", "f32[2]"], [("axis", .int(1))]) == "axis.range")
    #expect(inferred(.concat, ["s8[\(most)]", "s8[1]"], first) == "dim.overflow")
    var bench = InferenceBench()
    #expect(bench.results(.concat, ["f32[N, A]", "f32[M, 3]"], first) == "f32[N + M, 3] | A = 3")
  }

  @Test func reverse() {
    #expect(inferred(.reverse, ["f32[2, 3]"], [("axes", .ints([-1]))]) == "f32[2, 3]")
    #expect(inferred(.reverse, ["f32[2, 3]"], [("axes", .ints([2]))]) == "axis.range")
  }

  private func broadcast(_ x: String, _ axes: [Int], _ result: String) -> String {
    inferred(.broadcast, [x], [("axes", .ints(axes))], stated: [result])
  }

  @Test func broadcast() {
    #expect(broadcast("f32[3]", [1], "f32[2, 3]") == "f32[2, 3]")
    #expect(broadcast("f32[1]", [0], "f32[2, 3]") == "f32[2, 3]")
    #expect(broadcast("f32[]", [], "f32[0, 3]") == "f32[0, 3]")
    #expect(broadcast("f32[1]", [0], "f32[0]") == "f32[0]")
    #expect(broadcast("f32[3]", [0, 1], "f32[3, 3]") == "broadcast.C1")
    #expect(broadcast("f32[2, 3]", [1, 0], "f32[3, 2]") == "broadcast.C2")
    #expect(broadcast("f32[3]", [2], "f32[3, 3]") == "broadcast.C2")
    #expect(broadcast("f32[3]", [-1], "f32[3, 3]") == "broadcast.C2")
    #expect(broadcast("f32[3]", [0], "f32[4]") == "broadcast.C3")
    #expect(inferred(.broadcast, ["f32[3]"], [("axes", .ints([0]))]) == "op.stated")
  }

  /// A size that may be 1 may also be the target.
  @Test func broadcastOfSymbols() {
    var bench = InferenceBench(["N": 2...9])
    let axes: [(String, Attribute)] = [("axes", .ints([0]))]
    #expect(bench.results(.broadcast, ["f32[B]"], axes, stated: ["f32[B, 2]"]) == "f32[B, 2]")
    #expect(bench.results(.broadcast, ["f32[N]"], axes, stated: ["f32[4]"]) == "f32[4] | N = 4")
    #expect(bench.results(.broadcast, ["f32[N]"], axes, stated: ["f32[1]"]) == "broadcast.C3")
    #expect(bench.results(.broadcast, ["f32[B]"], axes, stated: ["f32[4]"]) == "f32[4] | B*B + 4 - 5*B = 0")
  }

  /// The layout is of the operand's axes: results of another shape are row-major, unless they say otherwise.
  @Test func layouts() throws {
    var bench = InferenceBench()
    let x = bench.type("f32[8, 3, 4]{0/4, 1, 2, 0%4}")
    for (code, name) in [(OpCode.transpose, "perm"), (.reduceSum, "axes")] {
      let found = try infer(
        code, operands: [x], attributes: [NamedAttribute(name, .ints([2, 0, 1]))], symbols: &bench.symbols)
      #expect(found.results[0].layout == nil)
    }
    let kept = try infer(.exp, operands: [x], attributes: [], stated: [x], symbols: &bench.symbols)
    #expect(kept.results[0].layout == x.layout)
  }

  @Test func reshape() {
    #expect(inferred(.reshape, ["f32[2, 3]"], stated: ["f32[6]"]) == "f32[6]")
    #expect(inferred(.reshape, ["f32[2, 0]"], stated: ["f32[0, 7, 9]"]) == "f32[0, 7, 9]")
    #expect(inferred(.reshape, ["f32[1, 1]"], stated: ["f32[]"]) == "f32[]")
    #expect(inferred(.reshape, ["f32[2, 3]"], stated: ["f32[7]"]) == "reshape.C1")
    #expect(inferred(.reshape, ["f32[2, 3]"], stated: ["f64[6]"]) == "type.mismatch")
    #expect(inferred(.reshape, ["f32[2, 3]"], stated: ["f32[-2, -3]"]) == "dim.negative")
    // What is stated may be negative for some sizes; what is inferred may not.
    var open = InferenceBench()
    let axes: [(String, Attribute)] = [("axes", .ints([]))]
    #expect(open.results(.broadcast, ["f32[]"], axes, stated: ["f32[N - 4]"]) == "f32[N - 4] | 0 <= N - 4")
    #expect(open.results(.exp, ["f32[N - 4]"]) == "f32[N - 4]")
    #expect(inferred(.reshape, ["f32[6]"]) == "op.stated")
    let half = 1 << 32
    #expect(inferred(.reshape, ["f32[6]"], stated: ["f32[\(half), \(half)]"]) == "dim.overflow")
    var bench = InferenceBench(["P": 1...9])
    #expect(bench.results(.reshape, ["f32[B, T, 768]"], stated: ["f32[B*T, 768]"]) == "f32[B*T, 768]")
    #expect(bench.results(.reshape, ["f32[P, 3]"], stated: ["f32[P*4]"]) == "reshape.C1")
    #expect(bench.results(.reshape, ["f32[B, 4]"], stated: ["f32[C]"]) == "f32[C] | 4*B = C")
  }
}
