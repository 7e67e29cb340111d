import ApusTensor
import Testing

@testable import ApusONNX

/// Resize, GridSample and NonMaxSuppression at odd cases. The numbers are those of onnxruntime 1.31, which are ONNX's reference
/// implementation's as well unless it is said otherwise.
@Suite struct SamplingTests {
  private typealias Attributes = KeyValuePairs<String, ModelWriter.Attribute>

  // MARK: Resize

  private static let four = Tensor([1, -2, 4, 8] as [Float], shape: [1, 1, 1, 4])
  private static let five = Tensor([1, -2, 4, 8, 3] as [Float], shape: [1, 1, 1, 5])

  /// The last axis of a tensor resized to a size, or by a scale; the others stay.
  private func resized(
    _ x: Tensor, to size: Int64? = nil, by scale: Float? = nil, roi: [Float]? = nil, _ attributes: Attributes
  ) throws -> [Float] {
    var model = ModelWriter(
      opset: 19, inputs: [.tensor("x", x.elementType, x.shape.map { $0 == 1 ? .fixed(1) : .unknown })], outputs: ["y"],
      nodes: [
        .init("Resize", ["x", roi == nil ? "" : "roi", scale == nil ? "" : "scales", size == nil ? "" : "sizes"], ["y"], attributes)
      ])
    if let size { model.graph.initializers.append(TensorProto.encoded(Tensor([1, 1, 1, size]), name: "sizes")) }
    if let scale { model.graph.initializers.append(TensorProto.encoded(Tensor([1, 1, 1, scale]), name: "scales")) }
    if let roi { model.graph.initializers.append(TensorProto.encoded(Tensor(roi), name: "roi")) }
    return try model.result(["x": x]).values(as: Float.self)
  }

  private func expect(_ found: [Float], _ expected: [Float], _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(Tensor(found).isClose(to: Tensor(expected)), "\(what): \(found)", sourceLocation: sourceLocation)
  }

  @Test func filtersWidenWhereTheyMustNotAlias() throws {
    expect(try resized(Self.five, to: 3, ["mode": "linear", "antialias": 1]), [-0.125, 3.5555556, 4.875])
    let cubic: Attributes = ["mode": "cubic", "antialias": 1, "cubic_coeff_a": -0.5]
    expect(try resized(Self.five, to: 2, cubic), [0.611, 5.125])
  }

  @Test func weightsOutsideAreLeftOut() throws {
    let attributes: Attributes = ["mode": "cubic", "exclude_outside": 1, "coordinate_transformation_mode": "align_corners"]
    expect(try resized(Self.four, to: 7, attributes), [1, -0.8857143, -2, 0.34375, 4, 6.6857147, 8])
  }

  @Test func regionsReachBeyondTheEnds() throws {
    let attributes: Attributes = [
      "mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 10.0,
    ]
    expect(try resized(Self.four, to: 5, roi: [0, 0, 0, -0.5, 1, 1, 1, 1.5], attributes), [10, 1, 1, 8, 10])
  }

  @Test(arguments: ["pytorch_half_pixel", "align_corners"]) func oneSampleIsTheFirst(_ mode: String) throws {
    expect(try resized(Self.four, to: 1, ["mode": "linear", "coordinate_transformation_mode": .string(mode)]), [1])
  }

  @Test func scalesThatGiveNoWholeNumber() throws {
    let symmetric: Attributes = ["mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"]
    expect(try resized(Self.five, by: 0.7, symmetric), [-0.7142857, 4, 5.857143])
    // The reference has six elements: five times the f32 next to 1.4, rounded down.
    expect(try resized(Self.five, by: 1.4, ["nearest_mode": "round_prefer_ceil"]), [1, -2, -2, 4, 8, 8, 3])
    let asymmetric: Attributes = ["nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"]
    expect(try resized(Self.five, by: 0.5, asymmetric), [1, 4])
  }

  @Test func theSmallerRatioHoldsForAllAxes() throws {
    let model = ModelWriter(
      opset: 19, inputs: [.tensor("x", .f32, [1, 1, 2, 3])], outputs: ["y"], initializers: ["sizes": Tensor([4, 9] as [Int64])],
      nodes: [.init("Resize", ["x", "", "", "sizes"], ["y"], ["axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"])])
    let y = try model.result(["x": Tensor([0, 1, 2, 3, 4, 5] as [Float], shape: [1, 1, 2, 3])])
    let rows: [[Float]] = [[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [3, 3, 4, 4, 5, 5]]
    #expect(y == Tensor(rows.flatMap { $0 }, shape: [1, 1, 4, 6]))
  }

  // MARK: GridSample

  /// Samples of [[1, 2, 3], [4, 5, 6]] at the corners, in the middle, and at places outside, some far away.
  @Test(arguments: [
    ("linear", "zeros", 0, [0.25, 1.5, 3.5, 0.68, 0, 3.5, 0]), ("linear", "zeros", 1, [1, 6, 3.5, 2.36, 0, 3.625, 0]),
    ("linear", "border", 0, [1, 6, 3.5, 3.4, 3, 3.5, 3]), ("linear", "border", 1, [1, 6, 3.5, 2.95, 3, 3.625, 3]),
    ("linear", "reflection", 0, [1, 6, 3.5, 3.4, 1.55, 3.5, 3.5]), ("linear", "reflection", 1, [1, 6, 3.5, 3.15, 2, 3.625, 3.5]),
    ("nearest", "zeros", 0, [1, 0, 2, 0, 0, 3, 0]), ("nearest", "zeros", 1, [1, 6, 2, 4, 0, 3, 0]),
    ("nearest", "border", 0, [1, 6, 2, 4, 3, 3, 3]), ("nearest", "reflection", 1, [1, 6, 2, 4, 2, 3, 2]),
    ("cubic", "zeros", 0, [0.0625, 1.6875, 4.15625, 0.656, 0, 4.432419, 0]),
    ("cubic", "zeros", 1, [1, 6, 4.15625, 2.7753537, 0, 4.779068, 0]),
    ("cubic", "reflection", 0, [0.25, 6.75, 3.5, 3.352, 0.9815943, 3.4882812, 3.5]),
    ("cubic", "reflection", 1, [1, 6, 3.5, 3.210753, 1.6475008, 3.6367188, 3.5]),
  ] as [(String, String, Int, [Float])])
  func placesOutside(_ mode: String, _ padding: String, _ isAligned: Int, _ expected: [Float]) throws {
    let image = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [1, 1, 2, 3])
    let places: [Float] = [-1, -1, 1, 1, 0, 0, -1.2, 0.3, 3.7, -5.2, 0.5, -0.25, 100, -100]
    let y = try ModelWriter.result(
      of: "GridSample", [image, Tensor(places, shape: [1, 1, 7, 2])],
      ["mode": .string(mode), "padding_mode": .string(padding), "align_corners": .int(isAligned)], opset: 20)
    #expect(y.isClose(to: Tensor(expected, shape: [1, 1, 1, 7]), tolerance: 1e-4), "\(y.values(as: Float.self))")
  }

  /// An axis of one element has no extent when its ends are its corners.
  @Test func samplesOfOneElement() throws {
    let image = Tensor([5] as [Float], shape: [1, 1, 1, 1])
    let grid = Tensor([-1, -1, 0, 0, 0.5, 2] as [Float], shape: [1, 1, 3, 2])
    for padding in ["zeros", "border", "reflection"] {
      for isAligned in [0, 1] {
        let y = try ModelWriter.result(
          of: "GridSample", [image, grid], ["padding_mode": .string(padding), "align_corners": .int(isAligned)], opset: 20)
        expect(y.values(as: Float.self), padding == "zeros" && isAligned == 0 ? [1.25, 5, 0] : [5, 5, 5], "\(padding) \(isAligned)")
      }
    }
  }

  @Test func nothingToSampleAt() throws {
    let image = Tensor([1, 2] as [Float], shape: [1, 1, 1, 2])
    let y = try ModelWriter.result(of: "GridSample", [image, Tensor([] as [Float], shape: [1, 0, 3, 2])], opset: 20)
    #expect(y == Tensor([] as [Float], shape: [1, 1, 0, 3]))
  }

  // MARK: NonMaxSuppression

  /// Two that are the same with corners swapped and scores that tie, one without extent, and two far away.
  private static let boxes = Tensor(
    [0, 0, 1, 1, 1, 1, 0, 0, 0, 0.1, 1, 1.1, 0, 0, 0, 0, 0, 10, 1, 11, 0, 10.1, 1, 11.1] as [Float], shape: [1, 6, 4])
  private static let scores = Tensor([0.9, 0.9, 0.8, 0.95, 0.5, 0.5] as [Float], shape: [1, 1, 6])

  @Test(arguments: [
    (10, 0.5, nil, [3, 0, 4]), (10, 0, nil, [3, 0, 4]), (10, nil, nil, [3, 0, 4]), (10, 1, nil, [3, 0, 1, 2, 4, 5]), (0, 0.5, nil, []),
    (nil, nil, nil, []), (10, 0.5, 0.85, [3, 0]), (2, 0.5, nil, [3, 0]), (10, 0.5, 2, []),
  ] as [(Int64?, Float?, Float?, [Int64])])
  func boxesThatRemain(_ most: Int64?, _ overlap: Float?, _ least: Float?, _ expected: [Int64]) throws {
    let y = try ModelWriter.result(
      of: "NonMaxSuppression",
      [Self.boxes, Self.scores, most.map { Tensor([$0]) }, overlap.map { Tensor([$0]) }, least.map { Tensor([$0]) }], opset: 11)
    #expect(y == Tensor(expected.flatMap { [0, 0, $0] }, shape: [expected.count, 3]))
  }

  @Test func boxesByTheirCentres() throws {
    let one: [Float] = [0.5, 0.5, 1, 1]
    let boxes = Tensor(one + [0.5, 0.6, 1, 1, 3, 3, 1, 1] + one + one + one, shape: [2, 3, 4])
    let scores = Tensor([0.1, 0.2, 0.3, 0.3, 0.2, 0.1, 0.5, 0.5, 0.5, 0, -1, 1] as [Float], shape: [2, 2, 3])
    let expected = Tensor([0, 0, 2, 0, 0, 1, 0, 1, 0, 0, 1, 2, 1, 0, 0, 1, 1, 2] as [Int64], shape: [6, 3])
    for least in [nil, Tensor([-5] as [Float])] {
      let y = try ModelWriter.result(
        of: "NonMaxSuppression", [boxes, scores, Tensor([3] as [Int64]), Tensor([0.4] as [Float]), least], ["center_point_box": 1],
        opset: 11)
      #expect(y == expected)
    }
  }

  @Test func noBoxesAtAll() throws {
    let y = try ModelWriter.result(
      of: "NonMaxSuppression",
      [Tensor([] as [Float], shape: [1, 0, 4]), Tensor([] as [Float], shape: [1, 2, 0]), Tensor([3] as [Int64])], opset: 11)
    #expect(y == Tensor([] as [Int64], shape: [0, 3]))
  }
}
