import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct LoopsTests {
  private let f32 = TensorType.register(.f32)
  private let f32x4 = TensorType.register(.f32, lanes: 4)

  private func run(_ function: Function, _ buffers: Tensor..., seed: UInt64 = 0) throws -> [Tensor] {
    try Interpreter(Module(function), parallelOrderSeed: seed).runInPlace(buffers)
  }

  @Test func s12_1_parallelOrderIsDrawnFromTheSeed() throws {
    let vector = type(.s64, [16])
    // Each turn writes its own element, and the last turn leaves its number in the second buffer.
    let main = LoopsWriter.function([vector, type(.s64, [])]) { w, buffers in
      let count = w.index(16)
      w.loop(count, "parallel") { w, i in
        let square = w.emit(.mul, [i, i], .index)
        w.insert(.store, [square, buffers[0], i])
        w.insert(.store, [i, buffers[1]])
      }
    }
    let squares = Tensor((0..<16).map { Int64($0 * $0) })
    var last: Set<Tensor> = []
    for seed in 0..<8 as Range<UInt64> {
      let after = try run(main, try .zeros(.s64, shape: [16]), try .zeros(.s64, shape: []), seed: seed)
      #expect(after[0] == squares)
      last.insert(after[1])
      let again = try run(main, try .zeros(.s64, shape: [16]), try .zeros(.s64, shape: []), seed: seed)
      #expect(again == after)
    }
    #expect(last.count > 1)
  }

  @Test(arguments: ElementType.allCases) func s12_2_alignmentHasNoInfluence(_ element: ElementType) throws {
    let aligned = try tensor(element, [0, 1, 1, 0, 1], shape: [5])
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: aligned.byteCount + 1, alignment: 8)
    defer { bytes.deallocate() }
    let odd = UnsafeMutableRawBufferPointer(rebasing: bytes[1...])
    aligned.withUnsafeBytes { odd.copyMemory(from: $0) }
    let unaligned = try Tensor(
      element, shape: [5], storage: TensorStorage(borrowing: UnsafeRawBufferPointer(odd)))
    #expect(try result(.equal, unaligned, aligned) == Tensor([true, true, true, true, true]))
    #expect(try result(.concat, unaligned, attributes: ["axis": .int(0)]) == aligned)
    if element != .bool {
      #expect(try result(.add, unaligned, unaligned) == (try result(.add, aligned, aligned)))
    }
  }

  @Test(arguments: [-1, 5, 6]) func s12_3_accessesAreChecked(_ at: Int) throws {
    let vector = type(.f32, [5])
    let load = LoopsWriter.function([vector]) { w, buffers in
      let i = w.index(at)
      _ = w.emit(.load, [buffers[0], i], f32)
    }
    let store = LoopsWriter.function([vector]) { w, buffers in
      let i = w.index(at)
      let value = w.emit(.constant, [], f32, ["value": .scalar(.float(1))])
      w.insert(.store, [value, buffers[0], i])
    }
    let lanes = LoopsWriter.function([vector]) { w, buffers in
      let i = w.index(at - 3)
      _ = w.emit(.load, [buffers[0], i], f32x4)
    }
    let wide = LoopsWriter.function([type(.f32, [5, 5])]) { w, buffers in
      let (i, j) = (w.index(0), w.index(at))
      _ = w.emit(.load, [buffers[0], i, j], f32)
    }
    for function in [load, store, lanes] {
      expectDiagnostic("loops.bounds") { _ = try run(function, try .zeros(.f32, shape: [5])) }
    }
    // Within the memory, but not within the row.
    expectDiagnostic("loops.bounds") { _ = try run(wide, try .zeros(.f32, shape: [5, 5])) }
  }

  @Test func s12_4_lanesComputeLikeScalars() throws {
    let codes: [OpCode] = [.add, .sub, .mul, .div, .rem, .pow, .max, .min]
    for element in ElementType.numbers {
      let x = try tensor(element, [7, 3, 100, 0])
      let y = try tensor(element, [2, 0, 3, 5])
      let (scalar, vector) = (TensorType.register(element), TensorType.register(element, lanes: 4))
      for code in codes {
        let main = LoopsWriter.function([type(x), type(x), type(x), type(x)]) { w, buffers in
          let zero = w.index(0)
          let a = w.emit(.load, [buffers[0], zero], vector)
          let b = w.emit(.load, [buffers[1], zero], vector)
          let c = w.emit(code, [a, b], vector)
          w.insert(.store, [c, buffers[2], zero])
          let count = w.index(4)
          w.loop(count) { w, i in
            let a = w.emit(.load, [buffers[0], i], scalar)
            let b = w.emit(.load, [buffers[1], i], scalar)
            let c = w.emit(code, [a, b], scalar)
            w.insert(.store, [c, buffers[3], i])
          }
        }
        let zeros = try Tensor.zeros(element, shape: [4])
        let after = try run(main, x, y, zeros, zeros)
        #expect(after[2] == after[3], "\(code) of \(element)")
        #expect(same(doubles(after[2]), doubles(try result(code, x, y))), "\(code) of \(element)")
      }
    }
  }

  @Test func s12_5_lanesFoldInHalves() throws {
    // In halves (2²⁴ + 0) + (1 + 1); in order both ones would be lost.
    let x = Tensor([Float(0x1p24), 1, 0, 1])
    let main = LoopsWriter.function([type(x), type(.f32, [3])]) { w, buffers in
      let zero = w.index(0)
      let a = w.emit(.load, [buffers[0], zero], f32x4)
      for (index, kind) in ["sum", "max", "min"].enumerated() {
        let folded = w.emit(.reduceLanes, [a], f32, ["kind": .name(kind)])
        let at = w.index(index)
        w.insert(.store, [folded, buffers[1], at])
      }
    }
    let after = try run(main, x, try .zeros(.f32, shape: [3]))
    #expect(after[1] == Tensor([Float(0x1p24 + 2), 0x1p24, 0]))
  }

  @Test(arguments: [-1, 0, 2, 4, 9]) func s12_6_maskedLanesAreZeroAndKept(_ count: Int) throws {
    let x = Tensor([Float(1), 2])
    let main = LoopsWriter.function([type(.f32, [2]), type(.f32, [4]), type(.f32, [4])]) { w, buffers in
      let (zero, limit) = (w.index(0), w.index(count))
      let read = w.index(min(count, 2))
      let a = w.emit(.loadMasked, [read, buffers[0], zero], f32x4)
      w.insert(.store, [a, buffers[1], zero])
      let b = w.emit(.load, [buffers[1], zero], f32x4)
      w.insert(.storeMasked, [limit, b, buffers[2], zero])
    }
    let after = try run(main, x, Tensor([Float(9), 9, 9, 9]), Tensor([Float(7), 7, 7, 7]))
    let loaded = [Float(1), 2].prefix(max(0, min(count, 2))) + Array(repeating: 0, count: 4 - max(0, min(count, 2)))
    #expect(after[1].values(as: Float.self) == Array(loaded))
    let stored = min(max(count, 0), 4)
    #expect(after[2].values(as: Float.self) == Array(loaded.prefix(stored)) + Array(repeating: 7, count: 4 - stored))
  }

  @Test func loadsMayRunAlongAnyAxis() throws {
    let x = Tensor((0..<12).map { Float($0) }, shape: [4, 3])
    let main = LoopsWriter.function([type(x), type(.f32, [2, 4])]) { w, buffers in
      let (zero, one) = (w.index(0), w.index(1))
      let column = w.emit(.load, [buffers[0], zero, one], f32x4, ["along": .int(0)])
      w.insert(.store, [column, buffers[1], zero, zero])
      let spread = w.emit(.load, [buffers[0], zero, zero], TensorType.register(.f32, lanes: 2), ["stride": .int(2)])
      w.insert(.store, [spread, buffers[1], one, zero], [], ["stride": .int(3)])
    }
    let after = try run(main, x, try .zeros(.f32, shape: [2, 4]))
    #expect(after[1] == Tensor([Float(1), 4, 7, 10, 0, 0, 0, 2], shape: [2, 4]))
  }

  @Test func lanesAreMadeAndTaken() throws {
    let s64x4 = TensorType.register(.s64, lanes: 4)
    let main = LoopsWriter.function([type(.s64, [6])]) { w, buffers in
      let (zero, four, seven) = (w.index(0), w.index(4), w.index(7))
      let counts = w.emit(.lanes, [seven], s64x4)
      let same = w.emit(.splat, [four], s64x4)
      let sum = w.emit(.add, [counts, same], s64x4)
      w.insert(.store, [sum, buffers[0], zero])
      let lane = w.emit(.extractLane, [sum], .index, ["lane": .int(2)])
      w.insert(.store, [lane, buffers[0], four])
    }
    #expect(try run(main, try .zeros(.s64, shape: [6])) == [Tensor([Int64(11), 12, 13, 14, 13, 0])])
  }

  @Test func forCarriesRegisters() throws {
    let main = LoopsWriter.function([type(.s64, [])]) { w, buffers in
      let (zero, ten) = (w.index(0), w.index(10))
      let op = w.insert(.for, [zero, ten, zero], [.index], ["step": .int(3)])
      let outer = w.block
      w.block = w.function.region(0, of: op)
      let i = w.function.addParameter(.index, to: w.block)
      let total = w.function.addParameter(.index, to: w.block)
      let sum = w.emit(.add, [total, i], .index)
      w.end(.yield, [sum])
      w.block = outer
      w.insert(.store, [w.function.result(of: op), buffers[0]])
    }
    #expect(try run(main, try .zeros(.s64, shape: [])) == [Tensor(scalar: Int64(0 + 3 + 6 + 9))])
    expectDiagnostic("limit.steps") {
      _ = try Interpreter(Module(main), limits: Limits(steps: 3)).runInPlace([try .zeros(.s64, shape: [])])
    }
  }

  @Test(arguments: [0, 3]) func checkIndexGuardsDataDependentIndices(_ index: Int) throws {
    let main = LoopsWriter.function([type(.s64, [1])]) { w, buffers in
      let (zero, limit) = (w.index(0), w.index(3))
      let i = w.emit(.load, [buffers[0], zero], .index)
      w.insert(.checkIndex, [i, limit])
    }
    if index == 0 {
      #expect(try run(main, Tensor([Int64(0)])) == [Tensor([Int64(0)])])
    } else {
      for bad in [3, -1] as [Int64] { expectDiagnostic("index.range") { _ = try run(main, Tensor([bad])) } }
    }
  }

  @Test func storesIntoConstantsAreRefused() throws {
    let main = LoopsWriter.function([]) { w, _ in
      let buffer = w.emit(
        .constant, [], type(.f32, [2]).with(form: .buffer), ["value": .tensor(ConstantTensor(Tensor([Float(1), 2])))])
      let zero = w.index(0)
      let value = w.emit(.load, [buffer, zero], f32)
      w.insert(.store, [value, buffer, zero])
    }
    expectDiagnostic("loops.read-only") { _ = try run(main) }
  }
}
