import ApusIR
import ApusSchedule
import ApusTarget
import ApusTensor
import Testing

@Suite struct ReductionKernelTests {
  /// softmax over an axis, as it is decomposed.
  private func softmax(_ shape: [Int], axis: Int) throws {
    var f = KernelFixture()
    let type = TensorType(.f32, shape.map { .constant($0) })
    let x = f.input(.f32, type.dims)
    let spread = ints("axes", Array(shape.indices))
    let m = try f.op(.reduceMax, [x], [ints("axes", [axis]), flag("keep_dims")])
    let d = try f.op(.sub, [x, try f.op(.broadcast, [m], [spread], as: type)])
    let e = try f.op(.exp, [d])
    let s = try f.op(.reduceSum, [e], [ints("axes", [axis]), flag("keep_dims")])
    let y = try f.op(.div, [e, try f.op(.broadcast, [s], [spread], as: type)])
    try f.check([y], [randomTensor(.f32, shape)])
  }

  @Test(arguments: [[1], [7], [40], [3, 1], [5, 33], [2, 3, 19], [0, 4], [4, 8]])
  func softmaxOfTheLastAxis(shape: [Int]) throws { try softmax(shape, axis: shape.count - 1) }

  @Test(arguments: [[9, 5], [3, 4, 20], [6, 1]])
  func softmaxOfTheFirstAxis(shape: [Int]) throws { try softmax(shape, axis: 0) }

  @Test(arguments: [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]], [false, true])
  func everyFoldOverEveryAxes(axes: [Int], keep: Bool) throws {
    let shape = [3, 5, 18]
    for code in [OpCode.reduceSum, .reduceProd, .reduceMax, .reduceMin] {
      for element in [ElementType.f32, .s32, .u8, .f16, .f64] {
        var f = KernelFixture()
        let x = f.input(element, shape.map { .constant($0) })
        let y = try f.op(code, [x], [ints("axes", axes)] + (keep ? [flag("keep_dims")] : []))
        try f.check([y], [randomTensor(element, shape)], tolerance: element == .f16 ? 2e-3 : 1e-5)
      }
    }
  }

  @Test(arguments: [0, 1, 2], [false, true])
  func argReductions(axis: Int, last: Bool) throws {
    for code in [OpCode.argMax, .argMin] {
      for element in [ElementType.f32, .s16] {
        var f = KernelFixture()
        let x = f.input(element, [3, 4, 13])
        let y = try f.op(code, [x], [int("axis", axis)] + (last ? [flag("last")] : []))
        var tensor = try randomTensor(element, [3, 4, 13])
        if element == .f32 { tensor.setScalar(.float(.nan), at: 30) }
        try f.check([y], [tensor])
      }
    }
  }

  @Test(arguments: [1, 7, 8, 40, 77], [false, true])
  func argReductionsOfVectors(size: Int, last: Bool) throws {
    for code in [OpCode.argMax, .argMin] {
      for special in [Double.nan, -.infinity, .infinity, 0] {
        var f = KernelFixture()
        let x = f.input(.f32, [3, .constant(size)])
        let y = try f.op(code, [x], [int("axis", 1)] + (last ? [flag("last")] : []))
        var tensor = try randomTensor(.f32, [3, size])
        // A row of equals, one with zeros of both signs, one with two specials.
        for index in 0..<size { tensor.setScalar(.float(special.isNaN ? -.infinity : special), at: index) }
        tensor.setScalar(.float(-0.0), at: size)
        tensor.setScalar(.float(special), at: 2 * size + size / 2)
        tensor.setScalar(.float(special), at: 3 * size - 1)
        try f.check([y], [tensor])
      }
      for element in [ElementType.s8, .u64, .f64, .bf16] {
        var f = KernelFixture()
        let x = f.input(element, [f.symbol("N"), .constant(size)])
        let y = try f.op(code, [x], [int("axis", 1)] + (last ? [flag("last")] : []))
        try f.check([y], [randomTensor(element, [2, size])])
      }
    }
  }

  @Test(arguments: [32_768, 40_001])
  func partsOfOneRow(size: Int) throws {
    for element in [ElementType.f32, .s32] {
      var f = KernelFixture()
      let x = f.input(element, [.constant(size)])
      let sum = try f.op(.reduceSum, [x], [ints("axes", [0]), flag("keep_dims")])
      let most = try f.op(.reduceMax, [x], [ints("axes", [0])])
      let place = try f.op(.argMin, [x], [int("axis", 0)])
      let d = try f.op(.sub, [x, try f.op(.broadcast, [sum], [ints("axes", [0])], as: TensorType(element, [.constant(size)]))])
      try f.check([d, most], [randomTensor(element, [size])], tolerance: 1e-4)
      try f.check([place], [randomTensor(element, [size])])
    }
  }

  @Test(arguments: [0, 1, 5, 33_000])
  func partsOfOneSymbolicRow(size: Int) throws {
    var f = KernelFixture()
    let x = f.input(.s64, [f.symbol("N", DimBounds(lower: 0, upper: nil)), 1])
    let y = try f.op(.reduceSum, [x], [ints("axes", [0, 1])])
    try f.check([y], [randomTensor(.s64, [size, 1])])
  }

  @Test(arguments: [1, 8, 31, 32, 40, 100])
  func columns(count: Int) throws {
    for element in [ElementType.f32, .s16] {
      var f = KernelFixture()
      let x = f.input(element, [3, 5, .constant(count)])
      let all = try f.op(.reduceSum, [x], [ints("axes", [0, 1])])
      try f.check([all], [randomTensor(element, [3, 5, count])])
      var g = KernelFixture()
      let z = g.input(element, [3, 5, .constant(count)])
      let y = try g.op(.argMax, [z], [int("axis", 1)])
      try g.check([y], [randomTensor(element, [3, 5, count])])
    }
    try softmax([6, count], axis: 0)
  }

  @Test func meanAndVarianceInOneKernel() throws {
    var f = KernelFixture()
    let n = f.symbol("N")
    let type = TensorType(.f32, [n, 24])
    let x = f.input(.f32, type.dims)
    let g = f.input(.f32, [24])
    let count = try f.op(.constant, [], [NamedAttribute("value", .scalar(.float(24)))], as: TensorType(.f32, [n, 1]))
    let mean = try f.op(.div, [try f.op(.reduceSum, [x], [ints("axes", [1]), flag("keep_dims")]), count])
    let d = try f.op(.sub, [x, try f.op(.broadcast, [mean], [ints("axes", [0, 1])], as: type)])
    let square = try f.op(.mul, [d, d])
    let variance = try f.op(.div, [try f.op(.reduceSum, [square], [ints("axes", [1]), flag("keep_dims")]), count])
    let root = try f.op(.sqrt, [variance])
    let y = try f.op(.div, [d, try f.op(.broadcast, [root], [ints("axes", [0, 1])], as: type)])
    let scaled = try f.op(.mul, [y, try f.op(.broadcast, [g], [ints("axes", [1])], as: type)])
    for size in [0, 1, 6] {
      try f.check([scaled, mean], [randomTensor(.f32, [size, 24]), randomTensor(.f32, [24], seed: 7)])
    }
  }

  @Test func foldsOfBoolsAndBits() throws {
    for code in [OpCode.reduceAnd, .reduceOr] {
      for element in [ElementType.bool, .u8, .s32] {
        var f = KernelFixture()
        let x = f.input(element, [4, 21])
        let y = try f.op(code, [x], [ints("axes", [1])])
        try f.check([y], [randomTensor(element, [4, 21])])
      }
    }
  }

  /// What a fold reads is also read elsewhere by a result: an output that keeps it for one row has it for no other.
  @Test func keepsNothingThatIsMoved() throws {
    for axis in [0, 2] {
      var f = KernelFixture()
      let x = f.input(.f32, [4, 2, 33])
      let dear = try f.op(.exp, [x])
      let turned = try f.op(.reverse, [dear], [ints("axes", [1])])
      let product = try f.op(.mul, [turned, x])
      let least = try f.op(.reduceMin, [dear], [ints("axes", [axis])])
      try f.check([product, least], [randomTensor(.f32, [4, 2, 33])])
    }
  }

  /// Where an exponent is a difference from the maximum, the code that follows may know that it is not positive; elsewhere,
  /// and in f64, nothing is said of it.
  @Test(arguments: [(ElementType.f32, true, true), (.bf16, true, true), (.f64, true, false), (.f32, false, false)])
  func exponentsBelowTheMaximumAreBounded(element: ElementType, ofItself: Bool, areBounded: Bool) throws {
    var f = KernelFixture()
    let type = TensorType(element, [3, 16])
    let (x, z) = (f.input(element, type.dims), f.input(element, type.dims))
    let m = try f.op(.reduceMax, [ofItself ? x : z], [ints("axes", [1]), flag("keep_dims")])
    let d = try f.op(.sub, [x, try f.op(.broadcast, [m], [ints("axes", [0, 1])], as: type)])
    let y = try f.op(.reduceSum, [try f.op(.exp, [d])], [ints("axes", [1])])
    var (host, kernel) = f.kernelized([y])
    let machine = try #require(Machine.preset("x86-64-v3"))
    host.setAttribute("schedule", .schedule(chooseSchedule(for: kernel, in: host, on: machine)), of: kernel)
    let lowered = try lowerKernel(kernel, in: host, name: "k").function
    let exponents = lowered.allOps().filter { lowered.opcode(of: $0) == .exp }
    #expect(!exponents.isEmpty)
    let bounded = exponents.filter { op in
      lowered.definingOp(of: lowered.operand(0, of: op)).map { lowered.opcode(of: $0) == .min } ?? false
    }
    #expect(bounded.count == (areBounded ? exponents.count : 0))
    try f.check([y], [randomTensor(element, [3, 16]), randomTensor(element, [3, 16], seed: 2)], tolerance: 0.05)
  }
}
