import ApusIR
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// `contract` at whole and ragged blocks against the interpreter, on whole numbers that every type holds exactly.
@Suite struct ContractTests {
  struct Case {
    var type = ElementType.f32
    var out = ElementType.f32
    var block = [4, 16]
    var unroll = 2
    var accumulates = false
    /// nil, or the lanes of the register that the epilogue takes.
    var epilogue: Int?
    var leftIsTransposed = false
    var rightIsTransposed = false
    var outIsTransposed = false
    /// Adds ops to the epilogue until it is worth a loop of its own.
    var isLong = false
    /// Bounds rows and columns by the block, as a tiled loop does.
    var isOneBlock = false
  }

  func function(_ c: Case) -> Function {
    var w = LoopWriter("contract")
    let (m, n, k) = (w.symbol("M"), w.symbol("N"), w.symbol("K"))
    let a = w.buffer(c.type, c.leftIsTransposed ? [k, m] : [m, k])
    let b = w.buffer(c.type, c.rightIsTransposed ? [n, k] : [k, n])
    let bias = w.buffer(.f32, [n])
    let out = w.buffer(c.out, c.outIsTransposed ? [n, m] : [m, n])
    var (rows, columns) = (w.size(m), w.size(n))
    if c.isOneBlock {
      rows = w.value(.min, [rows, w.index(c.block[0])], .index)
      columns = w.value(.min, [columns, w.index(c.block[1])], .index)
    }
    let zeros = Array(repeating: w.index(0), count: 6)
    let contract = w.op(
      .contract, [a, b, out, w.size(k), rows, columns] + zeros, [],
      [
        NamedAttribute("lhs_axes", .ints(c.leftIsTransposed ? [1, 0] : [0, 1])),
        NamedAttribute("rhs_axes", .ints(c.rightIsTransposed ? [1, 0] : [0, 1])),
        NamedAttribute("out_axes", .ints(c.outIsTransposed ? [1, 0] : [0, 1])),
        NamedAttribute("block", .ints(c.block)), NamedAttribute("unroll", .int(c.unroll)),
        NamedAttribute("accumulate", .bool(c.accumulates)),
      ])
    if let lanes = c.epilogue {
      let sum = TensorType.register(.f32, lanes: lanes)
      w.inRegion(0, of: contract, parameters: [.index, .index, sum]) { w, p in
        let biased = w.add(p[2], w.load(bias, [p[1]], lanes: lanes))
        let row = w.value(.convert, [p[0]], .register(.f32))
        var total = w.add(biased, w.value(.splat, [row], sum))
        for _ in 0..<(c.isLong ? 9 : 0) { total = w.sub(total, biased) }
        return [c.out == .f32 ? total : w.value(.convert, [total], .register(c.out, lanes: lanes))]
      }
    }
    return w.finished()
  }

  func check(_ c: Case, sizes: [(m: Int, n: Int, k: Int)], machine: Machine = .host()) throws {
    let runner = try LoopRunner(function(c), machine: machine)
    func numbers(_ type: ElementType, _ shape: [Int], _ modulus: Int) throws -> Tensor {
      try Tensor(type, shape) { .signed(Int64(($0 * 7 + $0 / 5) % modulus - modulus / 2)) }
    }
    for (m, n, k) in sizes {
      let a = try numbers(c.type, c.leftIsTransposed ? [k, m] : [m, k], 5)
      let b = try numbers(c.type, c.rightIsTransposed ? [n, k] : [k, n], 7)
      let bias = try numbers(.f32, [n], 9)
      let out = try numbers(c.out, c.outIsTransposed ? [n, m] : [m, n], 11)
      try runner.expectAgreement([a, b, bias, out], offset: c.type.byteCount)
    }
  }

  static let ragged = [(4, 16, 5), (1, 1, 1), (3, 15, 4), (9, 33, 7), (8, 16, 0), (0, 5, 3), (5, 0, 3), (7, 48, 2)]

  @Test func everyEdge() throws { try check(Case(), sizes: Self.ragged) }

  @Test func accumulates() throws { try check(Case(accumulates: true), sizes: Self.ragged) }

  @Test(arguments: [4, 8, 16]) func finishesWithAnEpilogue(lanes: Int) throws {
    try check(Case(accumulates: true, epilogue: lanes), sizes: Self.ragged)
  }

  @Test func finishesWithALongEpilogue() throws {
    try check(Case(accumulates: true, epilogue: 8, isLong: true), sizes: Self.ragged)
    try check(Case(out: .bf16, epilogue: 4, outIsTransposed: true, isLong: true), sizes: [(4, 16, 5), (6, 20, 3)])
    try check(Case(epilogue: 8, isLong: true, isOneBlock: true), sizes: [(4, 16, 5), (3, 7, 5)])
  }

  @Test func everyOrientation() throws {
    for bits in 1..<8 {
      let c = Case(
        accumulates: true, epilogue: 8, leftIsTransposed: bits & 1 != 0, rightIsTransposed: bits & 2 != 0,
        outIsTransposed: bits & 4 != 0)
      try check(c, sizes: [(4, 16, 5), (3, 7, 4), (6, 20, 3)])
    }
  }

  @Test func withinOneBlock() throws {
    try check(Case(epilogue: 8, isOneBlock: true), sizes: [(4, 16, 5), (3, 16, 5), (1, 9, 2), (4, 3, 1)])
  }

  @Test(arguments: [ElementType.f64, .s32, .u32, .s64, .u8]) func numbers(type: ElementType) throws {
    try check(Case(type: type, out: type), sizes: [(4, 16, 5), (5, 21, 6)])
  }

  @Test(arguments: [ElementType.f16, .bf16]) func widensHalves(type: ElementType) throws {
    try check(Case(type: type, out: type), sizes: [(4, 16, 5), (5, 21, 6)])
    try check(Case(type: type, out: .f32, epilogue: 8), sizes: [(4, 16, 5), (5, 21, 6)])
    try check(Case(type: type, out: type, epilogue: 8), sizes: [(5, 21, 6)])
  }

  @Test func widensBytes() throws { try check(Case(type: .s8, out: .s32), sizes: [(4, 16, 5), (5, 21, 6)]) }

  @Test(arguments: [[1, 1], [1, 8], [2, 4], [6, 24], [3, 6]]) func everyBlock(block: [Int]) throws {
    try check(Case(block: block), sizes: [(block[0], block[1], 3), (7, 25, 3)])
  }

  @Test func withoutFMA() throws {
    guard let machine = Machine.preset("x86-64"), machine.architecture == .compiledFor else { return }
    try check(Case(accumulates: true, epilogue: 4), sizes: [(4, 16, 5), (3, 7, 4)], machine: machine)
  }
}
