import ApusIR
import ApusTensor
import Testing

@Suite struct ConvolutionKernelTests {
  private let blocked = Schedule(
    tiles: [8, 32, 16], registerBlock: [4, 16], unroll: 2, vectorLanes: 8, packing: [.rhs], parallelAxis: 0)

  struct Geometry: Sendable {
    var x: [Int]
    var w: [Int]
    var attributes: [String: [Int]] = [:]
    var groups = 1
  }

  private func check(_ g: Geometry, _ element: ElementType = .f32, tolerance: Double = 1e-4) throws {
    for schedule in [nil, blocked] as [Schedule?] {
      var f = KernelFixture()
      let x = f.input(element, g.x.map { .constant($0) })
      let w = f.input(element, g.w.map { .constant($0) })
      var attributes = g.attributes.sorted { $0.key < $1.key }.map { ints($0.key, $0.value) }
      if g.groups != 1 { attributes.append(int("groups", g.groups)) }
      let y = try f.op(.conv, [x, w], attributes)
      try f.check(
        [y], [randomTensor(element, g.x), randomTensor(element, g.w, seed: 2)], schedule: schedule, tolerance: tolerance)
    }
  }

  @Test(arguments: [
    Geometry(x: [1, 1, 8, 8], w: [16, 1, 3, 3], attributes: ["pads": [1, 1, 1, 1]]),
    Geometry(x: [2, 3, 9, 7], w: [5, 3, 3, 3]),
    Geometry(x: [1, 4, 6, 6], w: [8, 4, 1, 1]),
    Geometry(x: [1, 2, 11, 40], w: [3, 2, 3, 5], attributes: ["strides": [2, 2], "pads": [1, 2, 0, 3]]),
    Geometry(x: [1, 2, 12, 12], w: [3, 2, 3, 3], attributes: ["dilations": [2, 3], "pads": [3, 3, 3, 3]]),
    Geometry(x: [1, 2, 2, 2], w: [1, 2, 3, 3], attributes: ["pads": [5, 5, 5, 5], "strides": [3, 4]]),
    Geometry(x: [0, 2, 4, 4], w: [3, 2, 2, 2]),
    Geometry(x: [1, 0, 4, 4], w: [3, 0, 2, 2]),
  ]) func twoDimensional(g: Geometry) throws { try check(g) }

  @Test(arguments: [
    Geometry(x: [2, 6, 5, 9], w: [4, 3, 3, 3], groups: 2),
    Geometry(x: [1, 5, 7, 7], w: [5, 1, 3, 3], attributes: ["pads": [1, 1, 1, 1]], groups: 5),
    Geometry(x: [2, 3, 40], w: [4, 3, 5], attributes: ["pads": [2, 2]]),
    Geometry(x: [1, 2, 4, 5, 6], w: [3, 2, 2, 2, 3], attributes: ["pads": [1, 0, 1, 0, 1, 1]]),
    Geometry(x: [1, 2, 6, 5, 9], w: [3, 2, 2, 2, 3], attributes: ["strides": [2, 1, 2], "dilations": [1, 2, 3]]),
    // Too many taps to be written out.
    Geometry(x: [1, 2, 70], w: [3, 2, 51], attributes: ["pads": [7, 0], "strides": [2]]),
    Geometry(x: [1, 2, 12, 15], w: [5, 2, 8, 8], attributes: ["pads": [1, 2, 3, 4], "dilations": [1, 2]]),
    // Few output channels for each input channel.
    Geometry(x: [2, 3, 9, 21], w: [6, 1, 3, 3], attributes: ["pads": [1, 1, 1, 1], "strides": [2, 2]], groups: 3),
    Geometry(x: [1, 3, 5, 6, 7], w: [3, 1, 2, 1, 3], attributes: ["dilations": [2, 1, 2]], groups: 3),
    Geometry(x: [1, 4, 19], w: [4, 1, 4], groups: 4),
  ]) func groupsAndOtherRanks(g: Geometry) throws { try check(g) }

  /// Lines and columns by their remainders, some of which no tap reads.
  @Test(arguments: [
    Geometry(x: [1, 2, 13, 17], w: [3, 2, 3, 3], attributes: ["strides": [3, 2], "dilations": [2, 3], "pads": [2, 1, 0, 3]]),
    Geometry(x: [1, 3, 9, 9], w: [4, 3, 2, 2], attributes: ["strides": [4, 3]]),
    Geometry(x: [1, 3, 16, 5], w: [7, 3, 1, 3], attributes: ["strides": [2, 1], "pads": [0, 1, 0, 1]]),
    Geometry(x: [1, 3, 7, 6], w: [7, 3, 1, 1], attributes: ["strides": [2, 2], "pads": [0, 1, 1, 0]]),
    Geometry(x: [2, 40, 6, 7], w: [9, 40, 3, 3], attributes: ["pads": [1, 1, 1, 1]]),
  ]) func stridesAndDilations(g: Geometry) throws { try check(g) }

  @Test func computedOperands() throws {
    var f = KernelFixture()
    let x = f.input(.f32, [1, 2, 6, 9])
    let w = f.input(.f32, [3, 2, 3, 3])
    let y = try f.op(.conv, [try f.op(.abs, [x]), try f.op(.neg, [w])], [ints("pads", [1, 1, 1, 1])])
    let z = try f.op(.exp, [try f.op(.neg, [try f.op(.abs, [y])])])
    try f.check([z], [randomTensor(.f32, [1, 2, 6, 9]), randomTensor(.f32, [3, 2, 3, 3], seed: 2)], tolerance: 1e-4)
  }

  @Test func notANumberAndInfinity() throws {
    for groups in [1, 2] {
      var f = KernelFixture()
      let x = f.input(.f32, [1, 2, 5, 11])
      let w = f.input(.f32, [2, .constant(2 / groups), 3, 3])
      let y = try f.op(.conv, [x, w], [ints("pads", [1, 1, 1, 1]), int("groups", groups)])
      var values = try randomTensor(.f32, [1, 2, 5, 11])
      values.setScalar(.float(.nan), at: 13)
      values.setScalar(.float(.infinity), at: 47)
      try f.check([y], [values, randomTensor(.f32, [2, 2 / groups, 3, 3], seed: 2)], tolerance: 1e-4)
    }
  }

  @Test func otherTypes() throws {
    let g = Geometry(x: [1, 3, 6, 9], w: [4, 3, 3, 3], attributes: ["pads": [1, 1, 1, 1]])
    try check(g, .f16, tolerance: 2e-3)
    try check(g, .f64)
    try check(g, .s32)
  }

  @Test func symbolicBatchAndSize() throws {
    var f = KernelFixture()
    let (b, h, w) = (f.symbol("B"), f.symbol("H", DimBounds(lower: 3)), f.symbol("W", DimBounds(lower: 3)))
    let x = f.input(.f32, [b, 2, h, w])
    let k = f.input(.f32, [5, 2, 3, 3])
    let y = try f.op(.conv, [x, k], [ints("pads", [1, 1, 1, 1])])
    for shape in [[2, 2, 5, 7], [1, 2, 3, 70], [0, 2, 4, 4]] {
      try f.check([y], [randomTensor(.f32, shape), randomTensor(.f32, [5, 2, 3, 3], seed: 2)], tolerance: 1e-4)
    }
  }

  @Test func biasResidualAndActivation() throws {
    var f = KernelFixture()
    let type = TensorType(.f32, [2, 6, 5, 7])
    let x = f.input(.f32, [2, 3, 5, 7])
    let w = f.input(.f32, [6, 3, 3, 3])
    let bias = f.input(.f32, [6, 1, 1])
    let residual = f.input(.f32, [2, 6, 5, 7])
    let line = f.input(.f32, [7])
    let sum = try f.op(.conv, [x, w], [ints("pads", [1, 1, 1, 1])])
    let shifted = try f.op(.add, [sum, try f.op(.broadcast, [bias], [ints("axes", [1, 2, 3])], as: type)])
    let added = try f.op(.add, [shifted, residual])
    let zero = try f.op(.constant, [], [NamedAttribute("value", .scalar(.float(0)))], as: type)
    let y = try f.op(.max, [added, zero])
    let tensors = try [
      randomTensor(.f32, [2, 3, 5, 7]), randomTensor(.f32, [6, 3, 3, 3], seed: 2), randomTensor(.f32, [6, 1, 1], seed: 3),
      randomTensor(.f32, [2, 6, 5, 7], seed: 4), randomTensor(.f32, [7], seed: 5),
    ]
    try f.check([y], tensors, tolerance: 1e-4)
    let z = try f.op(.mul, [y, try f.op(.broadcast, [line], [ints("axes", [3])], as: type)])
    try f.check([z], tensors, tolerance: 1e-4)
  }
}
