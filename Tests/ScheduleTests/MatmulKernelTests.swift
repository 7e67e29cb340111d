import ApusIR
import ApusTarget
import ApusTensor
import Testing

@Suite struct MatmulKernelTests {
  /// Small blocks, so that small matrices have several.
  private let blocked = Schedule(
    tiles: [8, 32, 16], registerBlock: [4, 16], unroll: 2, vectorLanes: 8, packing: [.rhs], parallelAxis: 0)

  @Test(arguments: [(1, 1, 1), (3, 5, 7), (4, 16, 16), (9, 40, 33), (5, 17, 50), (0, 3, 2), (2, 0, 3), (3, 4, 0)])
  func products(m: Int, n: Int, k: Int) throws {
    for axis in [0, 1] {
      for packing in [Schedule.Packing.rhs, []] {
        var f = KernelFixture()
        let x = f.input(.f32, [.constant(m), .constant(k)])
        let w = f.input(.f32, [.constant(k), .constant(n)])
        let y = try f.op(.matmul, [x, w])
        var schedule = blocked
        schedule.parallelAxis = axis
        schedule.packing = packing
        try f.check([y], [randomTensor(.f32, [m, k]), randomTensor(.f32, [k, n], seed: 2)], schedule: schedule)
      }
    }
  }

  @Test(arguments: [ElementType.f64, .f16, .bf16, .s32, .u8, .s8, .s64])
  func elementTypes(element: ElementType) throws {
    var f = KernelFixture()
    let x = f.input(element, [2, 5, 18])
    let w = f.input(element, [2, 18, 21])
    let y = try f.op(.matmul, [x, w])
    try f.check(
      [y], [randomTensor(element, [2, 5, 18]), randomTensor(element, [2, 18, 21], seed: 2)],
      tolerance: element == .f16 ? 2e-3 : element == .bf16 ? 2e-2 : 1e-4)
  }

  @Test func epiloguesAndPrologues() throws {
    var f = KernelFixture()
    let type = TensorType(.f32, [7, 19])
    let x = f.input(.f32, [33, 7])
    let w = f.input(.f32, [19, 33])
    let b = f.input(.f32, [19])
    let r = f.input(.f32, [7, 19])
    let left = try f.op(.neg, [try f.op(.transpose, [x], [ints("perm", [1, 0])])])
    let right = try f.op(.transpose, [w], [ints("perm", [1, 0])])
    let product = try f.op(.matmul, [left, right])
    let sum = try f.op(.add, [product, try f.op(.broadcast, [b], [ints("axes", [1])], as: type)])
    let y = try f.op(.tanh, [try f.op(.add, [sum, r])])
    let tensors = try [
      randomTensor(.f32, [33, 7]), randomTensor(.f32, [19, 33], seed: 2), randomTensor(.f32, [19], seed: 3),
      randomTensor(.f32, [7, 19], seed: 4),
    ]
    try f.check([y], tensors)
    try f.check([y], tensors, schedule: blocked)
  }

  @Test func unboundedDepth() throws {
    var f = KernelFixture()
    let (m, n, k) = (f.symbol("M", DimBounds()), f.symbol("N", DimBounds()), f.symbol("K", DimBounds()))
    let x = f.input(.f16, [m, k])
    let w = f.input(.f16, [k, n])
    let y = try f.op(.neg, [try f.op(.matmul, [x, w])])
    for (m, n, k) in [(3, 40, 70), (20, 5, 1), (2, 2, 0)] {
      try f.check(
        [y], [randomTensor(.f16, [m, k]), randomTensor(.f16, [k, n], seed: 2)], schedule: blocked, tolerance: 2e-3)
    }
  }

  @Test func integersOfEightBits() throws {
    var f = KernelFixture()
    let x = f.input(.u8, [6, 20])
    let w = f.input(.s8, [20, 9])
    let y = try f.op(.matmulInteger, [x, w])
    try f.check([y], [randomTensor(.u8, [6, 20]), randomTensor(.s8, [20, 9], seed: 2)])
  }
}
