import ApusIR
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// What the inner loops look like: nothing in them that a hand-written loop would not have.
@Suite struct LoopCodeTests {
  private func loops(_ function: Function, fastMath: Bool = false) throws -> [[String]] {
    let machine = try #require(Machine.preset("x86-64-v3"))
    return innerLoops(of: try CodeGenerator(for: machine, fastMath: fastMath).assembly(Module(function)))
  }

  @Test(arguments: ["serial", "unrolled", "parallel"]) func aChainStaysInRegisters(kind: String) throws {
    let loops = try loops(chainFunction(lanes: 8, kind: kind, length: 8))
    let loop = try #require(loops.first { $0.contains { $0.contains("ymm") } })
    let copies = kind == "unrolled" ? 4 : 1
    #expect(loop.filter { $0.contains("ymm") }.count == copies * 10)
    #expect(loop.count <= copies * 10 + 4)
    #expect(!loop.contains { $0.contains("%rsp") || $0.contains("call") })
  }

  /// y[i] = x[i] · s[0] + t[0]: s and t are read once, because y is other memory.
  private func scaled() -> Function {
    var w = LoopWriter("scaled")
    let n = w.symbol("N")
    let (x, s, t, y) = (w.buffer(.f32, [n]), w.buffer(.f32, [1]), w.buffer(.f32, [1]), w.buffer(.f32, [n]))
    let (zero, end) = (w.index(0), w.size(n))
    w.loop(zero, end) { w, i, _ in
      w.store(w.add(w.mul(w.load(x, [i]), w.load(s, [zero])), w.load(t, [zero])), y, [i])
      return []
    }
    return w.finished()
  }

  @Test func whatALoopDoesNotChangeLeavesIt() throws {
    let loop = try #require(try loops(scaled()).first)
    #expect(loop.filter { $0.contains("(") }.count == 2, "\(loop)")
  }

  @Test func productsFuseOnlyWhereAllowed() throws {
    #expect(try !loops(scaled()).joined().contains { $0.contains("vfmadd") })
    #expect(try loops(scaled(), fastMath: true).joined().contains { $0.contains("vfmadd") })
  }

  /// Compiled whole or in parts, the same functions come out.
  @Test(arguments: [1, 2, 5]) func partsMakeAWhole(parts: Int) throws {
    var w = LoopWriter("host")
    let n = w.symbol("N")
    let (x, c, y) = (w.buffer(.f32, [n]), w.buffer(.bool, []), w.buffer(.f32, [n]))
    w.op(.assert, [w.load(c, [])], [], [NamedAttribute("message", .string("off"))])
    let middle = w.value(.alloc, [], TensorType(.f32, [n], form: .buffer))
    HostTests.launch(&w, "k2", [x, middle], sizes: [n])
    HostTests.launch(&w, "k3", [middle, y], sizes: [n])
    var module = Module(w.finished())
    module.add(HostTests.scale("k2", factor: 2))
    module.add(HostTests.scale("k3", factor: 3))
    let runner = try LoopRunner(module, parts: parts)
    #expect(runner.compiled.objects.count == min(parts, 3))
    try runner.expectAgreement([Tensor([Float(1), 2, 5]), Tensor(scalar: true), .zeros(.f32, shape: [3])])
  }
}
