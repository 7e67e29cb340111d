import ApusIR
import ApusRuntimeABI
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// What only host functions do: memory, constants, launches, calls, custom ops, and the entry point around them.
@Suite struct HostTests {
  /// y = x · factor for a buffer of N numbers.
  static func scale(_ name: String = "scale", factor: Double) -> Function {
    var w = LoopWriter(name)
    let n = w.symbol("N")
    let (x, y) = (w.buffer(.f32, [n]), w.buffer(.f32, [n]))
    let (zero, end) = (w.index(0), w.size(n))
    w.loop(zero, end) { w, i, _ in
      w.store(w.mul(w.load(x, [i]), w.constant(.float(factor), .register(.f32))), y, [i])
      return []
    }
    return w.finished()
  }

  static func launch(_ w: inout LoopWriter, _ callee: String, _ buffers: [ValueID], sizes: [Dim]) {
    w.op(.launch, buffers, [], [NamedAttribute("callee", .function(callee)), NamedAttribute("sizes", .dims(sizes))])
  }

  /// x → arena → allocated → y, viewed as one axis.
  @Test func launchesKernels() throws {
    var w = LoopWriter("host")
    let b = w.symbol("B")
    let count = try Dim.product(b, 3)
    let (x, y) = (w.buffer(.f32, [b, 3]), w.buffer(.f32, [b, 3]))
    let flat = TensorType(.f32, [count], form: .buffer)
    let viewed = [x, y].map { w.value(.view, [$0], flat) }
    let planned = w.value(.alloc, [], flat, [NamedAttribute("offset", .dims([64]))])
    let own = w.value(.alloc, [], flat)
    Self.launch(&w, "double", [viewed[0], planned], sizes: [count])
    Self.launch(&w, "double", [planned, own], sizes: [count])
    Self.launch(&w, "third", [own, viewed[1]], sizes: [count])
    var module = Module(w.finished())
    module.add(Self.scale("double", factor: 2))
    module.add(Self.scale("third", factor: 1.0 / 3))
    let runner = try LoopRunner(module)
    for rows in [0, 1, 5] {
      let x = try Tensor(.f32, [rows, 3]) { .float(Double($0) + 0.5) }
      try runner.expectAgreement([x, .zeros(.f32, shape: [rows, 3])], arenaBytes: 4096)
    }
  }

  /// A caller that passes one buffer twice computes in place, and the callee must not assume otherwise.
  @Test func mayPassOneBufferTwice() throws {
    var kernel = LoopWriter("shift")
    let n = kernel.symbol("N")
    let (x, y) = (kernel.buffer(.f32, [n]), kernel.buffer(.f32, [n]))
    let (one, end) = (kernel.index(1), kernel.size(n))
    kernel.loop(one, end) { w, i, _ in
      let before = w.load(x, [w.sub(i, one)])
      w.store(w.add(before, before), y, [i])
      return []
    }
    var w = LoopWriter("host")
    let m = w.symbol("M")
    let buffer = w.buffer(.f32, [m])
    Self.launch(&w, "shift", [buffer, buffer], sizes: [m])
    var module = Module(w.finished())
    module.add(kernel.finished())
    try LoopRunner(module).expectAgreement([Tensor(.f32, [9]) { .float(Double($0) + 1) }])
  }

  @Test func readsConstants() throws {
    let large = try Tensor(.f32, [40, 30]) { .float(Double($0)) }
    let small = Tensor([Float(10), 20, 30])
    let channels = try Tensor(.f32, [6, 5]) { .float(Double($0) * 0.5) }
    let layout = Layout([.init(0, .outer(block: 4)), .init(1), .init(0, .inner(block: 4))])
    var w = LoopWriter("host")
    let y = w.buffer(.f32, [5])
    func constant(_ value: Attribute, _ type: TensorType) -> ValueID {
      w.value(.constant, [], type, [NamedAttribute("value", value)])
    }
    let a = constant(.tensor(ConstantTensor(large)), TensorType(.f32, [40, 30], form: .buffer))
    let b = constant(.tensor(ConstantTensor(small)), TensorType(.f32, [3], form: .buffer))
    let c = constant(.scalar(.float(0.25)), TensorType(.f32, [999], form: .buffer))
    let d = constant(.tensor(ConstantTensor(channels)), TensorType(.f32, [6, 5], form: .buffer, layout: layout))
    let again = constant(.tensor(ConstantTensor(large)), TensorType(.f32, [40, 30], form: .buffer))
    let picks: [(ValueID, [Int])] = [(a, [39, 29]), (b, [2]), (c, [998]), (d, [5, 3]), (again, [1, 0])]
    for (index, (buffer, at)) in picks.enumerated() {
      let indices = at.map { w.index($0) }
      w.store(w.load(buffer, indices), y, [w.index(index)])
    }
    let runner = try LoopRunner(w.finished())
    #expect(runner.compiled.constants.map(\.value.tensor.shape) == [[40, 30], [999]])
    try runner.expectAgreement([.zeros(.f32, shape: [5])])
    #expect(runner.compiled.objects[0].bytes.count < large.byteCount)
  }

  @Test func assertsStopTheRun() throws {
    var w = LoopWriter("host")
    let (c, y) = (w.buffer(.bool, []), w.buffer(.s32, []))
    w.op(.assert, [w.load(c, [])], [], [NamedAttribute("message", .string("flag is off"))])
    w.store(w.constant(.signed(1), .register(.s32)), y, [])
    let runner = try LoopRunner(w.finished())
    try runner.expectAgreement([Tensor(scalar: true), Tensor(scalar: Int32(0))])
    let outcome = try runner.run([Tensor(scalar: false), Tensor(scalar: Int32(0))])
    #expect(outcome.status == 1 && outcome.buffers[1] == Tensor(scalar: Int32(0)))
    #expect(runner.compiled.sites[outcome.site].reason == .assertion("flag is off"))
  }

  /// Buffers too large for any memory fail the call before anything is written.
  @Test func allocationsThatCannotBe() throws {
    var w = LoopWriter("host")
    let n = w.symbol("N", upTo: .max)
    let (x, y) = (w.buffer(.f32, [n, 0]), w.buffer(.f32, []))
    _ = x
    let huge = w.value(.alloc, [], TensorType(.f32, [n, n, n], form: .buffer))
    w.store(w.constant(.float(1), .register(.f32)), huge, [w.index(0), w.index(0), w.index(0)])
    w.store(w.constant(.float(1), .register(.f32)), y, [])
    let outcome = try LoopRunner(w.finished()).run([
      .zeros(.f32, shape: [1 << 40, 0]), Tensor(scalar: Float(0)),
    ])
    #expect(outcome.status == 3 && outcome.buffers[1] == Tensor(scalar: Float(0)))
  }

  @Test func callsFunctions() throws {
    var w = LoopWriter("host")
    let b = w.symbol("B")
    let (x, y) = (w.buffer(.f32, [b]), w.buffer(.f32, [b]))
    let made = w.value(
      .call, [x], TensorType(.f32, [b], form: .buffer), [NamedAttribute("callee", .function("doubled"))])
    Self.launch(&w, "scale", [made, y], sizes: [b])
    var callee = LoopWriter("doubled")
    let n = callee.symbol("N")
    let input = callee.buffer(.f32, [n])
    let own = callee.value(.alloc, [], TensorType(.f32, [n], form: .buffer))
    Self.launch(&callee, "scale", [input, own], sizes: [n])
    var module = Module(w.finished())
    module.add(callee.finished(returning: [own]))
    module.add(Self.scale(factor: 2))
    let got = try LoopRunner(module).run([Tensor([Float(1), 2, 3]), .zeros(.f32, shape: [3])])
    #expect(got.status == 0 && got.buffers[1] == Tensor([Float(4), 8, 12]))
  }
}
