import ApusONNX
import ApusTensor
import Testing

@Suite struct SearchingTests {
  private func unique(_ x: Tensor, _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:]) throws -> [String: Tensor] {
    let names = ["y", "first", "inverse", "counts"]
    let model = ModelWriter(
      opset: 21, inputs: [.tensor("x", x.elementType, x.shape.map { _ in .unknown })], outputs: names.map { ModelWriter.Value(stringLiteral: $0) },
      nodes: [.init("Unique", ["x"], names, attributes)])
    let compiled = try model.compiled(["x": x])
    let interpreted = try model.interpreted(["x": x])
    for name in names { #expect(try #require(compiled[name]).isClose(to: #require(interpreted[name])), "\(name)") }
    return compiled
  }

  @Test func eachElementOnceInOrderOrAsTheyAppear() throws {
    let x = Tensor([2, 1, 1, 3, 4, 3] as [Float])
    let sorted = try unique(x)
    #expect(sorted["y"] == Tensor([1, 2, 3, 4] as [Float]))
    #expect(sorted["first"] == Tensor([1, 0, 3, 4] as [Int64]))
    #expect(sorted["inverse"] == Tensor([1, 0, 0, 2, 3, 2] as [Int64]))
    #expect(sorted["counts"] == Tensor([2, 1, 2, 1] as [Int64]))
    let found = try unique(x, ["sorted": 0])
    #expect(found["y"] == Tensor([2, 1, 3, 4] as [Float]))
    #expect(found["first"] == Tensor([0, 1, 3, 4] as [Int64]))
    #expect(found["inverse"] == Tensor([0, 1, 1, 2, 3, 2] as [Int64]))
    #expect(found["counts"] == Tensor([1, 2, 2, 1] as [Int64]))
  }

  @Test func eachSliceOnce() throws {
    let x = Tensor([1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1] as [Int8], shape: [2, 4, 2])
    let found = try unique(x, ["axis": -2])
    #expect(found["y"] == Tensor([0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1] as [Int8], shape: [2, 3, 2]))
    #expect(found["inverse"] == Tensor([1, 0, 2, 0] as [Int64]))
    #expect(found["counts"] == Tensor([2, 1, 1] as [Int64]))
  }

  @Test func nothingAndTruthValues() throws {
    #expect(try unique(Tensor([] as [Float]))["y"]?.shape == [0])
    #expect(try unique(Tensor([true, false, true]))["counts"] == Tensor([1, 2] as [Int64]))
    #expect(try unique(Tensor([.nan, 1, .nan] as [Float]))["counts"] == Tensor([1, 2] as [Int64]))
  }

  @Test(arguments: [0, 1, 2, 3, 5]) func determinantsOfPermutations(_ size: Int) throws {
    // Rows of a triangle in opposite order.
    var matrix = Array(repeating: 0.0, count: size * size)
    for row in 0..<size { for column in row..<size { matrix[(size - 1 - row) * size + column] = Double(row + column + 1) } }
    let product = (0..<size).reduce(1.0) { $0 * Double(2 * $1 + 1) } * ((size * (size - 1) / 2).isMultiple(of: 2) ? 1 : -1)
    let y = try ModelWriter.result(of: "Det", [Tensor(matrix + matrix, shape: [2, size, size])], opset: 22)
    #expect(y.isClose(to: Tensor([product, product])))
  }

  @Test func sequencesOfWordsAreCounted() throws {
    func counts(_ x: Tensor, _ mode: String, skips: Int = 0) throws -> Tensor {
      try ModelWriter.result(of: "TfIdfVectorizer", [x], [
        "mode": .string(mode), "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": .int(skips), "ngram_counts": [0, 2],
        "ngram_indexes": [3, 0, 1], "pool_int64s": [2, 3, 5, 6], "weights": .floats([2, 3, 5, 7]),
      ])
    }
    let x = Tensor([2, 2, 5, 6, 3, 5, 0, 6, 5, 9] as [Int32], shape: [2, 5])
    #expect(try counts(x, "TF") == Tensor([1, 1, 0, 2, 0, 0, 0, 0] as [Float], shape: [2, 4]))
    #expect(try counts(x, "TF", skips: 9) == Tensor([1, 1, 0, 2, 0, 1, 0, 0] as [Float], shape: [2, 4]))
    #expect(try counts(x, "IDF") == Tensor([2, 3, 0, 7, 0, 0, 0, 0] as [Float], shape: [2, 4]))
    #expect(try counts(Tensor([2, 2] as [Int64]), "TFIDF") == Tensor([0, 0, 0, 14] as [Float]))
    #expect(try counts(Tensor([] as [Int64]), "TF") == Tensor([0, 0, 0, 0] as [Float]))
  }

  @Test func convolutionCarriesItsPast() throws {
    let model = ModelWriter(
      opset: 27, inputs: [.tensor("x", .f32, ["N", 1, "L"]), .tensor("past", .f32, ["N", 1, 2])], outputs: ["y", "next"],
      initializers: ["w": Tensor([1, 10, 100] as [Float], shape: [1, 1, 3])],
      nodes: [.init("CausalConvWithState", ["x", "w", "", "past"], ["y", "next"])])
    let results = try model.compiled(["x": Tensor([3] as [Float], shape: [1, 1, 1]), "past": Tensor([1, 2] as [Float], shape: [1, 1, 2])])
    #expect(results["y"] == Tensor([321] as [Float], shape: [1, 1, 1]))
    #expect(results["next"] == Tensor([2, 3] as [Float], shape: [1, 1, 2]))
  }
}
