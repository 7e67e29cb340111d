import ApusIR
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// `contract` on right sides that are no plain matrices, against the interpreter: panels, and taps of a convolution.
@Suite struct ContractOperandTests {
  private func numbers(_ shape: [Int], _ modulus: Int) throws -> Tensor {
    try Tensor(.f32, shape) { .signed(Int64(($0 * 7 + $0 / 5) % modulus - modulus / 2)) }
  }

  private func attributes(_ block: [Int], _ more: [NamedAttribute] = []) -> [NamedAttribute] {
    [
      NamedAttribute("lhs_axes", .ints([0, 1])), NamedAttribute("rhs_axes", .ints([0, 1])),
      NamedAttribute("out_axes", .ints([0, 1])), NamedAttribute("block", .ints(block)), NamedAttribute("unroll", .int(4)),
    ] + more
  }

  /// Both sides in panels as wide as the register block, walked from the start and from a later panel.
  @Test(arguments: [(4, 16, 5), (9, 40, 7), (1, 1, 1), (8, 33, 0), (5, 0, 3)], [0, 1])
  func panels(size: (m: Int, n: Int, k: Int), panel: Int) throws {
    let (m, n, k) = size
    var w = LoopWriter("panels")
    func constant(_ shape: [Int], _ modulus: Int, axis: Int, width: Int) throws -> ValueID {
      let layout = Layout.panels(rank: 2, axis: axis, width: width)
      return w.value(
        .constant, [], TensorType(.f32, shape.map { .constant($0) }, form: .buffer, layout: layout),
        [NamedAttribute("value", .tensor(ConstantTensor(try numbers(shape, modulus))))])
    }
    let a = try constant([m, k], 5, axis: 0, width: 4)
    let b = try constant([k, n], 7, axis: 1, width: 16)
    let out = w.buffer(.f32, [.constant(m), .constant(n)])
    let (row, column) = (min(panel * 4, m), min(panel * 16, n))
    guard row % 4 == 0, column % 16 == 0 else { return }
    let zero = w.index(0)
    w.op(
      .contract,
      [
        a, b, out, w.index(k), w.index(m - row), w.index(n - column), w.index(row), zero, zero, w.index(column),
        w.index(row), w.index(column),
      ], [], attributes([4, 16]))
    try LoopRunner(w.finished()).expectAgreement([numbers([m, n], 11)])
  }

  /// Four taps of each channel, with room to read whole blocks beyond the last column and without.
  @Test(arguments: [(4, 16, 5), (9, 40, 3), (1, 1, 1), (8, 33, 0), (5, 0, 3)], [0, 15])
  func taps(size: (m: Int, n: Int, channels: Int), room: Int) throws {
    let (m, n, channels) = size
    let taps = [0, 1, 7, 3]
    for accumulates in [false, true] {
      var w = LoopWriter("taps")
      let depth = channels * taps.count
      let a = w.buffer(.f32, [.constant(m), .constant(depth)])
      let b = w.buffer(.f32, [.constant(channels), .constant(n + 7 + room)])
      let out = w.buffer(.f32, [.constant(m), .constant(n)])
      let zeros = Array(repeating: w.index(0), count: 6)
      w.op(
        .contract, [a, b, out, w.index(depth), w.index(m), w.index(n)] + zeros, [],
        attributes([4, 16], [NamedAttribute("accumulate", .bool(accumulates)), NamedAttribute("taps", .ints(taps))]))
      let runner = try LoopRunner(w.finished())
      try runner.expectAgreement(
        [numbers([m, depth], 5), numbers([channels, n + 7 + room], 7), numbers([m, n], 11)])
    }
  }

  /// The inner loop is compiled once, however many contractions there are.
  @Test func sharesTheInnerLoop() throws {
    var w = LoopWriter("twice")
    let (m, n, k) = (w.symbol("M"), w.symbol("N"), w.symbol("K"))
    let (a, b, out) = (w.buffer(.f32, [m, k]), w.buffer(.f32, [k, n]), w.buffer(.f32, [m, n]))
    let zeros = Array(repeating: w.index(0), count: 6)
    for accumulates in [false, true] {
      w.op(
        .contract, [a, b, out, w.size(k), w.size(m), w.size(n)] + zeros, [],
        attributes([4, 16], [NamedAttribute("accumulate", .bool(accumulates))]))
    }
    let text = try CodeGenerator(for: .host()).llvmText(Module(w.finished()))
    let definitions = text.split(separator: "\n").filter { $0.hasPrefix("define internal") && $0.contains("apus.tile") }
    // One for whole blocks, one for those that lack columns and have no padding to read.
    #expect(definitions.count == 2)
  }
}
