import ApusIR
import ApusSchedule
import ApusTarget
import ApusTensor
import Testing

@Suite struct MapKernelTests {
  /// Large maps are shared among threads, whatever axes they have, in chunks that are worth a thread.
  @Test(arguments: [[1 << 20], [1, 1 << 20], [512, 2048], [1, 512, 2048], [2, 3, 1 << 18]])
  func largeMapsAreShared(shape: [Int]) throws {
    for isRowwise in [false, true] where shape.count > 1 || !isRowwise {
      var f = KernelFixture()
      let type = TensorType(.f32, shape.map { .constant($0) })
      let x = f.input(.f32, type.dims)
      let rank = shape.count
      let bias = f.input(.f32, isRowwise ? [type.dims[rank - 1]] : type.dims)
      let spread = isRowwise ? try f.op(.broadcast, [bias], [ints("axes", [rank - 1])], as: type) : bias
      let sum = try f.op(.add, [x, spread])
      var (host, kernel) = f.kernelized([sum])
      let machine = try #require(Machine.preset("x86-64-v3"))
      host.setAttribute("schedule", .schedule(chooseSchedule(for: kernel, in: host, on: machine)), of: kernel)
      let lowered = try lowerKernel(kernel, in: host, name: "k").function
      var shared = 0
      lowered.forEachOp { op in
        if lowered.opcode(of: op) == .for, lowered.string("kind", of: op) == "parallel" { shared += 1 }
      }
      #expect(shared == 1, "\(shape)")
    }
  }

  @Test(arguments: [[1, 1], [3, 4], [4, 8], [8, 8], [9, 17], [24, 5], [0, 8], [8, 0], [16, 33]])
  func transposesInBlocks(shape: [Int]) throws {
    for element in [ElementType.f32, .u8, .f64, .bool] {
      var f = KernelFixture()
      let x = f.input(element, [.constant(shape[0]), f.symbol("N")])
      let y = try f.op(.transpose, [x], [ints("perm", [1, 0])])
      try f.check([y], [randomTensor(element, shape)])
    }
  }

  /// The kernel numbers its symbols in another order than the host.
  @Test func transposesInBlocksOfSymbolsInAnyOrder() throws {
    var f = KernelFixture()
    let (b, n, c) = (f.symbol("B"), f.symbol("N"), f.symbol("C"))
    let x = f.input(.f32, [n, b, c])
    let y = try f.op(.transpose, [x], [ints("perm", [1, 2, 0])])
    try f.check([y], [randomTensor(.f32, [17, 2, 9])])
  }

  /// NCHW to NHWC with a scale by channel, a shift that all share and one by place.
  @Test func transposesWithinMaps() throws {
    for shape in [[2, 5, 3, 11], [1, 16, 2, 8], [1, 4, 4, 4]] {
      let (n, c, h, w) = (shape[0], shape[1], shape[2], shape[3])
      var f = KernelFixture()
      let x = f.input(.f32, shape.map { .constant($0) })
      let scale = f.input(.f32, [.constant(c)])
      let places = f.input(.f32, [.constant(h), .constant(w)])
      let type = TensorType(.f32, [n, h, w, c].map { .constant($0) })
      let moved = try f.op(.transpose, [x], [ints("perm", [0, 2, 3, 1])])
      let scaled = try f.op(.mul, [moved, try f.op(.broadcast, [scale], [ints("axes", [3])], as: type)])
      let y = try f.op(.add, [scaled, try f.op(.broadcast, [places], [ints("axes", [1, 2])], as: type)])
      let z = try f.op(.neg, [y])
      try f.check(
        [y, z], [randomTensor(.f32, shape), randomTensor(.f32, [c], seed: 2), randomTensor(.f32, [h, w], seed: 3)])
    }
  }

  @Test(arguments: [[], [0], [1], [7], [8], [33], [3, 5], [2, 3, 17], [1, 1, 4]])
  func elementwiseChains(shape: [Int]) throws {
    var f = KernelFixture()
    let x = f.input(.f32, shape.map { .constant($0) })
    let y = f.input(.f32, shape.map { .constant($0) })
    let sum = try f.op(.add, [x, y])
    let product = try f.op(.mul, [sum, x])
    let positive = try f.op(.greater, [product, y])
    let chosen = try f.op(.select, [positive, product, sum])
    try f.check([chosen, positive], [randomTensor(.f32, shape), randomTensor(.f32, shape, seed: 2)])
  }

  @Test func symbolicSizes() throws {
    var f = KernelFixture()
    let n = f.symbol("N")
    let x = f.input(.f32, [n, 5])
    let b = f.input(.f32, [5])
    let wide = try f.op(.broadcast, [b], [ints("axes", [1])], as: TensorType(.f32, [n, 5]))
    let sum = try f.op(.add, [x, wide])
    for size in [0, 1, 9] {
      try f.check([sum], [randomTensor(.f32, [size, 5]), randomTensor(.f32, [5], seed: 3)])
    }
  }

  @Test(arguments: [[0], [1], [2], [0, 1], [1, 2], [0, 2]])
  func broadcasts(axes: [Int]) throws {
    let shape = [3, 4, 11]
    var f = KernelFixture()
    let x = f.input(.f32, shape.map { .constant($0) })
    let small = axes.map { shape[$0] }
    let y = f.input(.f32, small.map { .constant($0) })
    let wide = try f.op(.broadcast, [y], [ints("axes", axes)], as: TensorType(.f32, shape.map { .constant($0) }))
    let sum = try f.op(.sub, [x, wide])
    try f.check([sum], [randomTensor(.f32, shape), randomTensor(.f32, small, seed: 5)])
  }

  @Test func transposesSlicesAndReversals() throws {
    var f = KernelFixture()
    let x = f.input(.s32, [6, 10, 9])
    let turned = try f.op(.transpose, [x], [ints("perm", [2, 0, 1])])
    let sliced = try f.op(
      .slice, [turned], [dims("starts", [1, 0, 2]), dims("limits", [9, 6, 10]), ints("strides", [2, 1, 3])])
    let flipped = try f.op(.reverse, [sliced], [ints("axes", [1, 2])])
    let doubled = try f.op(.add, [flipped, flipped])
    try f.check([doubled], [randomTensor(.s32, [6, 10, 9])])
  }

  @Test(arguments: [0, 1])
  func concatsOfPaddedPieces(axis: Int) throws {
    var f = KernelFixture()
    let x = f.input(.f32, [4, 9])
    let y = f.input(.f32, axis == 0 ? [2, 9] : [4, 3])
    let v = f.input(.f32, [])
    let doubled = try f.op(.add, [y, y])
    let joined = try f.op(.concat, [x, doubled, x], [int("axis", axis)])
    let padded = try f.op(.pad, [joined, v], [dims("low", [1, 2]), dims("high", [0, 3])])
    let result = try f.op(.neg, [padded])
    try f.check(
      [result],
      [randomTensor(.f32, [4, 9]), randomTensor(.f32, axis == 0 ? [2, 9] : [4, 3], seed: 2), randomTensor(.f32, [])])
  }

  @Test func interiorPadding() throws {
    var f = KernelFixture()
    let x = f.input(.f32, [3, 4])
    let v = f.input(.f32, [])
    let padded = try f.op(.pad, [x, v], [dims("low", [1, 0]), dims("high", [0, 2]), ints("interior", [2, 1])])
    try f.check([padded], [randomTensor(.f32, [3, 4]), randomTensor(.f32, [])])
  }

  @Test func symbolicConcat() throws {
    var f = KernelFixture()
    let n = f.symbol("N")
    let x = f.input(.f32, [n, 3])
    let y = f.input(.f32, [4, 3])
    let joined = try f.op(.concat, [x, y], [int("axis", 0)])
    for size in [0, 5] {
      try f.check([joined], [randomTensor(.f32, [size, 3]), randomTensor(.f32, [4, 3], seed: 8)])
    }
  }

  @Test func gathersAndIotas() throws {
    var f = KernelFixture()
    let x = f.input(.f32, [7, 10])
    let i = f.input(.s64, [2, 3])
    let rows = try f.op(.gather, [x, i], [int("axis", 0)])
    let count = try f.op(.iota, [], [int("axis", 2)], as: TensorType(.f32, [2, 3, 10]))
    let sum = try f.op(.add, [rows, count])
    try f.check([sum], [randomTensor(.f32, [7, 10]), randomTensor(.s64, [2, 3], seed: 4)])
  }

  @Test func reshapesThatMoveOnes() throws {
    var f = KernelFixture()
    let x = f.input(.f32, [4, 1, 6])
    let flat = try f.op(.reshape, [x], as: TensorType(.f32, [1, 4, 6, 1]))
    let other = try f.op(.reshape, [flat], as: TensorType(.f32, [2, 12]))
    let sum = try f.op(.exp, [other])
    try f.check([sum], [randomTensor(.f32, [4, 1, 6])])
  }

  @Test(arguments: [ElementType.u8, .u16, .u32, .u64])
  func randomBitsMatch(element: ElementType) throws {
    var f = KernelFixture()
    let seed = f.input(.u64, [])
    let bits = try f.op(.randomBits, [seed], as: TensorType(element, [3, 7]))
    try f.check([bits], [Tensor(scalar: UInt64(0x1234_5678_9ABC_DEF0))])
  }

  @Test func quantization() throws {
    var f = KernelFixture()
    let x = f.input(.f32, [19])
    let s = f.input(.f32, [19])
    let z = f.input(.u8, [19])
    let q = try f.op(.quantize, [x, s, z])
    let d = try f.op(.dequantize, [q, s, z])
    try f.check([q, d], [randomTensor(.f32, [19]), randomTensor(.f32, [19], seed: 2), randomTensor(.u8, [19], seed: 3)])
  }

  /// Sums and differences that f64 does not hold, and quotients that are no number.
  @Test(arguments: [ElementType.s8, .u16, .s32, .u32, .s64, .u64]) func quantizationIsExact(_ type: ElementType) throws {
    let quotients: [Double] = [.nan, .infinity, -.infinity, 0x1p63, -0x1p63, 0x1p64, -0x1p64, 3.5, -1, 0x1p40]
    let points: [Int64] = [3, 3, 3, -2, 5, .min, .max, .max, 0, -7]
    for source in [ElementType.f16, .bf16, .f32, .f64] {
      var f = KernelFixture()
      let x = f.input(source, [10])
      let s = f.input(source, [10])
      let z = f.input(type, [10])
      let i = f.input(type, [10])
      let q = try f.op(.quantize, [x, s, z])
      let d = try f.op(.dequantize, [i, s, z])
      var (numbers, scales) = (try Tensor.zeros(source, shape: [10]), try Tensor.zeros(source, shape: [10]))
      var (zeros, others) = (try Tensor.zeros(type, shape: [10]), try Tensor.zeros(type, shape: [10]))
      for index in 0..<10 {
        numbers.setScalar(.float(quotients[index]), at: index)
        scales.setScalar(.float(index == 7 ? 1 : 0.75), at: index)
        zeros.setScalar(.signed(points[index]), at: index)
        others.setScalar(.signed(points[9 - index]), at: index)
      }
      try f.check([q, d], [numbers, scales, zeros, others])
    }
  }
}
