import ApusIR
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// Loads and stores in every shape: along either axis, by any stride, masked, and through layouts.
@Suite struct LoopMemoryTests {
  static func numbers(_ type: ElementType, _ shape: [Int]) throws -> Tensor {
    try Tensor(type, shape) { type == .bool ? .bool($0 % 3 == 1) : .signed(Int64($0 % 101)) }
  }

  /// Copies lanes of x[9, 11] that start at a legal place into y[9, 11].
  private func strided(_ type: ElementType, along: Int, stride: Int, lanes: Int, isMasked: Bool) -> Function {
    var w = LoopWriter("strided")
    let (x, y) = (w.buffer(type, [9, 11]), w.buffer(type, [9, 11]))
    let count = w.load(w.buffer(.s64, []), [])
    let first = max(0, -stride * (lanes - 1))
    let start = along == 0 ? [w.index(first), w.index(1)] : [w.index(2), w.index(first)]
    let mask = isMasked ? count : nil
    let v = w.load(x, start, lanes: lanes, count: mask, along: along, stride: stride)
    w.store(v, y, start, count: mask, along: along, stride: stride)
    // What a mask leaves out is zero.
    w.store(v, y, [w.index(8), w.index(0)])
    return w.finished()
  }

  @Test(arguments: [ElementType.u8, .bf16, .f32, .f64, .bool], [-3, -2, -1, 0, 1, 2])
  func everyStride(type: ElementType, stride: Int) throws {
    for (along, isMasked) in [(0, false), (0, true), (1, false), (1, true)] {
      let lanes = abs(stride) > 2 ? 2 : 4
      let runner = try LoopRunner(strided(type, along: along, stride: stride, lanes: lanes, isMasked: isMasked))
      for count in isMasked ? [-1, 0, 1, 3, 4, 9] : [0] {
        let tensors = [
          try Self.numbers(type, [9, 11]), try .zeros(type, shape: [9, 11]), Tensor(scalar: Int64(count)),
        ]
        try runner.expectAgreement(tensors, offset: type.byteCount * 3)
      }
    }
  }

  @Test func aScalarMayBeMasked() throws {
    var w = LoopWriter("scalar")
    let (x, y, n) = (w.buffer(.s16, [1]), w.buffer(.s16, [1]), w.buffer(.s64, []))
    let (zero, count) = (w.index(0), w.load(n, []))
    let v = w.load(x, [zero], count: count)
    w.store(w.add(v, v), y, [zero], count: count)
    let runner = try LoopRunner(w.finished())
    for count in [0, 1] {
      try runner.expectAgreement([Tensor([Int16(21)]), Tensor([Int16(-7)]), Tensor(scalar: Int64(count))])
    }
  }

  /// x → scratch in a layout → y, the channels in vectors.
  private func throughLayout(_ layout: Layout, _ type: ElementType, block: Int, lanes: Int) -> Function {
    let shape: [Dim] = [2, 13, 5]
    var w = LoopWriter("layout")
    let (x, y) = (w.buffer(type, shape), w.buffer(type, shape))
    let packed = w.value(.scratch, [], TensorType(type, shape, form: .buffer, layout: layout))
    let (zero, one) = (w.index(0), w.index(1))
    let ends = [2, 13, 5].map { w.index($0) }
    let padded = w.index(16)
    func copy(_ w: inout LoopWriter, _ body: (inout LoopWriter, [ValueID], ValueID) -> Void) {
      w.loop(zero, ends[0]) { w, n, _ in
        w.loop(zero, ends[2]) { w, h, _ in
          w.loop(zero, padded, step: lanes) { w, c, _ in
            body(&w, [n, c, h], w.sub(ends[1], c))
            return []
          }
          return []
        }
        return []
      }
    }
    copy(&w) { w, at, count in w.store(w.load(x, at, lanes: lanes, count: count, along: 1), packed, at, along: 1) }
    copy(&w) { w, at, count in
      let v = w.load(packed, at, lanes: lanes, along: 1)
      w.store(w.add(v, w.value(.splat, [w.value(.convert, [one], .register(type))], w.function.type(of: v))), y, at,
        count: count, along: 1)
    }
    return w.finished()
  }

  @Test(arguments: [2, 4, 8], [ElementType.f32, .s8]) func blockedChannels(lanes: Int, type: ElementType) throws {
    let layouts = [
      Layout([.init(0), .init(1, .outer(block: 8)), .init(2), .init(1, .inner(block: 8))]),
      Layout([.init(0), .init(1, .outer(block: 4)), .init(2), .init(1, .inner(block: 4))]),
      Layout([.init(1, .outer(block: 16)), .init(0), .init(1, .inner(block: 16)), .init(2)]),
    ]
    for layout in layouts {
      let runner = try LoopRunner(throughLayout(layout, type, block: 8, lanes: lanes))
      try runner.expectAgreement([Self.numbers(type, [2, 13, 5]), .zeros(type, shape: [2, 13, 5])])
    }
  }

  @Test func lanesInABlockAreOneLoad() throws {
    let layout = Layout([.init(0), .init(1, .outer(block: 8)), .init(2), .init(1, .inner(block: 8))])
    let machine = try #require(Machine.preset("x86-64-v3"))
    let text = try CodeGenerator(for: machine).llvmText(Module(throughLayout(layout, .f32, block: 8, lanes: 8)))
    #expect(text.contains("load <8 x float>"))
  }

  /// Large scratch comes from the call's memory, small from the stack; both are there for each thread.
  @Test(arguments: [100, 200_000]) func scratchInAParallelLoop(count: Int) throws {
    var w = LoopWriter("scratch")
    let y = w.buffer(.s32, [40])
    let (zero, end, last) = (w.index(0), w.index(40), w.index(count - 1))
    w.loop(zero, end, kind: "parallel", grain: 3) { w, i, _ in
      let room = w.value(.scratch, [], TensorType(.s32, [.constant(count)], form: .buffer))
      w.store(w.value(.convert, [i], .register(.s32)), room, [last])
      let v = w.load(room, [last])
      w.store(w.mul(v, v), y, [i])
      return []
    }
    try LoopRunner(w.finished()).expectAgreement([.zeros(.s32, shape: [40])], threads: 2)
  }

  @Test func rearrangesLanes() throws {
    var w = LoopWriter("lanes")
    let (x, y, z) = (w.buffer(.f32, [8]), w.buffer(.s64, [8]), w.buffer(.f32, [8]))
    let zero = w.index(0)
    let v = w.load(x, [zero], lanes: 8)
    w.store(w.value(.lanes, [w.index(-3)], .register(.s64, lanes: 8)), y, [zero])
    let kinds = ["sum", "prod", "max", "min"]
    for (index, kind) in kinds.enumerated() {
      let folded = w.value(.reduceLanes, [v], .register(.f32), [NamedAttribute("kind", .name(kind))])
      w.store(folded, z, [w.index(index)])
    }
    w.store(w.value(.extractLane, [v], .register(.f32), [NamedAttribute("lane", .int(5))]), z, [w.index(4)])
    let x8 = try Tensor(.f32, [8]) { .float(Double($0) * 1.1 - 2.7) }
    try LoopRunner(w.finished()).expectAgreement([x8, .zeros(.s64, shape: [8]), .zeros(.f32, shape: [8])])
  }

  @Test(arguments: [ElementType.bool, .u16]) func foldsBits(type: ElementType) throws {
    var w = LoopWriter("bits")
    let (x, y) = (w.buffer(type, [4]), w.buffer(type, [2]))
    let zero = w.index(0)
    let v = w.load(x, [zero], lanes: 4)
    for (index, kind) in ["and", "or"].enumerated() {
      let folded = w.value(.reduceLanes, [v], .register(type), [NamedAttribute("kind", .name(kind))])
      w.store(folded, y, [w.index(index)])
    }
    let runner = try LoopRunner(w.finished())
    for pattern in 0..<16 {
      let bits = try Tensor(type, [4]) { .unsigned(UInt64(pattern >> $0 & 1)) }
      try runner.expectAgreement([bits, .zeros(type, shape: [2])])
    }
  }
}
