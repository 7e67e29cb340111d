import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// Buffers with layouts, the arena, launches and the contraction micro-kernel.
@Suite struct HostLoopsTests {
  private let f32 = TensorType.register(.f32)

  /// Doubles a vector of any size.
  private func doubling() throws -> Function {
    var symbols = SymbolTable()
    let n = Dim.symbol(symbols.intern("N"))
    let vector = TensorType(.f32, [n])
    return LoopsWriter.function([vector, vector], name: "k", symbols: symbols) { w, buffers in
      let size = w.emit(.size, [], .index, ["of": .dims([n])])
      w.loop(size) { w, i in
        let x = w.emit(.load, [buffers[0], i], f32)
        let sum = w.emit(.add, [x, x], f32)
        w.insert(.store, [sum, buffers[1], i])
      }
    }
  }

  @Test func hostsLaunchKernelsOverTheArena() throws {
    var symbols = SymbolTable()
    let n = Dim.symbol(symbols.intern("N"))
    let vector = TensorType(.f32, [n])
    let host = LoopsWriter.function([vector, vector], symbols: symbols) { w, buffers in
      let middle = w.emit(.alloc, [], vector.with(form: .buffer), ["offset": .dims([64])])
      for (from, to) in [(buffers[0], middle), (middle, buffers[1])] {
        w.insert(.launch, [from, to], [], ["callee": .function("k"), "sizes": .dims([n])])
      }
    }
    var module = Module(host)
    module.add(try doubling())
    for count in [0, 1, 5] {
      let x = Tensor((0..<count).map { Float($0) })
      #expect(try Interpreter(module).run([x]) == [Tensor((0..<count).map { Float(4 * $0) })])
    }
    expectDiagnostic("limit.memory") {
      _ = try Interpreter(module, limits: Limits(memory: 100)).run([try .zeros(.f32, shape: [8])])
    }
  }

  @Test func hostsReturnWhatTheyAllocate() throws {
    let host = LoopsWriter.function([type(.f32, [2])]) { w, buffers in
      let fresh = w.emit(.alloc, [], type(.f32, [2]).with(form: .buffer))
      w.insert(.launch, [buffers[0], fresh], [], ["callee": .function("k"), "sizes": .dims([2])])
      w.end(.return, [fresh])
    }
    var module = Module(host)
    module.add(try doubling())
    #expect(try Interpreter(module).run([Tensor([Float(1), 2])]) == [Tensor([Float(2), 4])])
  }

  @Test func freshMemoryIsPoisoned() throws {
    let host = LoopsWriter.function([type(.f32, [1])]) { w, buffers in
      let scratch = w.emit(.scratch, [], type(.f32, [1]).with(form: .buffer))
      let zero = w.index(0)
      let value = w.emit(.load, [scratch, zero], f32)
      w.insert(.store, [value, buffers[0], zero])
    }
    let after = try Interpreter(Module(host)).runInPlace([Tensor([Float(1)])])
    #expect(doubles(after[0])[0].isNaN)
  }

  @Test func viewsShareMemory() throws {
    let host = LoopsWriter.function([type(.f32, [2, 3])]) { w, buffers in
      let flat = w.emit(.view, [buffers[0]], type(.u32, [6]).with(form: .buffer))
      let four = w.index(4)
      let one = w.emit(.constant, [], .register(.u32), ["value": .scalar(.unsigned(0x3F80_0000))])
      w.insert(.store, [one, flat, four])
    }
    let after = try Interpreter(Module(host)).runInPlace([try .zeros(.f32, shape: [2, 3])])
    #expect(after[0] == Tensor([Float(0), 0, 0, 0, 1, 0], shape: [2, 3]))
  }

  @Test func layoutsPlaceBlocks() throws {
    // Two rows of five in blocks of two columns: {1/2, 0, 1%2}, five rounded up to six.
    let layout = Layout([.init(1, .outer(block: 2)), .init(0), .init(1, .inner(block: 2))])
    let blocked = TensorType(.f32, [2, 5], form: .buffer, layout: layout)
    let x = Tensor((0..<10).map { Float($0) }, shape: [2, 5])
    let main = LoopsWriter.function([type(.f32, [2, 5]), type(.f32, [12])]) { w, buffers in
      let packed = w.emit(.alloc, [], blocked, ["offset": .dims([0])])
      let (rows, columns) = (w.index(2), w.index(6))
      w.loop(rows) { w, i in
        w.loop(columns) { w, j in
          let five = w.index(5)
          let inside = w.emit(.sub, [five, j], .index)
          let value = w.emit(.loadMasked, [inside, buffers[0], i, j], f32)
          w.insert(.store, [value, packed, i, j])
        }
      }
      let flat = w.emit(.view, [packed], type(.f32, [12]).with(form: .buffer))
      let twelve = w.index(12)
      w.loop(twelve) { w, i in
        let value = w.emit(.load, [flat, i], f32)
        w.insert(.store, [value, buffers[1], i])
      }
    }
    let after = try Interpreter(Module(main)).runInPlace([x, try .zeros(.f32, shape: [12])])
    #expect(after[1] == Tensor([Float(0), 1, 5, 6, 2, 3, 7, 8, 4, 0, 9, 0]))
    // A parameter's layout is applied when its tensor is copied in, and undone when it is read out.
    let through = LoopsWriter.function([blocked]) { w, buffers in
      let (one, four) = (w.index(1), w.index(4))
      let value = w.emit(.load, [buffers[0], one, four], f32)
      let double = w.emit(.add, [value, value], f32)
      w.insert(.store, [double, buffers[0], one, four])
    }
    var expected = x
    expected.setScalar(.float(18), at: 9)
    #expect(try Interpreter(Module(through)).runInPlace([x]) == [expected])
  }

  private func contraction(
    _ element: ElementType, accumulates: Bool = false, epilogueLanes: Int? = nil
  ) throws -> Function {
    let out: ElementType = element.isFloat ? element : .s32
    return LoopsWriter.function([type(element, [4, 3]), type(element, [3, 6]), type(out, [4, 7])]) { w, buffers in
      let (depth, rows, columns, zero, one) = (w.index(3), w.index(2), w.index(5), w.index(0), w.index(1))
      let op = w.insert(
        .contract, buffers + [depth, rows, columns, one, zero, zero, one, one, one], [],
        [
          "lhs_axes": .ints([0, 1]), "rhs_axes": .ints([0, 1]), "out_axes": .ints([0, 1]), "block": .ints([2, 4]),
          "accumulate": .bool(accumulates),
        ])
      guard let lanes = epilogueLanes else { return }
      w.block = w.function.region(0, of: op)
      let register = TensorType.register(out, lanes: lanes)
      let row = w.function.addParameter(.index, to: w.block)
      let column = w.function.addParameter(.index, to: w.block)
      let sum = w.function.addParameter(register, to: w.block)
      // Adds row · 100, and an element of rhs along the columns.
      let hundred = w.index(100)
      let offset = w.emit(.mul, [row, hundred], .index)
      let narrow = w.emit(.convert, [offset], .register(out))
      let start = w.emit(.add, [column, one], .index)
      let bias = w.emit(.load, [buffers[1], zero, start], .register(element, lanes: lanes))
      let wide = element == out ? bias : w.emit(.convert, [bias], register)
      let splat = w.emit(.splat, [narrow], register)
      let partial = w.emit(.add, [sum, splat], register)
      let result = w.emit(.add, [partial, wide], register)
      w.end(.yield, [result])
      w.block = w.function.entry
    }
  }

  @Test(arguments: [ElementType.f32, .f64, .s8, .u8], [nil, 4, 2]) func contractSumsProducts(
    _ element: ElementType, _ epilogueLanes: Int?
  ) throws {
    let a = try tensor(element, (0..<12).map { Double($0) }, shape: [4, 3])
    let b = try tensor(element, (0..<18).map { Double($0 % 7) }, shape: [3, 6])
    let out: ElementType = element.isFloat ? element : .s32
    let before = try tensor(out, (0..<28).map { Double($0) }, shape: [4, 7])
    for accumulates in [false, true] {
      let function = try contraction(element, accumulates: accumulates, epilogueLanes: epilogueLanes)
      let after = doubles(try Interpreter(Module(function)).runInPlace([a, b, before])[2])
      var expected = doubles(before)
      for i in 0..<2 {
        for j in 0..<5 {
          var sum = accumulates ? expected[(i + 1) * 7 + j + 1] : 0
          for p in 0..<3 { sum += doubles(a)[(i + 1) * 3 + p] * doubles(b)[p * 6 + j + 1] }
          if epilogueLanes != nil { sum += Double(100 * i) + doubles(b)[j + 1] }
          expected[(i + 1) * 7 + j + 1] = sum
        }
      }
      #expect(after == expected)
    }
  }
}
