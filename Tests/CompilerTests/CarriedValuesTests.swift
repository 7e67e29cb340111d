import ApusCompiler
import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// Which values of loops and branches are copied.
@Suite struct CarriedValuesTests {
  private func compile(
    _ body: String, parameters: String = "%x: f32[B, T], %n: s32[]", result: String = "f32[B, T]"
  ) throws -> CompiledModel {
    let text = "apus-ir 1\n\nfunc @f(\(parameters)) -> \(result) where B in 1...64, T in 0...64 {\n\(body)}\n"
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    let compiled = try Compiler(CompilerOptions(threads: 1)).compile(module)
    let found = compiled.loops.module.verify()
    #expect(found.isEmpty, "\(found)")
    return compiled
  }

  /// Code, and its loops as the interpreter runs them, against the interpreted model, for so many rounds.
  private func check(
    _ compiled: CompiledModel, rounds: [Int32] = [0, 1, 2, 5], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let model = try Model(interpreting: Module(compiled.host))
    for shape in [[1, 1], [3, 5], [2, 0]] {
      for count in rounds {
        let x = Tensor((0..<shape[0] * shape[1]).map { Float($0 % 5) - 1 }, shape: shape)
        let inputs = [x, Tensor([count], shape: [])]
        let wanted = try model.run(inputs)
        #expect(try compiled.executable.run(inputs) == wanted, "\(count) rounds of \(shape)", sourceLocation: sourceLocation)
        let loops = try Interpreter(compiled.loops.module).run(inputs)
        #expect(loops == wanted, "\(count) rounds of loops of \(shape)", sourceLocation: sourceLocation)
      }
    }
  }

  /// Buffers of the host, scalars aside, and copies from one to another. A copy is a loop over vectors and one over the rest.
  private func counts(_ compiled: CompiledModel) -> [Int] {
    let host = compiled.loops.module.functions[0]
    let buffers = host.allOps().count { op in
      host.opcode(of: op) == .alloc && host.type(of: host.result(of: op)).rank > 0
    }
    let copies = host.allOps().count { op in
      host.opcode(of: op) == .view && host.type(of: host.result(of: op)).rank == 1 && host.type(of: host.operand(0, of: op)).rank == 2
    }
    return [buffers, copies / 2]
  }

  /// A loop of `%n` rounds over `carried`, with what comes before and behind.
  private func loop(
    before: String = "", carried: [(name: String, initial: String, next: String)], _ round: String, after: String = "",
    returns: String
  ) -> String {
    let names = carried.indices.map { "%y\($0): f32[B, T]" }.joined(separator: ", ")
    let initial = carried.map { "%\($0.name) = \($0.initial)" }.joined(separator: ", ")
    return """
      \(before)
        %zero: s32[] = constant 0
        %k: s32[], \(names) = while %i = %zero, \(initial) {
          %go: bool[] = less %i, %n
          continue %go
        } do {
          %one: s32[] = constant 1
          %i1: s32[] = add %i, %one
      \(round)
          yield %i1, \(carried.map(\.next).joined(separator: ", "))
        }
      \(after)
        return \(returns)

      """
  }

  @Test func nextStateIsComputedOverTheOneBefore() throws {
    let compiled = try compile(
      loop(carried: [("a", "%x", "%a1")], "    %a1: f32[B, T] = add %a, %x", returns: "%y0"))
    // In the caller's memory, which takes the input first.
    #expect(counts(compiled) == [0, 1], "\(compiled.loops.module.text())")
    try check(compiled)
  }

  @Test func whatALoopBeginsWithBecomesItsState() throws {
    let compiled = try compile(
      loop(
        before: "  %0: f32[B, T] = scan %x, axis: 0", carried: [("a", "%0", "%a1")], "    %a1: f32[B, T] = add %a, %x",
        after: "  %1: f32[B, T] = scan %y0, axis: 1", returns: "%1"))
    #expect(counts(compiled) == [1, 0], "\(compiled.loops.module.text())")
    try check(compiled)
  }

  @Test(arguments: ["%2: f32[B, T] = add %1, %0", "%2: f32[B, T] = scan %1, axis: 0"])
  func whatIsReadBehindTheLoopStays(last: String) throws {
    let compiled = try compile(
      loop(
        before: "  %0: f32[B, T] = scan %x, axis: 0", carried: [("a", "%0", "%a1"), ("b", "%0", "%b1")],
        "    %a1: f32[B, T] = add %a, %x\n    %b1: f32[B, T] = mul %b, %x",
        after: "  %1: f32[B, T] = sub %y0, %y1\n  \(last)", returns: "%2"))
    #expect(counts(compiled)[1] == 2)
    try check(compiled)
  }

  @Test func whatTheLoopReadsBesideIsNotItsState() throws {
    let compiled = try compile(
      loop(
        before: "  %0: f32[B, T] = scan %x, axis: 0", carried: [("a", "%0", "%a1")], "    %a1: f32[B, T] = add %a, %0",
        after: "  %1: f32[B, T] = scan %y0, axis: 1", returns: "%1"))
    #expect(counts(compiled) == [2, 1])
    try check(compiled)
  }

  @Test func stateThatIsReadInAnotherOrderIsCopied() throws {
    let compiled = try compile(
      loop(carried: [("a", "%x", "%a1")], "    %a1: f32[B, T] = scan %a, axis: 0", returns: "%y0"))
    #expect(counts(compiled) == [1, 2])
    try check(compiled)
  }

  @Test func stateThatIsReadBehindItsSuccessorIsCopied() throws {
    let compiled = try compile(
      loop(
        carried: [("a", "%x", "%a1"), ("b", "%x", "%b1")],
        "    %a1: f32[B, T] = scan %b, axis: 1\n    %b1: f32[B, T] = scan %a, axis: 0", returns: "%y0, %y1"),
      result: "(f32[B, T], f32[B, T])")
    // Both to begin with, and the one that the other is computed from.
    #expect(counts(compiled) == [1, 3], "\(compiled.loops.module.text())")
    try check(compiled)
  }

  @Test func valuesThatChangePlacesAreCopiedByWayOfOne() throws {
    let compiled = try compile(
      loop(carried: [("a", "%x", "%b"), ("b", "%c", "%a")], "", returns: "%y0, %y1")
        .replacing("  %zero", with: "  %c: f32[B, T] = exp %x\n  %zero"), result: "(f32[B, T], f32[B, T])")
    // Two to begin with, three in each round.
    #expect(counts(compiled)[1] == 5)
    try check(compiled)
  }

  @Test func valuesThatMoveOnAreCopiedInTurn() throws {
    let compiled = try compile(
      loop(
        carried: [("a", "%x", "%b"), ("b", "%x", "%c"), ("c", "%x", "%c1")],
        "    %c1: f32[B, T] = scan %a, axis: 0", returns: "%y0, %y1, %y2"),
      result: "(f32[B, T], f32[B, T], f32[B, T])")
    #expect(counts(compiled) == [1, 6])
    try check(compiled)
  }

  @Test func rowsAreWrittenIntoTheStateInPlace() throws {
    let compiled = try compile(
      loop(
        carried: [("a", "%x", "%a1")],
        """
            %place: s32[2] = concat %first, %second, axis: 0
            %row: f32[1, T] = dynamic_slice %x, %place, sizes: [1, T]
            %new: f32[1, T] = exp %row
            %a1: f32[B, T] = dynamic_update_slice %a, %new, %place
        """, returns: "%y0"
      ).replacing("    %place", with: "    %first: s32[1] = reshape %i\n    %second: s32[1] = constant [0]\n    %place"))
    #expect(counts(compiled)[1] == 1, "\(compiled.loops.module.text())")
    let host = compiled.loops.module.functions[0]
    #expect(host.allOps().contains { host.opcode(of: $0) == .launch && Set(host.operands(of: $0)).count < host.operandCount(of: $0) })
    try check(compiled)
  }

  @Test func branchesComputeWhatTheyResultIn() throws {
    let compiled = try compile(
      """
        %zero: s32[] = constant 0
        %go: bool[] = less %zero, %n
        %y: f32[B, T] = if %go {
          %0: f32[B, T] = scan %x, axis: 0
          yield %0
        } else {
          %1: f32[B, T] = scan %x, axis: 1
          %2: f32[B, T] = scan %1, axis: 0
          yield %2
        }
        return %y

      """)
    #expect(counts(compiled) == [1, 0], "\(compiled.loops.module.text())")
    try check(compiled)
  }

  @Test func branchesWithinALoopAndLoopsWithinALoop() throws {
    let compiled = try compile(
      loop(
        carried: [("a", "%x", "%a2"), ("b", "%x", "%b1")],
        """
            %two: s32[] = constant 2
            %isEarly: bool[] = less %i, %two
            %b1: f32[B, T] = if %isEarly {
              %0: f32[B, T] = scan %a, axis: 0
              yield %0
            } else {
              %1: f32[B, T] = scan %a, axis: 1
              yield %1
            }
            %j: s32[], %a2: f32[B, T] = while %m = %i, %inner = %a {
              %more: bool[] = less %m, %two
              continue %more
            } do {
              %m1: s32[] = add %m, %one
              %inner1: f32[B, T] = add %inner, %b1
              yield %m1, %inner1
            }
        """, returns: "%y0, %y1"), result: "(f32[B, T], f32[B, T])")
    try check(compiled)
  }

  /// Loops whose rounds sum up, scan and overwrite what they carry, and yield it in any order.
  @Test func drawnLoopsMeanTheSame() throws {
    for seed in 0..<8 {
      var random = SplitMix64(seed: UInt64(seed))
      func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
      var pool = ["%a", "%b", "%c", "%x", "%0"]
      var lines: [String] = []
      for step in 0..<(2 + below(5)) {
        let (one, other) = (pool[below(pool.count)], pool[below(pool.count)])
        let name = "%v\(step)"
        switch below(4) {
        case 0: lines.append("    \(name): f32[B, T] = scan \(one), axis: \(below(2))")
        case 1: lines.append("    \(name): f32[B, T] = dynamic_update_slice \(one), %row, %place")
        default: lines.append("    \(name): f32[B, T] = sub \(one), \(other)")
        }
        pool.append(name)
      }
      let next = (0..<3).map { _ in pool[below(10) < 3 ? below(pool.count) : pool.count - 1 - below(min(pool.count - 5, 3))] }
      let round =
        "    %row: f32[1, T] = slice %x, starts: [0, 0], limits: [1, T]\n    %place: s32[2] = constant [0, 0]\n"
        + lines.joined(separator: "\n")
      let initial = (0..<3).map { _ in ["%x", "%0", "%1"][below(3)] }
      let compiled = try compile(
        loop(
          before: "  %0: f32[B, T] = scan %x, axis: 0\n  %1: f32[B, T] = scan %x, axis: 1",
          carried: [("a", initial[0], next[0]), ("b", initial[1], next[1]), ("c", initial[2], next[2])], round,
          after: "  %2: f32[B, T] = scan %y0, axis: 0\n  %3: f32[B, T] = sub %1, %2", returns: "%y1, %y2, %3"),
        result: "(f32[B, T], f32[B, T], f32[B, T])")
      try check(compiled, rounds: [0, 1, 3])
    }
  }
}
