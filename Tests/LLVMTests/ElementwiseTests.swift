import ApusIR
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// Every elementwise op on every element type, as vectors with a masked rest and as scalars, against the interpreter.
@Suite struct ElementwiseTests {
  /// Which result an op has.
  enum Shape { case same, bool }

  struct Op: Sendable {
    let code: OpCode
    let operands: Int
    var isComparison = false
    /// Allowed difference in units in the last place.
    var ulps = 0
  }

  static func ops(_ type: ElementType) -> [Op] {
    let codes: [OpCode] = OpCode.allCases.filter { $0.isElementwise && $0.info.phases.contains(.loops) }
    return codes.compactMap { code -> Op? in
      switch code {
      case .select, .convert, .bitcast: return nil
      case _: break
      }
      let info = code.info
      guard info.typeVariables.allSatisfy({ $0.elementClass.contains(type) }) else { return nil }
      let result: TypePattern.Element? =
        if case .patterns(let patterns) = info.results { patterns.first?.element } else { nil }
      // The functions' own tests hold them to their bounds; here it matters that each op reaches its function.
      let ulps = type.isFloat && info.maxULP != 0 ? 5 : 0
      return Op(code: code, operands: info.operands.count, isComparison: result == .fixed(.bool), ulps: ulps)
    } + (type.isFloat ? [Op(code: .fma, operands: 3)] : [])
  }

  /// One function that runs all of them: buffers a, b, c, then one for each result.
  static func function(_ type: ElementType, _ ops: [Op], lanes: Int?) -> Function {
    var w = LoopWriter("all")
    let n = w.symbol("N")
    let inputs = (0..<3).map { _ in w.buffer(type, [n]) }
    let outputs = ops.map { w.buffer($0.isComparison ? .bool : type, [n]) }
    let (zero, end) = (w.index(0), w.size(n))
    w.loop(zero, end, step: lanes ?? 1) { w, i, _ in
      let count = lanes == nil ? nil : w.sub(end, i)
      let x = inputs.map { w.load($0, [i], lanes: lanes, count: count) }
      for (op, output) in zip(ops, outputs) {
        let result = TensorType.register(op.isComparison ? .bool : type, lanes: lanes)
        w.store(w.value(op.code, Array(x[..<op.operands]), result), output, [i], count: count)
      }
      return []
    }
    return w.finished()
  }

  /// Numbers that ops treat apart, then a spread.
  static func samples(_ type: ElementType, seed: UInt64, count: Int) throws -> Tensor {
    var random = SplitMix64(seed: seed)
    let floats: [Double] = [
      0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, 3, -7, 100, .infinity, -.infinity, .nan, 1e-40, -1e-40, 65504, 1e30,
      -1e30, 8_388_607.5, -2.0000001, 5e-8, 3.4e38,
    ]
    let integers: [Int64] = [
      0, 1, -1, 2, 3, -3, 7, -8, 31, 64, 127, -128, 255, .max, .min, .min + 1, 1 << 31, -(1 << 31), (1 << 31) - 1,
      32767, -32768, 65535,
    ]
    return try Tensor(type, [count]) { _ in
      let pick = random.next()
      let isSpecial = pick % 4 != 0
      if type == .bool { return .bool(pick & 4 != 0) }
      if type.isFloat {
        if isSpecial { return .float(floats[Int(pick >> 8) % floats.count]) }
        return .float(Double(Int64(bitPattern: random.next())) * 0x1p-58)
      }
      let bits = random.next()
      let value = isSpecial ? integers[Int(pick >> 8) % integers.count] : Int64(bitPattern: bits) >> Int64(pick >> 58)
      return .signed(value)
    }
  }

  @Test(arguments: ElementType.allCases, [nil, 4, 8] as [Int?]) func agrees(type: ElementType, lanes: Int?) throws {
    try check(type, lanes, .host(), count: 203)
  }

  /// The oldest x86 has no FMA, no rounding instructions, no masked memory and no f16.
  @Test(arguments: [ElementType.f32, .f64, .f16, .bf16, .s32, .u8], [nil, 4] as [Int?])
  func agreesWithoutExtensions(type: ElementType, lanes: Int?) throws {
    guard let machine = Machine.preset("x86-64"), machine.architecture == .compiledFor else { return }
    try check(type, lanes, machine, count: 101)
  }

  private func check(_ type: ElementType, _ lanes: Int?, _ machine: Machine, count: Int) throws {
    let ops = Self.ops(type)
    let runner = try LoopRunner(Self.function(type, ops, lanes: lanes), machine: machine)
    let inputs = try (0..<3).map { try Self.samples(type, seed: UInt64($0) &+ 7, count: count) }
    let outputs = try ops.map { try Tensor.zeros($0.isComparison ? .bool : type, shape: [count]) }
    let expected = try runner.interpret(inputs + outputs)
    let got = try runner.run(inputs + outputs, offset: type.byteCount)
    #expect(got.status == 0)
    for (index, op) in ops.enumerated() {
      let difference = disagreement(got.buffers[3 + index], expected[3 + index], ulps: op.ulps)
      guard let difference else { continue }
      let at = Int(difference.dropFirst().prefix { $0 != "]" }) ?? 0
      let operands = inputs.prefix(op.operands).map { "\($0.scalar(at))" }.joined(separator: ", ")
      Issue.record("\(op.code.name) of \(type)<\(lanes ?? 0)> (\(operands)) \(difference)")
    }
  }

  /// exp(min(x, 0)) has code of its own; exp(min(x, 1)) has not.
  @Test(arguments: [ElementType.f16, .bf16, .f32, .f64], [nil, 8] as [Int?])
  func exponentialsOfBoundedOperands(type: ElementType, lanes: Int?) throws {
    var w = LoopWriter("bounded")
    let n = w.symbol("N")
    let x = w.buffer(type, [n])
    let bounds: [Double] = [0, -0.0, 1]
    let outputs = bounds.map { _ in w.buffer(type, [n]) }
    let (zero, end) = (w.index(0), w.size(n))
    w.loop(zero, end, step: lanes ?? 1) { w, i, _ in
      let count = lanes == nil ? nil : w.sub(end, i)
      let register = TensorType.register(type, lanes: lanes)
      let v = w.load(x, [i], lanes: lanes, count: count)
      for (bound, output) in zip(bounds, outputs) {
        let least = w.value(.min, [v, w.constant(.float(bound), register)], register)
        w.store(w.value(.exp, [least], register), output, [i], count: count)
      }
      return []
    }
    let runner = try LoopRunner(w.finished())
    let tensors = try [Self.samples(type, seed: 11, count: 203)] + bounds.map { _ in try .zeros(type, shape: [203]) }
    let expected = try runner.interpret(tensors)
    let got = try runner.run(tensors)
    for index in bounds.indices {
      #expect(disagreement(got.buffers[1 + index], expected[1 + index], ulps: 3) == nil)
    }
  }

  @Test(arguments: ElementType.allCases) func converts(from: ElementType) throws {
    for lanes in [nil, 8] as [Int?] {
      var w = LoopWriter("convert")
      let n = w.symbol("N")
      let x = w.buffer(from, [n])
      let targets = ElementType.allCases
      let outputs = targets.map { w.buffer($0, [n]) }
      let casts = targets.filter { $0.bitWidth == from.bitWidth && ($0 == .bool) == (from == .bool) }
      let bits = casts.map { w.buffer($0, [n]) }
      let condition = w.buffer(.bool, [n])
      let (zero, end) = (w.index(0), w.size(n))
      w.loop(zero, end, step: lanes ?? 1) { w, i, _ in
        let count = lanes == nil ? nil : w.sub(end, i)
        let v = w.load(x, [i], lanes: lanes, count: count)
        for (target, output) in zip(targets, outputs) {
          w.store(w.value(.convert, [v], .register(target, lanes: lanes)), output, [i], count: count)
        }
        let c = w.load(condition, [i], lanes: lanes, count: count)
        for (target, output) in zip(casts, bits) {
          let cast = w.value(.bitcast, [v], .register(target, lanes: lanes))
          let zeros = w.constant(.zero(target), .register(target, lanes: lanes))
          w.store(w.value(.select, [c, cast, zeros], .register(target, lanes: lanes)), output, [i], count: count)
        }
        return []
      }
      let runner = try LoopRunner(w.finished())
      let count = 77
      let tensors =
        try [Self.samples(from, seed: 3, count: count)] + (targets + casts).map { try .zeros($0, shape: [count]) }
        + [Self.samples(.bool, seed: 4, count: count)]
      let expected = try runner.interpret(tensors)
      let got = try runner.run(tensors)
      for (index, target) in ([from] + targets + casts).enumerated() {
        let difference = disagreement(got.buffers[index], expected[index], ulps: 0)
        #expect(difference == nil, "\(from) to \(target)<\(lanes ?? 0)>, buffer \(index): \(difference ?? "")")
      }
    }
  }

  /// A NaN's bits survive being moved.
  @Test(arguments: [ElementType.f16, .bf16, .f32, .f64]) func movesKeepPayloads(type: ElementType) throws {
    var w = LoopWriter("move")
    let (x, y) = (w.buffer(type, [4]), w.buffer(type, [4]))
    let zero = w.index(0)
    let v = w.load(x, [zero], lanes: 4)
    let always = w.constant(.bool(true), .register(.bool, lanes: 4))
    w.store(w.value(.select, [always, v, v], .register(type, lanes: 4)), y, [zero])
    let signalling: [UInt64: UInt64] = [16: type == .f16 ? 0x7d01 : 0x7f81, 32: 0x7fa0_0001, 64: 0x7ff4_0000_0000_0001]
    let pattern = try #require(signalling[UInt64(type.bitWidth)])
    var input = try Tensor.zeros(type, shape: [4])
    input.withUnsafeMutableBytes { bytes in
      for lane in 0..<4 {
        for byte in 0..<type.byteCount {
          bytes[lane * type.byteCount + byte] = UInt8(pattern >> (8 * UInt64(byte)) & 255)
        }
      }
    }
    let got = try LoopRunner(w.finished()).run([input, .zeros(type, shape: [4])])
    #expect(got.buffers[1] == input)
  }
}
