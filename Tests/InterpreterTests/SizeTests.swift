import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct SizeTests {
  private struct Symbols {
    var table = SymbolTable()
    mutating func callAsFunction(_ name: String, _ bounds: DimBounds = DimBounds()) -> Dim {
      let id = table.intern(name)
      table.setBounds(bounds, of: id)
      return .symbol(id)
    }
  }

  /// A function that returns its inputs.
  private func identity(_ types: [TensorType], _ symbols: SymbolTable) throws -> Interpreter {
    Interpreter(Module(try function(types, symbols: symbols) { _, values in values }))
  }

  private func zeros(_ shape: Int...) throws -> Tensor { try Tensor.zeros(.f32, shape: shape) }

  @Test func s11_1_inputsBindSymbols() throws {
    var symbol = Symbols()
    let (b, t) = (symbol("B"), symbol("T"))
    let types = [
      TensorType(.f32, [try .product(b, t), 4]), TensorType(.f32, [b, t]), TensorType(.f32, [try .floordiv(t, 2)]),
    ]
    let run = try identity(types, symbol.table)
    #expect(try run.run([try zeros(15, 4), try zeros(3, 5), try zeros(2)]).count == 3)
    #expect(try run.run([try zeros(0, 4), try zeros(0, 1), try zeros(0)]).count == 3)
    let refused: [[Tensor]] = [
      [try zeros(14, 4), try zeros(3, 5), try zeros(2)], [try zeros(15, 5), try zeros(3, 5), try zeros(2)],
      [try zeros(15, 4), try zeros(3, 5), try zeros(3)], [try zeros(15, 4, 1), try zeros(3, 5), try zeros(2)],
    ]
    for inputs in refused { expectDiagnostic("input.shape") { _ = try run.run(inputs) } }
  }

  @Test func s11_1_twoBindingsMustAgree() throws {
    var symbol = Symbols()
    let b = symbol("B")
    let run = try identity([TensorType(.f32, [b]), TensorType(.f32, [b, 2])], symbol.table)
    #expect(try run.run([try zeros(3), try zeros(3, 2)]).count == 2)
    do {
      _ = try run.run([try zeros(3), try zeros(4, 2)])
      Issue.record("nothing was thrown")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics[0].id == "input.shape")
      let message = error.diagnostics[0].message
      #expect(
        message.contains("input 1, axis 0: expected 3, got 4") && message.contains("B is the size of axis 0 of input 0")
      )
    }
  }

  @Test func s11_1_expressionsAreSolved() throws {
    var symbol = Symbols()
    let size = try Dim.sum(.product(symbol("N"), 3), 1)
    let run = try identity([TensorType(.f32, [size])], symbol.table)
    #expect(try run.run([try zeros(7)]).count == 1)
    expectDiagnostic("input.shape") { _ = try run.run([try zeros(8)]) }
    expectDiagnostic("input.shape") { _ = try run.run([try zeros(0)]) }
  }

  @Test func s11_2_sizesStayWithinBounds() throws {
    var symbol = Symbols()
    let run = try identity([TensorType(.f32, [symbol("B", DimBounds(lower: 2, upper: 4))])], symbol.table)
    for size in 2...4 { #expect(try run.run([try zeros(size)]).count == 1) }
    for size in [0, 1, 5] { expectDiagnostic("input.shape") { _ = try run.run([try zeros(size)]) } }
  }

  @Test func s11_3_inputsMustBeTheRightOnes() throws {
    let run = try identity([type(.f32, [2]), type(.s32, [])], SymbolTable())
    let (x, n) = (try zeros(2), Tensor(scalar: Int32(1)))
    #expect(try run.run([x, n]) == [x, n])
    expectDiagnostic("input.type") { _ = try run.run([n, n]) }
    expectDiagnostic("input.type") { _ = try run.run([x, Tensor(scalar: Int64(1))]) }
    expectDiagnostic("input.missing") { _ = try run.run([x]) }
    expectDiagnostic("input.missing") { _ = try run.run([]) }
    expectDiagnostic("input.extra") { _ = try run.run([x, n, n]) }
  }

  @Test func s11_4_sizesThatMustAgreeAreChecked() throws {
    var symbol = Symbols()
    let (a, b) = (symbol("A"), symbol("B"))
    let main = try function([TensorType(.f32, [a]), TensorType(.f32, [b])], symbols: symbol.table) { function, values in
      [try function.emit(.add, values)]
    }
    let run = Interpreter(Module(main))
    #expect(try run.run([try zeros(3), try zeros(3)]) == [try zeros(3)])
    expectDiagnostic("input.shape") { _ = try run.run([try zeros(3), try zeros(1)]) }
    // Without the obligation that inference records, the op itself finds out.
    expectDiagnostic("input.shape") {
      _ = try Interpreter.evaluate(.add, operands: [try zeros(3), try zeros(1)], resultTypes: [type(.f32, [3])])
    }
  }

  @Test func s11_5_dataMakeSizes() throws {
    let main = try function([type(.f32, [2, 2])]) { function, values in
      let indices = try function.emit(.nonZero, values)
      let size = try function.emit(.size, [], [NamedAttribute("of", .dims([function.type(of: indices).dims[1]]))])
      return [indices, size]
    }
    let run = Interpreter(Module(main))
    for ones in 0...4 {
      let x = Tensor((0..<4).map { Float($0 < ones ? 1 : 0) }, shape: [2, 2])
      let y = try run.run([x])
      #expect(y[0].shape == [2, ones] && y[1] == Tensor(scalar: Int64(ones)))
    }
  }

  @Test func s11_6_largeResultsAreRefusedFirst() throws {
    let main = try function([type(.f32, [1, 1])]) { function, values in
      let wide = try function.emit(
        .broadcast, values, [NamedAttribute("axes", .ints([0, 1]))], stated: type(.f32, [100, 100]))
      let sum = try function.emit(.reduceSum, [wide], [NamedAttribute("axes", .ints([0, 1]))])
      let again = try function.emit(
        .broadcast, [sum], [NamedAttribute("axes", .ints([]))], stated: type(.f32, [100, 100]))
      return [again]
    }
    let input = [try zeros(1, 1)]
    // The first large tensor is gone before the second one is made.
    #expect(try Interpreter(Module(main), limits: Limits(memory: 41_000)).run(input)[0].count == 10_000)
    expectDiagnostic("limit.memory") {
      _ = try Interpreter(Module(main), limits: Limits(memory: 39_000)).run(input)
    }
    let huge = type(.f32, [1 << 40])
    for (code, attributes) in [
      (OpCode.constant, [NamedAttribute("value", .scalar(.float(0)))]), (.iota, [NamedAttribute("axis", .int(0))]),
    ] {
      expectDiagnostic("limit.memory") {
        _ = try Interpreter.evaluate(
          code, operands: [], attributes: attributes, resultTypes: [huge], limits: Limits(memory: 1 << 30))
      }
    }
  }
}
