import ApusIR
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// y = (x · 2 + 1) · x … over vectors, then single elements; parallel in pieces of 64 where asked for.
func chainFunction(lanes: Int, kind: String = "serial", length: Int = 2) -> Function {
  var w = LoopWriter("chain")
  let n = w.symbol("N")
  let (x, y) = (w.buffer(.f32, [n]), w.buffer(.f32, [n]))
  func body(_ w: inout LoopWriter, _ i: ValueID, _ lanes: Int?) {
    let type = TensorType.register(.f32, lanes: lanes)
    let two = w.constant(.float(2), type)
    let v = w.load(x, [i], lanes: lanes)
    var z = v
    for step in 0..<length { z = step % 2 == 0 ? w.mul(z, two) : w.add(z, v) }
    w.store(z, y, [i])
  }
  let (zero, width, end) = (w.index(0), w.index(lanes), w.size(n))
  let whole = w.sub(end, w.value(.rem, [end, width], .index))
  w.loop(zero, whole, step: lanes, kind: kind, grain: kind == "parallel" ? 8 : 1) { w, i, _ in
    body(&w, i, lanes)
    return []
  }
  w.loop(whole, end) { w, i, _ in
    body(&w, i, nil)
    return []
  }
  return w.finished()
}

@Suite struct LoopControlTests {
  static func ramp(_ count: Int) throws -> Tensor { try Tensor(.f32, [count]) { .float(Double($0) * 0.25 - 3) } }

  @Test(arguments: ["serial", "unrolled", "parallel"], [1, 4, 8])
  func runsAChain(kind: String, lanes: Int) throws {
    let runner = try LoopRunner(chainFunction(lanes: lanes, kind: kind))
    for count in [0, 1, 7, 8, 33, 1000] {
      for (threads, offset) in [(1, 0), (2, 4)] {
        try runner.expectAgreement(
          [Self.ramp(count), .zeros(.f32, shape: [count])], threads: threads, offset: offset)
      }
    }
  }
}
