import Testing

@testable import ApusIR

struct IndexingShapeTests {
  private let first: [(String, Attribute)] = [("axis", .int(0))]

  @Test func gather() {
    #expect(inferred(.gather, ["f32[4, 5]", "s32[2, 3]"], first) == "f32[2, 3, 5]")
    #expect(inferred(.gather, ["f32[4, 5]", "s64[]"], [("axis", .int(-1))]) == "f32[4]")
    #expect(inferred(.gather, ["f32[0, 5]", "s64[0]"], first) == "f32[0, 5]")
    #expect(inferred(.gather, ["f32[]", "s32[2]"], first) == "gather.C1")
    #expect(inferred(.gather, ["f32[4]", "f32[2]"], first) == "gather.I")
    #expect(inferred(.gather, ["f32[4]", "s32[2]"], [("axis", .int(1))]) == "axis.range")
  }

  @Test func gatherElements() {
    #expect(inferred(.gatherElements, ["f32[4, 5]", "s32[9, 5]"], first) == "f32[9, 5]")
    #expect(inferred(.gatherElements, ["f32[4, 5]", "s32[9]"], first) == "gather_elements.C1")
    #expect(inferred(.gatherElements, ["f32[]", "s32[]"], first) == "gather_elements.C1")
    #expect(inferred(.gatherElements, ["f32[4, 5]", "s32[4, 6]"], first) == "gather_elements.C2")
    var bench = InferenceBench()
    #expect(bench.results(.gatherElements, ["f32[4, N]", "s32[4, 6]"], first) == "f32[4, 6] | 6 <= N")
  }

  @Test func scatterElements() {
    let x = "f32[4, 5]"
    #expect(inferred(.scatterElements, [x, "s32[2, 5]", "f32[2, 5]"], first) == x)
    #expect(inferred(.scatterElements, [x, "s32[2]", "f32[2]"], first) == "scatter_elements.C1")
    #expect(inferred(.scatterElements, [x, "s32[2, 6]", "f32[2, 6]"], first) == "scatter_elements.C2")
    #expect(inferred(.scatterElements, [x, "s32[2, 5]", "f32[2, 4]"], first) == "scatter_elements.i")
    let add = first + [("reduction", .name("add"))]
    #expect(inferred(.scatterElements, ["bool[4]", "s32[4]", "bool[4]"], first) == "bool[4]")
    #expect(inferred(.scatterElements, ["bool[4]", "s32[4]", "bool[4]"], add) == "scatter_elements.C3")
  }

  @Test func gatherNd() {
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[7, 2]"]) == "f32[7]")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[7, 1]"]) == "f32[7, 5]")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[0]"]) == "f32[4, 5]")
    #expect(inferred(.gatherNd, ["f32[3, 4, 5]", "s32[3, 7, 1]"], [("batch_axes", .int(1))]) == "f32[3, 7, 5]")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[7, 3]"]) == "gather_nd.C1")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[]"]) == "gather_nd.C1")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[4, 2]"], [("batch_axes", .int(1))]) == "gather_nd.C1")
    #expect(inferred(.gatherNd, ["f32[3, 4, 5]", "s32[2, 7, 1]"], [("batch_axes", .int(1))]) == "gather_nd.C2")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[1]"], [("batch_axes", .int(1))]) == "gather_nd.C2")
    #expect(inferred(.gatherNd, ["f32[4, 5]", "s32[4, 1]"], [("batch_axes", .int(-1))]) == "gather_nd.C2")
    var bench = InferenceBench()
    #expect(bench.results(.gatherNd, ["f32[4, 5]", "s32[7, K]"]) == "gather_nd.C1")
  }

  @Test func scatterNd() {
    let x = "f32[4, 5]"
    #expect(inferred(.scatterNd, [x, "s32[7, 1]", "f32[7, 5]"]) == x)
    #expect(inferred(.scatterNd, [x, "s32[2]", "f32[]"]) == x)
    #expect(inferred(.scatterNd, [x, "s32[7, 3]", "f32[7]"]) == "scatter_nd.C1")
    #expect(inferred(.scatterNd, [x, "s32[]", "f32[]"]) == "scatter_nd.C1")
    #expect(inferred(.scatterNd, [x, "s32[7, 1]", "f32[7]"]) == "scatter_nd.C2")
    #expect(inferred(.scatterNd, [x, "s32[7, 1]", "f32[7, 4]"]) == "scatter_nd.C2")
    let add: [(String, Attribute)] = [("reduction", .name("add"))]
    #expect(inferred(.scatterNd, ["bool[4]", "s32[2, 1]", "bool[2]"], add) == "scatter_nd.C3")
    var bench = InferenceBench()
    #expect(bench.results(.scatterNd, ["f32[4]", "s32[N, 1]", "f32[M]"]) == "f32[4] | N = M")
  }

  private func dynamicSlice(_ x: String, _ starts: String, _ sizes: [Dim]) -> String {
    inferred(.dynamicSlice, [x, starts], [("sizes", .dims(sizes))])
  }

  @Test func dynamicSlice() {
    #expect(dynamicSlice("f32[4, 5]", "s32[2]", [2, 5]) == "f32[2, 5]")
    #expect(dynamicSlice("f32[4]", "s32[1]", [0]) == "f32[0]")
    #expect(dynamicSlice("f32[4, 5]", "s32[2]", [2]) == "dynamic_slice.C1")
    #expect(dynamicSlice("f32[4, 5]", "s32[1]", [2, 5]) == "dynamic_slice.C1")
    #expect(dynamicSlice("f32[4, 5]", "s32[]", [2, 5]) == "dynamic_slice.rank")
    #expect(dynamicSlice("f32[4]", "s32[1]", [5]) == "dynamic_slice.C2")
    #expect(dynamicSlice("f32[4]", "s32[1]", [-1]) == "dynamic_slice.C2")
    var bench = InferenceBench()
    #expect(bench.results(.dynamicSlice, ["f32[N]", "s32[1]"], [("sizes", .dims([2]))]) == "f32[2] | 2 <= N")
  }

  @Test func dynamicUpdateSlice() {
    #expect(inferred(.dynamicUpdateSlice, ["f32[4, 5]", "f32[0, 5]", "s64[2]"]) == "f32[4, 5]")
    #expect(inferred(.dynamicUpdateSlice, ["f32[4, 5]", "f32[5]", "s64[2]"]) == "dynamic_update_slice.C1")
    #expect(inferred(.dynamicUpdateSlice, ["f32[4, 5]", "f32[1, 5]", "s64[1]"]) == "dynamic_update_slice.C1")
    #expect(inferred(.dynamicUpdateSlice, ["f32[4, 5]", "f32[1, 6]", "s64[2]"]) == "dynamic_update_slice.C2")
  }

  /// The number of elements that are not zero is a symbol of its own, no larger than the number of elements.
  @Test func nonZero() throws {
    var bench = InferenceBench(["B": 1...8])
    let inferred = try bench.run(.nonZero, ["f32[B, 4]"])
    #expect(inferred.results[0].element == .s64)
    #expect(inferred.results[0].dims[0] == 2)
    let id = try #require(inferred.results[0].dims[1].symbolID)
    #expect(bench.symbols[id].bounds == DimBounds(lower: 0, upper: 32))
    #expect(bench.symbols[id].origin == .value)
    let other = try bench.run(.nonZero, ["f32[B, 4]"])
    #expect(other.results != inferred.results)
    _ = bench.symbols.append(Symbol(name: "N", origin: .value))
    #expect(bench.results(.nonZero, ["f32[3, 4]"], stated: ["s64[2, N]"]) == "s64[2, N]")
    #expect(bench.results(.nonZero, ["f32[3, 4]"], stated: ["s64[3, N]"]) == "type.mismatch")
    // Nothing but the data says how many there are.
    #expect(bench.results(.nonZero, ["f32[3, 4]"], stated: ["s64[2, 5]"]) == "type.mismatch")
    #expect(bench.results(.nonZero, ["f32[3, 4]"], stated: ["s64[2, B]"]) == "type.mismatch")
    #expect(bench.results(.nonZero, ["f32[3, 4]"], stated: ["s64[2, N + 1]"]) == "type.mismatch")
  }

  @Test func oneHot() {
    #expect(inferred(.oneHot, ["s32[4]"], [("depth", .dims([10]))]) == "f32[4, 10]")
    #expect(inferred(.oneHot, ["s64[]"], [("depth", .dims([0]))]) == "f32[0]")
    #expect(inferred(.oneHot, ["s32[4]"], [("depth", .dims([10, 2]))]) == "one_hot.C1")
    #expect(inferred(.oneHot, ["s32[4]"], [("depth", .dims([-1]))]) == "one_hot.C1")
  }
}
