import ApusIR
import ApusSupport
import ApusTensor
import OpCases
import Testing

/// Every op on every legal element type and on odd shapes, through the whole compiler, against the interpreter.
@Suite struct OpTests {
  @Test(arguments: OpCall.covered.map(\.code)) func everyOpOnEveryType(_ code: OpCode) throws {
    let cases = try #require(OpCase.cases(of: code.info), "\(code.name) has no case")
    let assignments = OpCall.assignments(code.info)
    // Ops of two type variables have hundreds of combinations: each gets some of the cases, all cases get their turn.
    let share = max(1, min(cases.count, Self.mostCalls / assignments.count))
    var calls: [OpCall] = []
    for (index, types) in assignments.enumerated() {
      for turn in 0..<share {
        if let call = OpCall(code.info, cases[(index + turn) % cases.count], types) { calls.append(call) }
      }
    }
    for start in stride(from: 0, to: calls.count, by: Self.batch) {
      try check(Array(calls[start..<min(start + Self.batch, calls.count)]))
    }
  }

  /// The same with sizes that only a call knows, on a few element types.
  @Test(arguments: OpCall.covered.map(\.code)) func everyOpOnUnknownSizes(_ code: OpCode) throws {
    let cases = try #require(OpCase.cases(of: code.info), "\(code.name) has no case")
    let assignments = OpCall.assignments(code.info)
    let chosen = assignments.count < 3 ? assignments : [assignments[0], assignments[assignments.count / 2]]
    let calls = chosen.flatMap { types in cases.compactMap { OpCall(code.info, $0, types) } }
      .filter { $0.openSizes != .none }
    #expect(calls.isEmpty == Self.sizedOps.contains(code))
    if !calls.isEmpty { try check(calls, withOpenSizes: true) }
  }

  /// Ops without operands of any size.
  private static let sizedOps: Set<OpCode> = [.size, .constant, .iota, .randomBits]

  /// Ops in one function: a module costs about as much as a few kernels.
  private static let batch = 40
  private static let mostCalls = 100

  private func check(_ calls: [OpCall], withOpenSizes isOpen: Bool = false) throws {
    let (function, owners) = try Function.making(calls, withOpenSizes: isOpen)
    let compiled = try CompiledFunction(function)
    for (seed, values) in OperandValues.allCases.enumerated() {
      let inputs = calls.enumerated().flatMap { $1.inputs(values, seed: UInt64($0 * 2 + seed)) }
      let judgement = try compiled.judge(inputs) { owners[$0].text }
      for problem in judgement.problems { Issue.record("\(problem), on \(values) values") }
    }
  }
}
