import ApusIR
import ApusInterpreter
import ApusSchedule
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

@Suite struct PackConstantsTests {
  /// A host with products of its input `%x` and the constant `w`, which is also returned where `isReturned`.
  private func host(k: Int, n: Int, rows: [Int], batch: [Int] = [], isReturned: Bool = false) throws -> Function {
    let w = try randomTensor(.f32, batch + [k, n], seed: 2)
    let type = TensorType(.f32, (batch + [k, n]).map { .constant($0) })
    var host = Function(name: "host", phase: .fused)
    var results: [ValueID] = []
    let inputs = rows.map { host.addParameter(TensorType(.f32, (batch + [$0, k]).map { .constant($0) })) }
    let constant = host.insert(
      .constant, [], attributes: [NamedAttribute("value", .tensor(ConstantTensor(w)))], results: [type],
      at: .end(of: host.entry))
    let weight = host.result(of: constant)
    for (input, m) in zip(inputs, rows) {
      let product = TensorType(.f32, (batch + [m, n]).map { .constant($0) })
      let kernel = host.insert(.kernel, [input, weight], results: [product], at: .end(of: host.entry))
      let body = host.region(0, of: kernel)
      let x = host.addParameter(host.type(of: input), to: body)
      let y = host.addParameter(type, to: body)
      let matmul = host.insert(.matmul, [x, y], results: [product], at: .end(of: body))
      host.insert(.yield, [host.result(of: matmul)], results: [], at: .end(of: body))
      results.append(host.result(of: kernel))
    }
    if isReturned { results.append(weight) }
    host.insert(.return, results, results: [], at: .end(of: host.entry))
    host.resultTypes = results.map { host.type(of: $0) }
    return host
  }

  private let machine = Machine.preset("x86-64-v3") ?? .host(environment: [:])

  private func layouts(_ host: Function) -> [Layout?] {
    host.allOps().filter { host.opcode(of: $0) == .constant }.map { host.type(of: host.result(of: $0)).layout }
  }

  @Test(arguments: [(5, 16), (7, 19), (1, 1), (33, 40), (0, 3), (3, 0)])
  func packsRightSides(k: Int, n: Int) throws {
    for batch in [[], [2]] {
      let before = try host(k: k, n: n, rows: [4], batch: batch)
      var after = before
      chooseSchedules(in: &after, on: machine)
      packConstants(in: &after)
      #expect(Module(after).verify().isEmpty)
      let layout = try #require(layouts(after)[0])
      #expect(layouts(after).count == 1)
      #expect(layout.entries.map(\.axis) == (batch.isEmpty ? [1, 0, 1] : [0, 2, 1, 2]))
      let x = try randomTensor(.f32, batch + [4, k])
      let wanted = try Interpreter(Module(before)).run([x])
      #expect(try Interpreter(Module(after)).run([x]) == wanted)
      // The loops of the kernel read the panels.
      let kernel = try #require(after.allOps().first { after.opcode(of: $0) == .kernel })
      let lowered = try lowerKernel(kernel, in: after, name: "k").function
      #expect(lowered.allOps().allSatisfy { lowered.opcode(of: $0) != .scratch })
      let buffers = try [x, randomTensor(.f32, batch + [k, n], seed: 2), .zeros(.f32, shape: batch + [4, n])]
      let got = try Interpreter(Module(lowered)).runInPlace(buffers, function: "k")[2]
      for index in 0..<got.count {
        guard case (.float(let a), .float(let b)) = (got.scalar(at: index), wanted[0].scalar(at: index)) else { continue }
        #expect(abs(a - b) <= 1e-4 * max(1, abs(b)))
      }
    }
  }

  @Test func textKeepsLayouts() throws {
    var packed = try host(k: 3, n: 5, rows: [4])
    chooseSchedules(in: &packed, on: machine)
    packConstants(in: &packed)
    let text = Module(packed).text()
    #expect(text.contains("f32[3, 5]{1/"))
    #expect(try Module.parse(SourceText(name: "packed.ir", text: text)).text() == text)
  }

  @Test func keepsAPlainConstantThatIsReadOtherwise() throws {
    var packed = try host(k: 6, n: 20, rows: [4], isReturned: true)
    chooseSchedules(in: &packed, on: machine)
    packConstants(in: &packed)
    #expect(Module(packed).verify().isEmpty)
    #expect(layouts(packed).filter { $0 == nil }.count == 1)
    #expect(layouts(packed).count == 2)
  }

  @Test func packsOnceForEachWidth() throws {
    var packed = try host(k: 6, n: 40, rows: [4, 4, 4])
    var width = 16
    chooseSchedules(in: &packed, on: machine) { _, _, _ in
      defer { width = 24 }
      return Schedule(tiles: [0, 0, 8], registerBlock: [4, width], vectorLanes: 8)
    }
    packConstants(in: &packed)
    #expect(Module(packed).verify().isEmpty)
    #expect(Set(layouts(packed)).count == 2)
    #expect(layouts(packed).count == 2)
  }
}
