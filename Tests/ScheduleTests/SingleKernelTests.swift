import ApusIR
import ApusTensor
import Testing

@Suite struct SingleKernelTests {
  @Test(arguments: ["sum", "prod", "max", "min"])
  func windows(kind: String) throws {
    for (pads, strides, dilations) in [([0, 0, 0, 0], [1, 1], [1, 1]), ([1, 2, 0, 1], [2, 3], [2, 1]), ([4, 4, 4, 4], [1, 1], [1, 1])] {
      for element in [ElementType.f32, .s8, .f16] {
        var f = KernelFixture()
        let x = f.input(element, [2, 3, 7, 9])
        let y = try f.op(
          .reduceWindow, [x],
          [
            NamedAttribute("kind", .name(kind)), ints("window", [3, 2]), ints("strides", strides), ints("pads", pads),
            ints("dilations", dilations),
          ])
        try f.check([y], [randomTensor(element, [2, 3, 7, 9])], tolerance: element == .f16 ? 4e-3 : 1e-5)
      }
    }
  }

  @Test(arguments: [8, 9, 17, 30, 43], [1, 2, 3])
  func windowsSideBySide(width: Int, stride: Int) throws {
    for (pads, dilation, taps) in [([0, 0], 1, 3), ([1, 1], 1, 3), ([3, 0], 2, 2), ([0, 5], 1, 9), ([9, 9], 3, 2)] {
      for element in [ElementType.f32, .u8, .f16] {
        var f = KernelFixture()
        let x = f.input(element, [2, 3, f.symbol("W")])
        let attributes = [
          NamedAttribute("kind", .name("max")), ints("window", [taps]), ints("strides", [stride]), ints("pads", pads),
          ints("dilations", [dilation]),
        ]
        guard width + pads[0] + pads[1] >= (taps - 1) * dilation + 1 else { continue }
        let y = try f.op(.reduceWindow, [try f.op(.add, [x, x])], attributes)
        var tensor = try randomTensor(element, [2, 3, width])
        if element == .f32 {
          tensor.setScalar(.float(.nan), at: 5)
          tensor.setScalar(.float(-.infinity), at: width + 2)
        }
        try f.check([y], [tensor])
      }
    }
  }

  @Test(arguments: [1, 8, 33, 47])
  func scansSideBySide(width: Int) throws {
    for (shape, axis) in [([5, width], 0), ([2, 3, width], 1), ([0, width], 0), ([1, 4, width], 1)] {
      for options in [[], [flag("exclusive"), flag("reverse")]] {
        for element in [ElementType.f32, .bf16] {
          var f = KernelFixture()
          let x = f.input(element, shape.map { .constant($0) })
          let y = try f.op(.scan, [x], [int("axis", axis), NamedAttribute("kind", .name("sum"))] + options)
          try f.check([y], [randomTensor(element, shape)], tolerance: element == .bf16 ? 0.05 : 1e-5)
        }
      }
    }
  }

  @Test(arguments: [0, 1], ["sum", "prod", "max", "min"])
  func scans(axis: Int, kind: String) throws {
    for options in [[], [flag("exclusive")], [flag("reverse")], [flag("exclusive"), flag("reverse")]] {
      for element in [ElementType.f32, .u8] {
        var f = KernelFixture()
        let x = f.input(element, [4, 6])
        let y = try f.op(.scan, [x], [int("axis", axis), NamedAttribute("kind", .name(kind))] + options)
        try f.check([y], [randomTensor(element, [4, 6])])
      }
    }
  }

  /// f16 and narrower integers sort by merging, f64 and rows of unknown length in place.
  @Test(arguments: [0, 1, 2, 7, 20, 65], [false, true])
  func sorts(size: Int, descending: Bool) throws {
    for element in [ElementType.f32, .s16, .f16, .u32, .s64, .f64] {
      for isBounded in [true, false] {
        var f = KernelFixture()
        let x = f.input(element, [3, isBounded ? .constant(size) : f.symbol("N", DimBounds(lower: 0, upper: nil))])
        let op = try f.function.append(
          .sort, [x], attributes: [int("axis", 1)] + (descending ? [flag("descending")] : []), at: .end(of: f.function.entry))
        try f.check(f.function.results(of: op), [unorderedTensor(element, [3, size])])
      }
    }
  }

  @Test(arguments: [0, 1, 4, 6], [false, true])
  func topKs(k: Int, largest: Bool) throws {
    for element in [ElementType.f32, .u8, .s64] {
      for axis in 0...1 {
        var f = KernelFixture()
        let isSymbolic = k == 4
        let dim = isSymbolic ? f.symbol("K") : Dim.constant(k)
        let x = f.input(element, axis == 0 ? [23, 6] : [6, 23])
        // The symbol is had from an operand.
        let bound = f.input(.f32, [dim])
        let op = try f.function.append(
          .topK, [x], attributes: [dims("k", [dim]), int("axis", axis), NamedAttribute("largest", .bool(largest))],
          at: .end(of: f.function.entry))
        let results = f.function.results(of: op)
        for size in isSymbolic ? [0, 1, 4, 6] : [k] {
          try f.check(
            results, [unorderedTensor(element, axis == 0 ? [23, 6] : [6, 23]), randomTensor(.f32, [size])])
        }
        _ = bound
      }
    }
  }

  /// Values in no order, with ties; of floats also NaN and zeros of both signs.
  private func unorderedTensor(_ element: ElementType, _ shape: [Int]) throws -> Tensor {
    var tensor = try randomTensor(element, shape)
    if element == .u32, tensor.count > 2 { tensor.setScalar(.unsigned(0xFFFF_FFF0), at: tensor.count / 2) }
    guard element.isFloat, tensor.count > 12 else { return tensor }
    tensor.setScalar(.float(.nan), at: 4)
    tensor.setScalar(.float(.nan), at: 2)
    tensor.setScalar(tensor.scalar(at: 1), at: 6)
    tensor.setScalar(.float(-0.0), at: 0)
    tensor.setScalar(.float(0), at: 3)
    tensor.setScalar(.float(-.infinity), at: 8)
    tensor.setScalar(.float(.infinity), at: 9)
    return tensor
  }

  @Test(arguments: ["none", "add", "mul", "min", "max"])
  func scatters(reduction: String) throws {
    let how = NamedAttribute("reduction", .name(reduction))
    var f = KernelFixture()
    let x = f.input(.f32, [7, 4])
    let i = f.input(.s64, [3, 4])
    let u = f.input(.f32, [3, 4])
    let y = try f.op(.scatterElements, [x, i, u], [int("axis", 0), how])
    let tensors = try [randomTensor(.f32, [7, 4]), randomTensor(.s64, [3, 4], seed: 2), randomTensor(.f32, [3, 4], seed: 3)]
    try f.check([y], tensors)

    var g = KernelFixture()
    let a = g.input(.s32, [7, 8])
    let b = g.input(.s32, [5, 1])
    let c = g.input(.s32, [5, 8])
    let z = try g.op(.scatterNd, [a, b, c], [how])
    try g.check([z], [randomTensor(.s32, [7, 8]), randomTensor(.s32, [5, 1], seed: 2), randomTensor(.s32, [5, 8], seed: 3)])
  }

  /// Rows longer than a vector, of a value that is computed on the way.
  @Test func updatesSideBySide() throws {
    var f = KernelFixture()
    let x = f.input(.f32, [3, 21])
    let i = f.input(.s64, [4, 1])
    let u = f.input(.f32, [4, 21])
    let y = try f.op(.scatterNd, [try f.op(.neg, [x]), i, u], [NamedAttribute("reduction", .name("add"))])
    let indices = Tensor([Int64(2), 0, 2, 1], shape: [4, 1])
    try f.check([y], [randomTensor(.f32, [3, 21]), indices, randomTensor(.f32, [4, 21], seed: 3)])

    var g = KernelFixture()
    let a = g.input(.u8, [2, 3, 70])
    let b = g.input(.u8, [2, 1, 40])
    let s = g.input(.s32, [3])
    let z = try g.op(.dynamicUpdateSlice, [try g.op(.add, [a, a]), b, s])
    for start in [[0, 1, 7], [1, 2, 90]] as [[Int32]] {
      try g.check([z], [randomTensor(.u8, [2, 3, 70]), randomTensor(.u8, [2, 1, 40], seed: 2), Tensor(start, shape: [3])])
    }
  }

  @Test(arguments: [[0, 0], [2, 1], [9, -4]])
  func updatesOfSlices(start: [Int64]) throws {
    var f = KernelFixture()
    let x = f.input(.f32, [5, 6])
    let u = f.input(.f32, [2, 3])
    let s = f.input(.s64, [2])
    let y = try f.op(.dynamicUpdateSlice, [x, u, s])
    try f.check([y], [randomTensor(.f32, [5, 6]), randomTensor(.f32, [2, 3], seed: 2), Tensor(start, shape: [2])])
  }
}
