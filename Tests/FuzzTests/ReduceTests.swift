import ApusIR
import ApusPasses
import ApusSupport
import ApusTensor
import Testing

@testable import ApusFuzz

@Suite struct ReduceTests {
  /// Calls, a loop, branches, symbols, several types, axes that do not matter.
  private static let text = """
    apus-ir 1

    func @main(%x: f32[B, 12, 8], %y: f32[B, 12, 8], %flag: bool[], %n: s32[], %w: f16[8, 6])
      -> (f32[B, 12, 8], f32[B, 12, 6], f32[B, 96], f32[B]) where B in 1...64 {
      %0: f32[B, 12, 8] = add %x, %y
      %1: f32[B, 12, 8] = call %0, callee: @g
      %zero: s32[] = constant 0
      %one: s32[] = constant 1
      %i: s32[], %a: f32[B, 12, 8] = while %i0 = %zero, %a0 = %1 {
        %go: bool[] = less %i0, %n
        continue %go
      } do {
        %i1: s32[] = add %i0, %one
        %e: f32[B, 12, 8] = exp %a0
        %a1: f32[B, 12, 8] = call %e, callee: @g
        yield %i1, %a1
      }
      %2: f32[B, 12, 8] = if %flag {
        %3: f32[B, 12, 8] = softmax %a, axis: 2
        %4: f32[B, 12, 8] = neg %3
        yield %4
      } else {
        %5: f32[B, 12, 8] = mul %a, %x
        yield %5
      }
      %6: f32[8, 6] = convert %w
      %7: f32[B, 8, 6] = broadcast %6, axes: [1, 2]
      %8: f32[B, 12, 6] = matmul %2, %7
      %9: f32[B, 96] = reshape %2
      %10: f32[B] = reduce_sum %9, axes: [1]
      return %2, %8, %9, %10
    }

    func @g(%p: f32[N, 12, 8]) -> f32[N, 12, 8] {
      %0: f32[N, 12, 8] = tanh %p
      %1: f32[N, 12, 8] = abs %0
      return %1
    }

    """

  private func module(_ text: String = text) throws -> Module {
    let module = try Module.parse(SourceText(name: "test.ir", text: text))
    try #require(module.verify().isEmpty)
    return module
  }

  private func reduced(_ module: Module, _ isInteresting: @escaping (Module) -> Bool) throws -> Module {
    try #require(isInteresting(module))
    let reduction = Reducer().reduce(module) { candidate, _ in
      #expect(candidate.verify().isEmpty)
      return isInteresting(candidate)
    }
    #expect(reduction.isMinimal && isInteresting(reduction.module) && reduction.module.verify().isEmpty)
    return reduction.module
  }

  private static func codes(_ module: Module) -> [OpCode] {
    module.functions.flatMap { function in function.allOps().map { function.opcode(of: $0) } }
  }

  private static func has(_ codes: OpCode..., in module: Module) -> Bool {
    Set(codes).isSubset(of: Set(Self.codes(module)))
  }

  // MARK: Ops

  @Test(arguments: [
    OpCode.add, .exp, .while, .if, .softmax, .neg, .mul, .convert, .broadcast, .matmul, .reshape, .reduceSum, .tanh,
  ])
  func oneOpIsLeftOfOne(code: OpCode) throws {
    let left = try reduced(try module()) { Self.has(code, in: $0) }
    #expect(left.computingOpCount == 1 && left.functions.count == 1, "\(left.text())")
    let types = left.functions[0].allValues.map { left.functions[0].type(of: $0) }
    #expect(types.allSatisfy { type in type.dims.allSatisfy { $0 == 1 } && type.rank <= 2 }, "\(left.text())")
  }

  @Test func whatTwoOpsNeedIsLeft() throws {
    let left = try reduced(try module()) { Self.has(.softmax, .if, in: $0) }
    #expect(left.computingOpCount == 2, "\(left.text())")
    let pair = try reduced(try module()) { Self.has(.exp, .matmul, in: $0) }
    #expect(pair.computingOpCount == 2, "\(pair.text())")
  }

  @Test func callsStayWhereTheyMatter() throws {
    let left = try reduced(try module()) { Self.has(.call, .tanh, in: $0) }
    #expect(left.computingOpCount == 2 && left.functions.count == 2, "\(left.text())")
    #expect(left.functions[1].parameters.count == 1)
  }

  @Test func anOpReadsFromItsLoop() throws {
    // A sum within a loop whose condition compares.
    let left = try reduced(try module()) { module in
      module.functions.contains { f in
        f.allOps().contains { op in
          f.opcode(of: op) == .add && f.owner(of: f.block(of: op)).map { f.opcode(of: $0) == .while } ?? false
        }
      }
    }
    #expect(left.computingOpCount == 2, "\(left.text())")
  }

  // MARK: Sizes and types

  private func someMatmul(_ module: Module, _ holds: (TensorType, TensorType) -> Bool) -> Bool {
    module.functions.contains { f in
      f.allOps().contains { op in
        f.opcode(of: op) == .matmul && holds(f.type(of: f.operand(0, of: op)), f.type(of: f.operand(1, of: op)))
      }
    }
  }

  @Test func sizesShrinkToTheLeast() throws {
    let left = try reduced(try module()) { module in
      someMatmul(module) { lhs, _ in lhs.dims.last?.constantValue.map { $0 > 4 } ?? false }
    }
    #expect(left.computingOpCount == 1 && left.functions[0].parameters.count <= 2, "\(left.text())")
    _ = someMatmul(left) { lhs, rhs in
      #expect(lhs.dims.last == 5 && lhs.rank == 2 && lhs.dims[0] == 1 && rhs.dims[1] == 1, "\(left.text())")
      return true
    }
  }

  @Test func symbolsStayWhereTheyMatter() throws {
    let left = try reduced(try module()) { module in
      module.functions[0].allValues.contains { module.functions[0].type(of: $0).constantShape == nil }
    }
    #expect(left.computingOpCount == 0, "\(left.text())")
    let fixed = try reduced(try module()) { module in
      someMatmul(module) { lhs, _ in lhs.dims[0].constantValue.map { $0 > 6 } ?? true }
    }
    _ = someMatmul(fixed) { lhs, _ in
      #expect(lhs.dims[0] == 7 && lhs.rank <= 3, "\(fixed.text())")
      return true
    }
  }

  @Test func typesBecomePlain() throws {
    let text = """
      apus-ir 1

      func @main(%x: bf16[3, 4], %i: s64[5]) -> (bf16[5, 4]) {
        %0: f64[3, 4] = convert %x
        %1: f64[3, 4] = exp %0
        %2: f64[5, 4] = gather %1, %i, axis: 0
        %3: bf16[5, 4] = convert %2
        return %3
      }

      """
    let left = try reduced(try module(text)) { Self.has(.exp, in: $0) }
    #expect(left.text().contains("func @main(%x0: f32[]) -> f32[] {") || left.functions[0].allValues.allSatisfy {
      left.functions[0].type(of: $0) == .scalar(.f32)
    }, "\(left.text())")
    let wide = try reduced(try module(text)) { module in
      Self.has(.exp, in: module) && module.text().contains("f64")
    }
    #expect(wide.computingOpCount == 1, "\(wide.text())")
  }

  @Test func attributesAndConstantsBecomePlain() throws {
    let text = """
      apus-ir 1

      func @main(%x: f32[2, 8, 9, 9]) -> f32[2, 4, 9, 9] {
        %w: f32[4, 4, 3, 3] = constant 0.5
        %t: f32[3] = constant [1.5, -2.0, 7.0]
        %0: f32[2, 4, 9, 9] = conv %x, %w, pads: [1, 1, 1, 1], groups: 2
        %1: f32[] = reduce_sum %t, axes: [0]
        %2: f32[2, 4, 9, 9] = broadcast %1, axes: []
        %3: f32[2, 4, 9, 9] = add %0, %2
        return %3
      }

      """
    let left = try reduced(try module(text)) { Self.has(.conv, in: $0) }
    let main = left.functions[0]
    let conv = try #require(main.allOps().first { main.opcode(of: $0) == .conv })
    #expect(left.computingOpCount == 1 && main.attributes(of: conv).isEmpty, "\(left.text())")
    let constant = try reduced(try module(text)) { Self.has(.constant, .reduceSum, in: $0) }
    #expect(constant.text().contains("constant 0.0"), "\(constant.text())")
  }

  // MARK: Passes

  @Test func passesAreReducedToo() throws {
    let passes = try Pipeline.parse("standard,fuse-elementwise(recompute=false),dce")
    let reduction = Reducer().reduce(try module(), passes) { module, passes in
      let names = passes.steps.map(\.pass.name)
      guard let first = names.firstIndex(of: "form-kernels"), let last = names.lastIndex(of: "fuse-elementwise")
      else { return false }
      return first < last && Self.has(.matmul, in: module)
    }
    #expect(reduction.passes.description == "form-kernels,fuse-elementwise")
    #expect(reduction.module.computingOpCount == 1 && reduction.isMinimal)
  }

  @Test func kernelsAreTakenApart() throws {
    var fused = try module()
    try Passes.standard.run(on: &fused)
    let left = try reduced(fused) { Self.has(.kernel, .matmul, in: $0) }
    #expect(left.computingOpCount == 2, "\(left.text())")
  }

  @Test func sizesThatDataDefineStayValid() throws {
    let text = """
      apus-ir 1

      func @main[K?](%x: s32[3]) -> s64[1, K] {
        %0: s32[3] = abs %x
        %1: s64[1, K] = non_zero %0
        %2: s64[1, K] = constant 1
        %3: s64[1, K] = add %1, %2
        %4: s64[1, K] = neg %3
        return %4
      }

      """
    for code in [OpCode.neg, .nonZero, .add] {
      let left = try reduced(try module(text)) { Self.has(code, in: $0) }
      #expect(left.computingOpCount == 1, "\(left.text())")
    }
    let both = try reduced(try module(text)) { Self.has(.nonZero, .neg, in: $0) }
    #expect(both.computingOpCount == 2, "\(both.text())")
  }

  // MARK: The search

  @Test func theSameIsFoundAgain() throws {
    var texts: Set<String> = []
    for _ in 0..<2 {
      let reduction = Reducer().reduce(try module(), Passes.standard) { module, passes in
        Self.has(.softmax, .matmul, in: module) && passes.steps.count > 2
      }
      texts.insert("\(reduction.tries) \(reduction.passes)\n\(reduction.module.text())")
    }
    #expect(texts.count == 1)
  }

  @Test func limitsEndIt() throws {
    let few = Reducer(Reducer.Limits(tries: 5)).reduce(try module()) { module, _ in Self.has(.exp, in: module) }
    #expect(few.tries == 5 && !few.isMinimal && Self.has(.exp, in: few.module))
    var now = Duration.zero
    let clock: () -> Duration = {
      now += .seconds(1)
      return now
    }
    let short = Reducer(Reducer.Limits(duration: .seconds(20))).reduce(
      try module(), Pipeline([]), Reducer.Hooks(clock: clock)
    ) { module, _ in Self.has(.exp, in: module) }
    #expect(!short.isMinimal && short.tries < 20)
    let whole = try module()
    let cancelled = Reducer().reduce(whole, Pipeline([]), Reducer.Hooks(isCancelled: { true })) { _, _ in true }
    #expect(!cancelled.isMinimal && cancelled.module.computingOpCount == whole.computingOpCount)
  }

  @Test func aTestThatThrowsSaysNo() throws {
    struct Useless: Error {}
    let reduction = Reducer().reduce(try module()) { module, _ in
      guard Self.has(.exp, in: module) else { throw Useless() }
      return true
    }
    #expect(reduction.module.computingOpCount == 1)
  }

  @Test func drawnModulesBecomeNothing() throws {
    var generator = GraphGenerator()
    for seed in 0..<8 as Range<UInt64> {
      let drawn = generator.module(seed: seed, ops: 8)
      let left = Reducer().reduce(drawn) { candidate, _ in
        #expect(candidate.verify().isEmpty)
        return true
      }
      let name = left.module.functions[0].name
      #expect(left.isMinimal && left.module.text() == "apus-ir 1\n\nfunc @\(name)() {\n  return\n}\n", "\(left.module.text())")
    }
  }

  /// Each op of drawn graphs stands alone in the end, whatever is around it.
  @Test func drawnOpsAreIsolated() throws {
    var generator = GraphGenerator()
    var counts: [Int] = []
    for seed in 0..<8 as Range<UInt64> {
      let drawn = generator.module(seed: seed, ops: 8)
      let codes = Self.codes(drawn).filter { $0 != .constant && !$0.isTerminator }
      guard let code = codes.last else { continue }
      let left = Reducer().reduce(drawn) { candidate, _ in Self.has(code, in: candidate) }
      counts.append(left.module.computingOpCount)
      #expect(left.isMinimal && Self.has(code, in: left.module))
    }
    #expect(counts.count > 4 && counts.allSatisfy { $0 == 1 }, "\(counts)")
  }
}
