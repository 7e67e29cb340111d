import ApusCompiler
import ApusIR
import ApusInterpreter
import ApusMemory
import ApusRuntime
import ApusSupport
import ApusTensor
import Testing

/// Values that lie in the memory of others: operands of a concat in its result, slices in what they are cut from.
@Suite struct PartsTests {
  private func compile(
    _ body: String, parameters: String = "%x: f32[B, T]", result: String, bounds: String = "B in 0...64, T in 0...64"
  ) throws -> CompiledModel {
    let text = "apus-ir 1\n\nfunc @f(\(parameters)) -> \(result) where \(bounds) {\n\(body)}\n"
    return try compile(text)
  }

  private func compile(_ text: String) throws -> CompiledModel {
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    let compiled = try Compiler(CompilerOptions(threads: 2)).compile(module)
    let found = compiled.loops.module.verify()
    #expect(found.isEmpty, "\(found)")
    let printed = compiled.loops.module.text()
    #expect(try Module.parse(SourceText(name: "loops.ir", text: printed)).text() == printed)
    return compiled
  }

  private func ramp(_ shape: [Int], from start: Int = 0) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { Float(($0 + start) % 7) }, shape: shape)
  }

  /// Code, and its loops as the interpreter runs them, against the interpreted model; inputs are of the shapes given.
  private func check(
    _ compiled: CompiledModel, _ shapes: [[[Int]]], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let model = try Model(interpreting: Module(compiled.host))
    for shapes in shapes {
      let inputs = shapes.enumerated().map { ramp($1, from: 3 * $0) }
      let wanted = try model.run(inputs)
      #expect(try compiled.executable.run(inputs) == wanted, "\(shapes)", sourceLocation: sourceLocation)
      #expect(try Interpreter(compiled.loops.module).run(inputs) == wanted, "loops of \(shapes)", sourceLocation: sourceLocation)
    }
    for size in [0, 1, 5, 64] {
      let (problem, plan) = try compiled.plan.instance { $0.index == 0 ? size : 64 - size }
      try ApusMemory.validate(plan, for: problem)
    }
  }

  private static let small = [[[0, 0]], [[1, 1]], [[0, 5]], [[3, 5]], [[64, 33]]]

  private func count(_ code: OpCode, _ compiled: CompiledModel, where isCounted: (Function, OpID) -> Bool = { _, _ in true }) -> Int {
    let host = compiled.loops.module.functions[0]
    return host.allOps().count { host.opcode(of: $0) == code && isCounted(host, $0) }
  }

  /// Views of parts, and launches.
  private func counts(_ compiled: CompiledModel) -> [Int] {
    [count(.view, compiled) { !($0.dims("offset", of: $1) ?? []).isEmpty }, count(.launch, compiled)]
  }

  // MARK: Concat

  @Test func operandsAreMadeInTheirPlace() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, T] = scan %x, axis: 1
        %2: f32[2*B, T] = concat %0, %1, axis: 0
        %3: f32[2*B, T] = scan %2, axis: 0
        return %3

      """, result: "f32[2*B, T]")
    #expect(counts(compiled) == [2, 3], "\(compiled.loops.module.text())")
    try check(compiled, Self.small)
  }

  @Test func resultIsTheCallers() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, T] = scan %0, axis: 1
        %2: f32[2*B, T] = concat %0, %1, axis: 0
        return %2

      """, result: "f32[2*B, T]")
    #expect(counts(compiled) == [2, 2])
    #expect(count(.alloc, compiled) == 0)
    try check(compiled, Self.small)
  }

  @Test func operandThatIsThereTwiceIsCopiedOnce() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[3*B, T] = concat %0, %x, %0, axis: 0
        %2: f32[3*B, T] = scan %1, axis: 0
        return %2

      """, result: "f32[3*B, T]")
    #expect(counts(compiled) == [1, 3])
    try check(compiled, Self.small)
  }

  @Test func inputsConstantsAndOutputsAreCopied() throws {
    let compiled = try compile(
      """
        %0: f32[1, T] = constant 2.5
        %1: f32[B, T] = scan %x, axis: 0
        %2: f32[B, T] = scan %x, axis: 1
        %3: f32[3*B + 1, T] = concat %x, %1, %0, %2, axis: 0
        %4: f32[3*B + 1, T] = scan %3, axis: 0
        return %4, %1

      """, result: "(f32[3*B + 1, T], f32[B, T])")
    #expect(counts(compiled) == [1, 4])
    try check(compiled, Self.small)
  }

  @Test func rowsThatDoNotLieTogetherAreCopied() throws {
    let body = """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, T] = scan %x, axis: 1
        %2: f32[B, 2*T] = concat %0, %1, axis: 1
        %3: f32[B, 2*T] = scan %2, axis: 1
        return %3

      """
    let compiled = try compile(body, result: "f32[B, 2*T]")
    #expect(counts(compiled) == [0, 4])
    try check(compiled, Self.small)
    let one = try compile(
      body.replacing("B", with: "1"), parameters: "%x: f32[1, T]", result: "f32[1, 2*T]", bounds: "T in 0...64")
    #expect(counts(one) == [2, 3])
    try check(one, [[[1, 0]], [[1, 1]], [[1, 7]]])
  }

  @Test func nothingIsWrittenOverAnOperandThatTheResultStillNeeds() throws {
    // %1 dies with %4 but for the concat, which is read at the end.
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, T] = scan %x, axis: 1
        %2: f32[2*B, T] = concat %0, %1, axis: 0
        %3: f32[2*B, T] = scan %2, axis: 0
        %4: f32[B, T] = add %1, %x
        %5: f32[B, T] = scan %4, axis: 0
        %6: f32[2*B, T] = add %2, %3
        %7: f32[2*B, T] = scan %6, axis: 1
        return %5, %7

      """, result: "(f32[B, T], f32[2*B, T])")
    #expect(counts(compiled)[0] == 2)
    try check(compiled, Self.small)
  }

  @Test func concatIsWrittenOverWhenAllOfItDies() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, T] = scan %x, axis: 1
        %2: f32[2*B, T] = concat %0, %1, axis: 0
        %3: f32[2*B, T] = scan %2, axis: 0
        %4: f32[2*B, T] = add %2, %3
        %5: f32[2*B, T] = scan %4, axis: 1
        return %5

      """, result: "f32[2*B, T]")
    #expect(counts(compiled)[0] == 2)
    #expect(count(.alloc, compiled) == 2)
    try check(compiled, Self.small)
  }

  @Test func partsOfParts() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, T] = scan %x, axis: 1
        %2: f32[2*B, T] = concat %0, %1, axis: 0
        %3: f32[2*B*T] = reshape %2
        %4: f32[2*B*T] = scan %3, axis: 0
        %5: f32[4*B*T] = concat %4, %3, axis: 0
        %6: f32[4*B*T] = scan %5, axis: 0, reverse: true
        %7: f32[B, T] = slice %2, starts: [B, 0], limits: [2*B, T]
        %8: f32[B, T] = scan %7, axis: 0
        return %6, %8

      """, result: "(f32[4*B*T], f32[B, T])")
    let host = compiled.loops.module.functions[0]
    let nested = count(.view, compiled) { host, op in
      host.definingOp(of: host.operand(0, of: op)).map { host.opcode(of: $0) == .view && host.dims("offset", of: $0) != [] } ?? false
    }
    #expect(nested > 0, "\(host.text())")
    try check(compiled, Self.small)
  }

  // MARK: Slice

  @Test func slicesAreViews() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[1, T] = slice %0, starts: [0, 0], limits: [1, T]
        %2: f32[B - 1, T] = slice %0, starts: [1, 0], limits: [B, T]
        %3: f32[1, T] = scan %1, axis: 1
        %4: f32[B - 1, T] = scan %2, axis: 0
        return %3, %4

      """, result: "(f32[1, T], f32[B - 1, T])", bounds: "B in 1...64, T in 0...64")
    #expect(counts(compiled) == [2, 3], "\(compiled.loops.module.text())")
    try check(compiled, [[[1, 0]], [[1, 1]], [[2, 5]], [[64, 33]]])
  }

  @Test func slicesOfInputsAreViewsAndWhatIsReturnedIsNot() throws {
    let compiled = try compile(
      """
        %1: f32[1, T] = slice %x, starts: [2, 0], limits: [3, T]
        %2: f32[1, 2] = slice %x, starts: [1, 3], limits: [2, 5]
        %3: f32[1, T] = scan %1, axis: 1
        %4: f32[1, 2] = scan %2, axis: 1
        return %3, %4, %1

      """, parameters: "%x: f32[B, T]", result: "(f32[1, T], f32[1, 2], f32[1, T])", bounds: "B in 3...64, T in 5...64")
    #expect(counts(compiled) == [1, 3], "\(compiled.loops.module.text())")
    try check(compiled, [[[3, 5]], [[7, 9]]])
  }

  @Test func slicesThatDoNotLieTogetherAreCopied() throws {
    let compiled = try compile(
      """
        %0: f32[B, T] = scan %x, axis: 0
        %1: f32[B, 2] = slice %0, starts: [0, 3], limits: [B, 5]
        %2: f32[2, T] = slice %0, starts: [0, 0], limits: [3, T], strides: [2, 1]
        %3: f32[B, 2] = scan %1, axis: 0
        %4: f32[2, T] = scan %2, axis: 0
        return %3, %4

      """, result: "(f32[B, 2], f32[2, T])", bounds: "B in 3...64, T in 5...64")
    #expect(counts(compiled) == [0, 5])
    try check(compiled, [[[3, 5]], [[7, 9]]])
  }

  @Test func nothingIsWrittenOverASliceThatSomethingElseIsCutFrom() throws {
    let compiled = try compile(
      """
        %0: f32[2*B, T] = scan %x, axis: 0
        %1: f32[B, T] = slice %0, starts: [0, 0], limits: [B, T]
        %2: f32[B, T] = scan %1, axis: 1
        %3: f32[B, T] = add %1, %2
        %4: f32[B, T] = scan %3, axis: 0
        %5: f32[2*B, T] = scan %0, axis: 1
        return %4, %5

      """, parameters: "%x: f32[2*B, T]", result: "(f32[B, T], f32[2*B, T])")
    #expect(counts(compiled)[0] == 1)
    try check(compiled, [[[0, 0]], [[2, 1]], [[6, 5]], [[64, 33]]])
  }

  @Test func aSliceDoesNotKeepALargeValue() throws {
    // As a view, %1 would keep all of %0 while %3 and %4 are there.
    let compiled = try compile(
      """
        %0: f32[64, 4096] = scan %x, axis: 0
        %1: f32[1, 4096] = slice %0, starts: [63, 0], limits: [64, 4096]
        %2: f32[64, 4096] = scan %x, axis: 1
        %3: f32[64, 4096] = scan %2, axis: 0
        %4: f32[64, 4096] = scan %3, axis: 1
        %5: f32[1, 4096] = scan %1, axis: 1
        return %4, %5

      """, parameters: "%x: f32[64, 4096]", result: "(f32[64, 4096], f32[1, 4096])", bounds: "B in 0...1")
    let plan = try compiled.plan.instance { _ in 1 }.plan
    #expect(plan.peak <= 2 * 64 * 4096 * 4 + 4096 * 4)
    try check(compiled, [[[64, 4096]]])
  }

  // MARK: Loops

  @Test func partsWithinALoop() throws {
    let compiled = try compile(
      """
        %zero: s32[] = constant 0
        %n: s32[], %y: f32[2*B, T] = while %i = %zero, %a = %x {
          %limit: s32[] = constant 3
          %go: bool[] = less %i, %limit
          continue %go
        } do {
          %one: s32[] = constant 1
          %i1: s32[] = add %i, %one
          %top: f32[B, T] = slice %a, starts: [0, 0], limits: [B, T]
          %bottom: f32[B, T] = slice %a, starts: [B, 0], limits: [2*B, T]
          %t: f32[B, T] = scan %top, axis: 0
          %b: f32[B, T] = scan %bottom, axis: 1
          %a1: f32[2*B, T] = concat %b, %t, axis: 0
          yield %i1, %a1
        }
        return %y

      """, parameters: "%x: f32[2*B, T]", result: "f32[2*B, T]")
    #expect(counts(compiled)[0] == 4, "\(compiled.loops.module.text())")
    try check(compiled, [[[0, 0]], [[2, 1]], [[6, 5]], [[64, 33]]])
  }

  // MARK: Drawn

  /// Graphs of scans, sums, concats and slices along the first axis, whose values are read again at random.
  @Test func drawnGraphsMeanTheSame() throws {
    var parts = 0
    for seed in 0..<8 {
      var drawing = PartsDrawing(seed: UInt64(seed))
      let compiled = try compile(drawing.text())
      parts += counts(compiled)[0]
      try check(compiled, [[[0, 3]], [[1, 1]], [[3, 5]]])
    }
    #expect(parts > 8)
  }
}

/// Draws functions of rows of T elements; how many rows a value has is a multiple of B and some more.
private struct PartsDrawing {
  private struct Value {
    var name: String
    var rows: (many: Int, more: Int)
    var type: String { "f32[\(PartsDrawing.text(rows)), T]" }
  }

  private var random: SplitMix64
  private var values = [Value(name: "%x", rows: (1, 0))]
  private var lines: [String] = []

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  private static func text(_ rows: (many: Int, more: Int)) -> String {
    switch rows {
    case (0, let more): "\(more)"
    case (1, 0): "B"
    case (let many, 0): "\(many)*B"
    case (1, let more): "B + \(more)"
    case (let many, let more): "\(many)*B + \(more)"
    }
  }

  mutating func text() -> String {
    for _ in 0..<(6 + below(8)) { step() }
    // What nobody reads is returned, and now and then something that is.
    let all = lines.joined(separator: "\n")
    let returned = values.dropFirst().filter { value in
      !all.contains("\(value.name),") || below(6) == 0
    }
    let types = returned.map(\.type).joined(separator: ", ")
    return """
      apus-ir 1

      func @f(%x: f32[B, T]) -> (\(types)) where B in 0...64, T in 0...64 {
      \(all)
        return \(returned.map(\.name).joined(separator: ", "))
      }

      """
  }

  private mutating func step() {
    let source = recent()
    switch below(6) {
    case 0, 1: add(source.rows, "scan \(source.name), axis: \(below(2))")
    case 2:
      let equal = values.filter { $0.rows == source.rows }
      add(source.rows, "add \(source.name), \(equal[below(equal.count)].name)")
    case 3, 4:
      let pieces = [source] + (0...below(2)).map { _ in recent() }
      let rows = (many: pieces.reduce(0) { $0 + $1.rows.many }, more: pieces.reduce(0) { $0 + $1.rows.more })
      guard rows.many <= 12 else { return }
      add(rows, "concat \(pieces.map(\.name).joined(separator: ", ")), axis: 0")
    default:
      let rows = (many: below(source.rows.many + 1), more: below(source.rows.more + 1))
      let rest = (many: source.rows.many - rows.many, more: source.rows.more - rows.more)
      let isFirst = below(2) == 0
      let (start, end) = isFirst ? ((many: 0, more: 0), rows) : (rest, source.rows)
      add(rows, "slice \(source.name), starts: [\(Self.text(start)), 0], limits: [\(Self.text(end)), T]")
    }
  }

  private mutating func add(_ rows: (many: Int, more: Int), _ call: String) {
    let value = Value(name: "%v\(values.count)", rows: rows)
    lines.append("  \(value.name): \(value.type) = \(call)")
    values.append(value)
  }

  private mutating func recent() -> Value { values[max(0, values.count - 1 - below(4))] }
  private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
}
