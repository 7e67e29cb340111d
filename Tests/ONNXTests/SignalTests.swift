import ApusONNX
import ApusTensor
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct SignalTests {
  private typealias Complex = (x: Double, y: Double)

  /// The definition's sums, over the points that there are.
  private func transform(_ points: [Complex], _ length: Int, isInverse: Bool) -> [Complex] {
    (0..<length).map { k in
      var sum: Complex = (0, 0)
      for (j, point) in points.prefix(length).enumerated() {
        let angle = (isInverse ? 2 : -2) * Double.pi * Double(j * k % length) / Double(length)
        sum.x += point.x * cos(angle) - point.y * sin(angle)
        sum.y += point.x * sin(angle) + point.y * cos(angle)
      }
      return isInverse ? (sum.x / Double(length), sum.y / Double(length)) : sum
    }
  }

  private func points(_ count: Int) -> [Complex] {
    (0..<count).map { (sin(Double($0 * $0 + 1)), cos(Double(3 * $0))) }
  }

  private func pairs(_ points: [Complex], of parts: Int = 2) -> [Double] {
    points.flatMap { parts == 2 ? [$0.x, $0.y] : [$0.x] }
  }

  /// Lengths that are one product, made of shorter transforms, and prime.
  @Test(arguments: [1, 2, 7, 64, 600, 1_009], [false, true])
  func transformsOfAnyLengthAreTheSumsOfTheDefinition(_ length: Int, _ isInverse: Bool) throws {
    let given = points(length)
    let model = ModelWriter(
      opset: 20, inputs: [.tensor("x", .f64, ["B", .fixed(length), 2])], outputs: ["y"],
      nodes: [.init("DFT", ["x"], ["y"], ["inverse": isInverse ? 1 : 0])])
    let x = Tensor(pairs(given) + pairs(given.reversed()), shape: [2, length, 2])
    let y = try #require(try model.compiled(["x": x])["y"])
    let expected = transform(given, length, isInverse: isInverse) + transform(given.reversed(), length, isInverse: isInverse)
    #expect(y.isClose(to: Tensor(pairs(expected), shape: [2, length, 2]), tolerance: 1e-9))
  }

  @Test(arguments: [5, 6], [4, 5, 7, 8]) func signalsAreCutOrFilledUpToTheLength(_ size: Int, _ length: Int) throws {
    let given = points(size).map { (x: $0.x, y: 0.0) }
    let model = ModelWriter(
      opset: 17, inputs: [.tensor("x", .f64, [1, "N", 1])], outputs: ["y"],
      initializers: ["n": Tensor(scalar: Int64(length))],
      nodes: [.init("DFT", ["x", "n"], ["y"], ["axis": 1, "onesided": 1])])
    let expected = transform(given, length, isInverse: false).prefix(length / 2 + 1)
    let y = try model.result(["x": Tensor(pairs(given, of: 1), shape: [1, size, 1])])
    #expect(y.isClose(to: Tensor(pairs(Array(expected)), shape: [1, length / 2 + 1, 2]), tolerance: 1e-9))
  }

  @Test(arguments: [1, 2, 9, 10, 1_501]) func halfASpectrumGivesTheSignalBack(_ length: Int) throws {
    let model = ModelWriter(
      opset: 20, inputs: [.tensor("x", .f64, [.fixed(length), "B", 1])], outputs: ["z"],
      initializers: ["n": Tensor(scalar: Int64(length)), "axis": Tensor(scalar: Int64(-3))],
      nodes: [
        .init("DFT", ["x", "", "axis"], ["y"], ["onesided": 1]),
        .init("DFT", ["y", "n", "axis"], ["z"], ["onesided": 1, "inverse": 1]),
      ])
    let x = Tensor(pairs(points(2 * length), of: 1), shape: [length, 2, 1])
    #expect(try #require(try model.compiled(["x": x])["z"]).isClose(to: x, tolerance: 1e-9))
  }

  @Test func aTransformOfNothingIsASumOfNothing() throws {
    func result(_ attributes: KeyValuePairs<String, ModelWriter.Attribute>, _ size: Int) throws -> Tensor {
      let model = ModelWriter(
        opset: 17, inputs: [.tensor("x", .f32, [2, .fixed(size), 2])], outputs: ["y"], nodes: [.init("DFT", ["x"], ["y"], attributes)])
      return try model.result(["x": Tensor(Array(repeating: 1 as Float, count: 4 * size), shape: [2, size, 2])])
    }
    #expect(try result([:], 0).shape == [2, 0, 2])
    #expect(try result(["onesided": 1], 0) == Tensor([0, 0, 0, 0] as [Float], shape: [2, 1, 2]))
    #expect(try result(["onesided": 1, "inverse": 1], 1).shape == [2, 0, 1])
  }

  @Test func transformsThatCannotBeAreRefused() {
    func problem(_ length: Int64, axis: Int64 = 1, parts: Int = 2) -> String? {
      let model = ModelWriter(
        opset: 20, inputs: [.tensor("x", .f32, [2, 4, .fixed(parts)])], outputs: ["y"],
        initializers: ["n": Tensor(scalar: length), "axis": Tensor(scalar: axis)], nodes: [.init("DFT", ["x", "n", "axis"], ["y"])])
      let x = Tensor(Array(repeating: 1 as Float, count: 8 * parts), shape: [2, 4, parts])
      return model.problems(["x": x]).first?.id
    }
    #expect(problem(-1) == "onnx.operand")
    #expect(problem(1 << 40) == "onnx.unsupported")
    #expect(problem(4, axis: 2) == "onnx.axis")
    #expect(problem(4, axis: 7) == "onnx.axis")
    #expect(problem(4, parts: 3) == "onnx.shape")
  }

  @Test(arguments: [false, true]) func framesAreTransformedUnderTheirWindow(_ hasLength: Bool) throws {
    let (samples, length, step) = (23, 6, 4)
    let given = points(samples).map { (x: $0.x, y: 0.0) }
    let window = (0..<length).map { Double($0 + 1) }
    let model = ModelWriter(
      opset: 17, inputs: [.tensor("x", .f64, ["B", "L", 1])], outputs: ["y"],
      initializers: ["step": Tensor(scalar: Int64(step)), "w": Tensor(window), "n": Tensor(scalar: Int64(length))],
      nodes: [.init("STFT", ["x", "step", "w"] + (hasLength ? ["n"] : []), ["y"])])
    let count = (samples - length) / step + 1
    let expected = (0..<count).flatMap { frame in
      let part = (0..<length).map { (x: given[frame * step + $0].x * window[$0], y: 0.0) }
      return transform(part, length, isInverse: false).prefix(length / 2 + 1)
    }
    let y = try model.result(["x": Tensor(pairs(given, of: 1), shape: [1, samples, 1])])
    #expect(y.isClose(to: Tensor(pairs(expected), shape: [1, count, length / 2 + 1, 2]), tolerance: 1e-9))
    #expect(!model.problems(["x": Tensor([1, 2, 3] as [Double], shape: [1, 3, 1])]).isEmpty)
  }

  @Test func windowsOfOnePeriodAndUpToTheirEnd() throws {
    func window(_ op: String, _ size: Int64, _ attributes: KeyValuePairs<String, ModelWriter.Attribute>) throws -> Tensor {
      let model = ModelWriter(
        opset: 17, inputs: [.tensor("n", .s64, [])], outputs: ["y"], nodes: [.init(op, ["n"], ["y"], attributes)])
      return try model.result(["n": Tensor(scalar: size)])
    }
    #expect(try window("HannWindow", 4, [:]).isClose(to: Tensor([0, 0.5, 1, 0.5] as [Float])))
    #expect(try window("HannWindow", 5, ["periodic": 0]).isClose(to: Tensor([0, 0.5, 1, 0.5, 0] as [Float])))
    #expect(try window("HammingWindow", 2, [:]).isClose(to: Tensor([2 / 23, 1] as [Float])))
    #expect(try window("BlackmanWindow", 2, ["output_datatype": 11]).isClose(to: Tensor([0, 1] as [Double])))
    #expect(try window("HannWindow", 3, ["output_datatype": 6, "periodic": 0]) == Tensor([0, 1, 0] as [Int32]))
    #expect(try window("HannWindow", 0, [:]).shape == [0])
    #expect(throws: (any Error).self) { try window("HannWindow", -1, [:]) }
    #expect(throws: (any Error).self) { try window("HannWindow", 1 << 60, [:]) }
  }

  @Test func weightsOfMelsAreTriangles() throws {
    func weights(_ bands: Int64, _ length: Int64, _ low: Float, _ high: Float) throws -> Tensor {
      let model = ModelWriter(
        opset: 17, inputs: [.tensor("low", .f32, [])], outputs: ["y"],
        initializers: [
          "bands": Tensor(scalar: bands), "n": Tensor(scalar: length), "rate": Tensor(scalar: 8_192 as Int64), "high": Tensor(scalar: high),
        ], nodes: [.init("MelWeightMatrix", ["bands", "n", "rate", "low", "high"], ["y"])])
      return try model.result(["low": Tensor(scalar: low)])
    }
    let table = try weights(8, 16, 0, 4_096)
    #expect(table.shape == [9, 8])
    // Narrow bands have one frequency each, and wide ones rise and fall.
    let sums = (0..<8).map { band in (0..<9).map { table.scalar(at: $0 * 8 + band).asDouble }.reduce(0, +) }
    #expect(sums == Array(repeating: 1, count: 8))
    let wide = try weights(2, 16, 0, 4_096)
    #expect(wide.isClose(to: Tensor([1, 0, 0.5, 0.5, 0, 1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as [Float], shape: [9, 2])))
    // Frequencies above those of the spectrum have no weights.
    #expect(try weights(3, 8, 0, 100_000).shape == [5, 3])
    #expect(throws: (any Error).self) { try weights(1 << 50, 16, 0, 4_096) }
    #expect(throws: (any Error).self) { try weights(8, -2, 0, 4_096) }
    #expect(throws: (any Error).self) { try weights(8, 16, .nan, 4_096) }
    #expect(throws: (any Error).self) { try weights(8, 16, 5_000, 4_096) }
  }
}
