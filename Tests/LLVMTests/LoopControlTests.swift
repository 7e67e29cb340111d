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

extension LoopControlTests {
  /// Sums x over its columns, in vectors that several carried registers hold.
  @Test(arguments: ["serial", "unrolled"]) func carriesRegisters(kind: String) throws {
    var w = LoopWriter("rows")
    let (rows, columns) = (w.symbol("R"), w.symbol("C"))
    let (x, y) = (w.buffer(.f32, [rows, columns]), w.buffer(.f32, [rows, 2]))
    let (zero, one, height, width) = (w.index(0), w.index(1), w.size(rows), w.size(columns))
    let start = w.constant(.float(0), .register(.f32))
    let first = w.constant(.signed(0), .index)
    w.loop(zero, height, kind: "parallel") { w, i, _ in
      let last = w.loop(zero, width, kind: kind, carrying: [start, first]) { w, j, carried in
        [w.add(carried[0], w.load(x, [i, j])), w.add(carried[1], j)]
      }
      w.store(last[0], y, [i, zero])
      w.store(w.value(.convert, [last[1]], .register(.f32)), y, [i, one])
      return []
    }
    let runner = try LoopRunner(w.finished())
    for (height, width) in [(0, 3), (1, 0), (3, 1), (5, 4), (7, 23)] {
      let x = try Tensor(.f32, [height, width]) { .float(Double($0 % 17) * 0.5) }
      try runner.expectAgreement([x, .zeros(.f32, shape: [height, 2])], threads: 2)
    }
  }

  /// A range that is known is copied out whole, also backwards-bounded and empty ones.
  @Test(arguments: [(0, 5, 1), (3, 3, 1), (5, 2, 1), (-4, 9, 3), (0, 200, 7)])
  func unrollsKnownRanges(lower: Int, upper: Int, step: Int) throws {
    var w = LoopWriter("known")
    let y = w.buffer(.s64, [])
    let zero = w.index(1)
    let last = w.loop(w.index(lower), w.index(upper), step: step, kind: "unrolled", carrying: [zero]) { w, i, carried in
      [w.add(w.add(carried[0], carried[0]), i)]
    }
    w.store(last[0], y, [])
    try LoopRunner(w.finished()).expectAgreement([Tensor(scalar: Int64(0))])
  }

  @Test func branches() throws {
    var w = LoopWriter("branch")
    let (c, y) = (w.buffer(.bool, []), w.buffer(.s32, [2]))
    let (zero, one) = (w.index(0), w.index(1))
    let condition = w.load(c, [])
    let branch = w.op(.if, [condition], [.register(.s32), .register(.bool, lanes: 4)])
    for (region, number) in [(0, 7), (1, -9)] {
      w.inRegion(region, of: branch) { w, _ in
        w.store(w.constant(.signed(Int64(number)), .register(.s32)), y, [one])
        return [
          w.constant(.signed(Int64(number * 2)), .register(.s32)),
          w.constant(.bool(number > 0), .register(.bool, lanes: 4)),
        ]
      }
    }
    let flag = w.value(
      .extractLane, [w.function.result(1, of: branch)], .register(.bool), [NamedAttribute("lane", .int(3))])
    let number = w.function.result(0, of: branch)
    w.store(w.add(number, w.value(.convert, [flag], .register(.s32))), y, [zero])
    let runner = try LoopRunner(w.finished())
    for flag in [true, false] { try runner.expectAgreement([Tensor(scalar: flag), Tensor([Int32(0), 0])]) }
  }

  /// Doubles a number while it is below a limit.
  @Test func whiles() throws {
    var w = LoopWriter("while")
    let (limit, y) = (w.buffer(.s64, []), w.buffer(.s64, [2]))
    let (zero, one) = (w.index(0), w.index(1))
    let end = w.load(limit, [])
    let loop = w.op(.while, [one, zero], [.index, .index])
    w.inRegion(0, of: loop, parameters: [.index, .index], terminator: .continue) { w, carried in
      [w.value(.less, [carried[0], end], .register(.bool))]
    }
    w.inRegion(1, of: loop, parameters: [.index, .index]) { w, carried in
      [w.add(carried[0], carried[0]), w.add(carried[1], one)]
    }
    w.store(w.function.result(0, of: loop), y, [zero])
    w.store(w.function.result(1, of: loop), y, [one])
    let runner = try LoopRunner(w.finished())
    for limit in [-5, 1, 2, 1000] {
      try runner.expectAgreement([Tensor(scalar: Int64(limit)), Tensor([Int64(0), 0])])
    }
  }

  /// Bodies of parallel loops see vectors, flags, constants and buffers from around them, also two loops deep.
  @Test(arguments: [1, 2]) func capturesWhatABodyReads(threads: Int) throws {
    var w = LoopWriter("captures")
    let n = w.symbol("N")
    let (x, y) = (w.buffer(.f16, [n, 8]), w.buffer(.f16, [n, n, 8]))
    let (zero, end) = (w.index(0), w.size(n))
    let lanes = w.load(x, [zero, zero], lanes: 8)
    let flags = w.value(.less, [lanes, w.constant(.float(2), .register(.f16, lanes: 8))], .register(.bool, lanes: 8))
    let rows = w.value(.view, [y], TensorType(.f16, [n, n, 2, 4], form: .buffer))
    w.loop(zero, end, kind: "parallel", grain: 2) { w, i, _ in
      let inner = w.load(x, [i, zero], lanes: 8)
      w.loop(zero, end, kind: "parallel") { w, j, _ in
        let (sum, other) = (w.add(inner, lanes), w.load(x, [j, zero], lanes: 8))
        let v = w.value(.select, [flags, sum, other], w.function.type(of: lanes))
        w.store(v, y, [i, j, zero])
        let top = w.load(rows, [i, j, w.index(1), zero], lanes: 4)
        w.store(w.add(top, top), rows, [i, j, w.index(1), zero])
        return []
      }
      return []
    }
    let runner = try LoopRunner(w.finished())
    for count in [1, 6] {
      let x = try Tensor(.f16, [count, 8]) { .float(Double($0) * 0.375) }
      try runner.expectAgreement([x, .zeros(.f16, shape: [count, count, 8])], threads: threads)
    }
  }

  @Test func checksIndices() throws {
    var w = LoopWriter("gather")
    let (x, indices, y) = (w.buffer(.f32, [5]), w.buffer(.s64, [3]), w.buffer(.f32, [3]))
    let (zero, three, five) = (w.index(0), w.index(3), w.index(5))
    w.loop(zero, three, kind: "parallel") { w, i, _ in
      let at = w.load(indices, [i])
      w.op(.checkIndex, [at, five], [])
      w.store(w.load(x, [at]), y, [i])
      return []
    }
    let runner = try LoopRunner(w.finished())
    let x5 = try Self.ramp(5)
    try runner.expectAgreement([x5, Tensor([Int64(4), 0, 2]), .zeros(.f32, shape: [3])])
    for bad in [5, -1, Int64.max] {
      let outcome = try runner.run([x5, Tensor([Int64(0), bad, 1]), .zeros(.f32, shape: [3])])
      #expect(outcome.status == 2 && outcome.site == 0)
    }
    #expect(runner.compiled.sites.map(\.reason) == [.indexRange])
  }

  @Test func stopsWhenCancelled() throws {
    var w = LoopWriter("endless")
    let y = w.buffer(.s64, [])
    let always = w.constant(.bool(true), .register(.bool))
    let loop = w.op(.while, [], [])
    w.inRegion(0, of: loop, terminator: .continue) { _, _ in [always] }
    w.inRegion(1, of: loop) { w, _ in
      w.store(w.add(w.load(y, []), w.index(1)), y, [])
      return []
    }
    let outcome = try LoopRunner(w.finished()).run([Tensor(scalar: Int64(0))], isCancelled: true)
    #expect(outcome.buffers[0] == Tensor(scalar: Int64(0)))
  }

  /// A loop of loops leaves before its next turn.
  @Test func cancellationStopsLoopsOfLoops() throws {
    var w = LoopWriter("loops")
    let y = w.buffer(.s64, [])
    let (zero, few) = (w.index(0), w.index(5))
    w.loop(zero, few) { w, _, _ in
      w.loop(zero, few) { w, _, _ in
        w.store(w.add(w.load(y, []), w.index(1)), y, [])
        return []
      }
      return []
    }
    let runner = try LoopRunner(w.finished())
    #expect(try runner.run([Tensor(scalar: Int64(0))]).buffers[0] == Tensor(scalar: Int64(25)))
    #expect(try runner.run([Tensor(scalar: Int64(0))], isCancelled: true).buffers[0] == Tensor(scalar: Int64(0)))
  }
}
