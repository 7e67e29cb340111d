import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct ControlTests {
  private let scalar = TensorType.scalar(.f32)
  private let flag = TensorType.scalar(.bool)

  private func number(
    _ function: inout Function, _ value: Double, _ type: TensorType, in block: BlockID
  ) throws -> ValueID {
    let scalar = Scalar.float(value).converted(to: type.element)
    return try function.emit(.constant, [], [NamedAttribute("value", .scalar(scalar))], stated: type, in: block)
  }

  private func assertion(_ function: inout Function, _ condition: ValueID, _ message: String, in block: BlockID) {
    function.insert(
      .assert, [condition], attributes: [NamedAttribute("message", .string(message))], results: [], at: .end(of: block))
  }

  @Test(arguments: [true, false]) func s10_1_ifRunsOneRegion(_ condition: Bool) throws {
    let main = try function([flag, scalar]) { function, values in
      let op = function.insert(.if, [values[0]], results: [self.scalar], at: .end(of: function.entry))
      for (index, code) in [OpCode.neg, .exp].enumerated() {
        let block = function.region(index, of: op)
        // Only the region that is picked may fail.
        let fails = index == (condition ? 1 : 0)
        let isGood = try number(&function, fails ? 0 : 1, self.flag, in: block)
        assertion(&function, isGood, "the other region ran", in: block)
        let result = try function.emit(code, [values[1]], in: block)
        function.insert(.yield, [result], results: [], at: .end(of: block))
      }
      return [function.result(of: op)]
    }
    let y = try Interpreter(Module(main)).run([Tensor(scalar: condition), Tensor(scalar: Float(0))])
    #expect(y == [Tensor(scalar: condition ? -Float(0) : 1)])
  }

  /// i and a from 0 and x, while i < limit: i + 1, a + a.
  private func doubling(_ type: TensorType) throws -> Function {
    let counter = TensorType.scalar(.s32)
    return try function([type, counter]) { function, values in
      let zero = try number(&function, 0, counter, in: function.entry)
      let loop = function.insert(.while, [zero, values[0]], results: [counter, type], at: .end(of: function.entry))
      let (test, body) = (function.region(0, of: loop), function.region(1, of: loop))
      let i = function.addParameter(counter, to: test)
      _ = function.addParameter(type, to: test)
      let goesOn = try function.emit(.less, [i, values[1]], in: test)
      function.insert(.continue, [goesOn], results: [], at: .end(of: test))
      let (j, a) = (function.addParameter(counter, to: body), function.addParameter(type, to: body))
      let next = try function.emit(.add, [j, try number(&function, 1, counter, in: body)], in: body)
      let sum = try function.emit(.add, [a, a], in: body)
      function.insert(.yield, [next, sum], results: [], at: .end(of: body))
      return function.results(of: loop)
    }
  }

  @Test(arguments: [0, 1, 5]) func s10_2_whileTestsFirst(_ count: Int32) throws {
    let run = Interpreter(Module(try doubling(type(.f32, [2]))))
    let y = try run.run([Tensor([Float(1), 3]), Tensor(scalar: count)])
    let factor = Float(1 << count)
    #expect(y == [Tensor(scalar: count), Tensor([factor, 3 * factor])])
  }

  @Test func s10_2_aCarriedSizeMayGrow() throws {
    var symbols = SymbolTable()
    let carried = (0..<3).map { _ in
      TensorType(
        .f32, [.symbol(symbols.append(Symbol(name: "", bounds: DimBounds(lower: 0, upper: 6), origin: .value)))])
    }
    let main = try function([scalar, type(.f32, [1])], symbols: symbols) { function, values in
      let loop = function.insert(.while, [values[1]], results: [carried[2]], at: .end(of: function.entry))
      let (test, body) = (function.region(0, of: loop), function.region(1, of: loop))
      let x = function.addParameter(carried[0], to: test)
      let sum = try function.emit(.reduceSum, [x], [NamedAttribute("axes", .ints([0]))], in: test)
      function.insert(
        .continue, [try function.emit(.less, [sum, values[0]], in: test)], results: [], at: .end(of: test))
      let y = function.addParameter(carried[1], to: body)
      let longer = try function.emit(.concat, [y, values[1]], [NamedAttribute("axis", .int(0))], in: body)
      function.insert(.yield, [longer], results: [], at: .end(of: body))
      let tripled = try function.emit(.neg, [function.result(of: loop)])
      return [tripled]
    }
    let run = Interpreter(Module(main))
    #expect(try run.run([Tensor(scalar: Float(4)), Tensor([Float(1)])]) == [Tensor([Float(-1), -1, -1, -1])])
    #expect(try run.run([Tensor(scalar: Float(0)), Tensor([Float(1)])]) == [Tensor([Float(-1)])])
    // S11.5: the seventh element is beyond the bound.
    expectDiagnostic("size.bounds") { _ = try run.run([Tensor(scalar: Float(7)), Tensor([Float(1)])]) }
  }

  @Test func s10_3_callBindsSizesOfItsOwn() throws {
    var symbols = SymbolTable()
    let n = TensorType(.f32, [.symbol(symbols.intern("N"))])
    var module = Module(
      try function([type(.f32, [2]), type(.f32, [3])]) { function, values in
        values.map { value in
          let op = function.insert(
            .call, [value], attributes: [NamedAttribute("callee", .function("sum"))],
            results: [TensorType.scalar(.f32)],
            at: .end(of: function.entry))
          return function.result(of: op)
        }
      })
    module.add(
      try function([n], name: "sum", symbols: symbols) { function, values in
        let sum = try function.emit(.reduceSum, [values[0]], [NamedAttribute("axes", .ints([0]))])
        let size = try function.emit(.size, [], [NamedAttribute("of", .dims(n.dims))])
        let count = try function.emit(.convert, [size], stated: TensorType.scalar(.f32))
        return [try function.emit(.mul, [sum, count])]
      })
    let y = try Interpreter(module).run([Tensor([Float(1), 2]), Tensor([Float(1), 2, 3])])
    #expect(y == [Tensor(scalar: Float(6)), Tensor(scalar: Float(18))])
    #expect(try Interpreter(module).run([Tensor([Float(4)])], function: "sum") == [Tensor(scalar: Float(4))])
    expectDiagnostic("function.unknown") { _ = try Interpreter(module).run([], function: "other") }
  }

  @Test func s10_4_assertEndsTheRun() throws {
    let main = try function([flag]) { function, values in
      assertion(&function, values[0], "the flag must be set", in: function.entry)
      return values
    }
    let run = Interpreter(Module(main))
    #expect(try run.run([Tensor(scalar: true)]) == [Tensor(scalar: true)])
    do {
      _ = try run.run([Tensor(scalar: false)])
      Issue.record("nothing was thrown")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.map(\.id) == ["assert.failed"])
      #expect(error.diagnostics[0].message.contains("the flag must be set"))
    }
  }

  @Test func s10_5_customCallsAreLookedUp() throws {
    let type = type(.f32, [2])
    let main = try function([type]) { function, values in
      let op = function.insert(
        .customCall, values, attributes: [NamedAttribute("name", .string("twice"))], results: [type],
        at: .end(of: function.entry))
      return [function.result(of: op)]
    }
    let twice: CustomOperation = { operands, results in
      #expect(results == [TensorType(.f32, [2])])
      return [Tensor(operands[0].values(as: Float.self).map { 2 * $0 })]
    }
    let x = Tensor([Float(1), 2])
    #expect(try Interpreter(Module(main), customOperations: ["twice": twice]).run([x]) == [Tensor([Float(2), 4])])
    expectDiagnostic("custom.unregistered") { _ = try Interpreter(Module(main)).run([x]) }
    let wrong: CustomOperation = { _, _ in [Tensor([Int32(1), 2])] }
    expectDiagnostic("custom.result") { _ = try Interpreter(Module(main), customOperations: ["twice": wrong]).run([x]) }
  }

  @Test func s10_6_aKernelMeansItsBody() throws {
    let type = type(.f32, [2, 3])
    let x = Tensor([Float(1), 2, 3, 4, 5, 6], shape: [2, 3])
    let schedules = [nil, Schedule(tiles: [1, 2], order: [1, 0], unroll: 4, vectorLanes: 8, parallelAxis: 1)]
    for schedule in schedules {
      let y = try runKernel([type, type], [x, x], schedule: schedule) { function, block, values in
        let sum = try function.emit(.mul, values, in: block)
        return try function.emit(.reduceSum, [sum], [NamedAttribute("axes", .ints([1]))], in: block)
      }
      #expect(y == Tensor([Float(14), 77]))
    }
    let packed = try function([type], phase: .fused) { function, values in
      let layout = Layout([.init(0), .init(1, .outer(block: 2)), .init(1, .inner(block: 2))])
      let op = function.insert(
        .pack, values, results: [TensorType(.f32, type.dims, layout: layout)], at: .end(of: function.entry))
      return [function.result(of: op)]
    }
    #expect(try Interpreter(Module(packed)).run([x]) == [x])
  }

  @Test func s10_7_aCompositeMeansItsBody() throws {
    let x = Tensor([Float(3), -2])
    let main = try function([type(x)]) { function, values in [try function.emit(.square, values)] }
    #expect(try Interpreter(Module(main)).run([x]) == [Tensor([Float(9), 4])])
    #expect(try result(.square, x) == Tensor([Float(9), 4]))
    let y = try result(.softmax, Tensor([Float(0), 0, 5, 5], shape: [2, 2]), attributes: ["axis": .int(1)])
    #expect(y == Tensor([Float(0.5), 0.5, 0.5, 0.5], shape: [2, 2]))
  }

  @Test func s11_7_loopsStopAtTheStepLimit() throws {
    let main = Module(try doubling(type(.f32, [1])))
    let inputs = [Tensor([Float(1)]), Tensor(scalar: Int32(5))]
    #expect(try Interpreter(main, limits: Limits(steps: 5)).run(inputs)[1] == Tensor([Float(32)]))
    expectDiagnostic("limit.steps") { _ = try Interpreter(main, limits: Limits(steps: 4)).run(inputs) }
  }

  /// A gather whose index may be out of range, and an assert after it.
  private func failing() throws -> Module {
    let text = """
      apus-ir 1

      func @f(%x: f32[4], %i: s32[], %ok: bool[]) -> f32[4] {
        %0: f32[] = gather %x, %i, axis: 0
        assert %ok, message: "not so"
        return %x
      }
      """
    return try Module.parse(SourceText(name: "failing.ir", text: text))
  }

  @Test func s11_8_theFirstOfSeveralFailuresIsReported() throws {
    let (x, no) = (Tensor([Float(1), 2, 3, 4]), Tensor(scalar: false))
    expectDiagnostic("index.range") { _ = try Interpreter(failing()).run([x, Tensor(scalar: Int32(4)), no]) }
    expectDiagnostic("assert.failed") { _ = try Interpreter(failing()).run([x, Tensor(scalar: Int32(3)), no]) }
  }

  @Test func s11_9_anOpThatNothingNeedsFails() throws {
    let (x, yes) = (Tensor([Float(1), 2, 3, 4]), Tensor(scalar: true))
    expectDiagnostic("index.range") { _ = try Interpreter(failing()).run([x, Tensor(scalar: Int32(-1)), yes]) }
    #expect(try Interpreter(failing()).run([x, Tensor(scalar: Int32(0)), yes]) == [x])
  }
}
