import ApusSupport
import ApusTarget
import Testing

@testable import ApusLLVM

/// a, b, c, row stride of c, depth, stride of a, stride of b, columns
typealias TileKernel =
  @convention(c) (
    UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int, Int, Int, Int, Int
  ) -> Void

/// One micro-kernel as a function of its own.
struct TileFunction {
  enum Width { case all, exactly(Int), dynamic }
  enum Number: Equatable { case f32, f64, i32 }

  var target = Machine.host()
  var number = Number.f32
  var block: RegisterBlock
  var rows: Int
  var width = Width.all
  var packedA = true
  var packedB = true
  var accumulates = false
  var doubled = false

  init(_ block: RegisterBlock, rows: Int? = nil) {
    self.block = block
    self.rows = rows ?? block.rows
  }

  func emitter() throws -> Emitter {
    let e = Emitter("tile", for: try TargetMachine(target))
    let pointer = CodeParameter(type: e.types.pointer, noAlias: true)
    let index = CodeParameter(type: e.types.i64)
    let element = switch number {
    case .f32: e.types.f32
    case .f64: e.types.f64
    case .i32: e.types.i32
    }
    e.function("tile", [pointer, pointer, pointer, index, index, index, index, index]) { f in
      let p = f.parameters
      var kernel = MicroKernel(
        block, rows: rows, a: packedA ? nil : .strided(p[5]), b: packedB ? nil : .strided(p[6]))
      switch width {
      case .all: break
      case .exactly(let count): kernel.columns = .exactly(count)
      case .dynamic: kernel.columns = .count(p[7])
      }
      let tile = ResultTile(pointer: p[2], rowStride: p[3], element: element)
      kernel.emit(
        into: e, element: element, a: p[0], b: p[1], depth: p[4],
        initial: accumulates ? { tile.load(e, $0, lanes: block.lanes) } : nil
      ) { cell, sum in
        tile.store(e, cell, doubled ? e.add(sum, sum) : sum)
      }
    }
    return e
  }
}

@Suite struct MicroKernelTests {
  static let host = RegisterBlock.preferred(for: .host(), elementBytes: 4)

  /// Runs the kernel on small whole numbers, which every element type holds exactly, and compares the block and
  /// the memory around it.
  func check<T: Numeric & Equatable & BitwiseCopyable>(
    _ function: TileFunction, depth: Int, columns: Int, as _: T.Type, from value: (Int) -> T
  ) throws {
    let jit = try JIT(for: function.target)
    try jit.add(function.emitter().objectFile())
    let kernel = unsafeBitCast(try jit.lookup("tile"), to: TileKernel.self)
    let (rows, width) = (function.rows, function.block.columns)
    let (aStride, bStride, cStride) = (depth + 3, width + 5, width + 2)
    func left(_ k: Int, _ i: Int) -> T { value((k * 3 + i * 5) % 7 - 3) }
    func right(_ k: Int, _ j: Int) -> T { value((k * 2 + j) % 5 - 2) }

    var a = [T](repeating: value(99), count: max(rows * aStride, depth * rows) + 1)
    for k in 0..<depth {
      for i in 0..<rows { a[function.packedA ? k * rows + i : i * aStride + k] = left(k, i) }
    }
    let b = AlignedBlock(count: depth * bStride + width, filledWith: value(function.packedB ? 0 : 77))
    for k in 0..<depth {
      for j in 0..<columns { b[function.packedB ? k * width + j : k * bStride + j] = right(k, j) }
    }
    var c = [T](repeating: value(11), count: rows * cStride)
    let before = c
    kernel(a, b.pointer, &c, cStride, depth, aStride, bStride, columns)

    var expected = before
    for i in 0..<rows {
      for j in 0..<columns {
        var sum = function.accumulates ? before[i * cStride + j] : 0
        for k in 0..<depth { sum += left(k, i) * right(k, j) }
        expected[i * cStride + j] = function.doubled ? sum + sum : sum
      }
    }
    #expect(c == expected)
  }

  @Test(arguments: 1...8) func everyHeight(rows: Int) throws {
    let block = RegisterBlock(rows: 8, vectors: 2, lanes: Self.host.lanes, unroll: 4)
    for depth in [0, 1, 4, 7] {
      let function = TileFunction(block, rows: rows)
      try check(function, depth: depth, columns: block.columns, as: Float.self) { Float($0) }
    }
  }

  @Test(arguments: [true, false], [true, false]) func everyLayout(packedA: Bool, packedB: Bool) throws {
    var function = TileFunction(Self.host, rows: 3)
    function.packedA = packedA
    function.packedB = packedB
    function.accumulates = packedA
    function.doubled = packedB
    try check(function, depth: 9, columns: Self.host.columns, as: Float.self) { Float($0) }
  }

  @Test(arguments: [true, false], [true, false]) func everyWidth(packedB: Bool, known: Bool) throws {
    let block = RegisterBlock(rows: 2, vectors: 2, lanes: Self.host.lanes, unroll: 2)
    for columns in 1...block.columns {
      var function = TileFunction(block)
      function.packedB = packedB
      function.accumulates = true
      function.width = known ? .exactly(columns) : .dynamic
      try check(function, depth: 5, columns: columns, as: Float.self) { Float($0) }
    }
  }

  @Test(arguments: [1, 2, 3, 4]) func everyUnrolling(unroll: Int) throws {
    let block = RegisterBlock(rows: 2, vectors: 1, lanes: Self.host.lanes, unroll: unroll)
    for depth in 0...9 {
      try check(TileFunction(block), depth: depth, columns: block.columns, as: Float.self) { Float($0) }
    }
  }

  @Test func everyNumber() throws {
    let half = RegisterBlock(rows: 3, vectors: 2, lanes: max(1, Self.host.lanes / 2), unroll: 2)
    var f64 = TileFunction(half)
    f64.number = .f64
    try check(f64, depth: 6, columns: half.columns, as: Double.self) { Double($0) }
    var i32 = TileFunction(Self.host)
    i32.number = .i32
    try check(i32, depth: 6, columns: Self.host.columns, as: Int32.self) { Int32($0) }
  }

  static let targets = ["znver3", "x86-64-v3", "znver4", "sapphirerapids", "generic"].compactMap { Machine.preset($0) }

  @Test(arguments: targets, [true, false]) func keepsTheBlockInRegisters(target: Machine, packedA: Bool) throws {
    let block = RegisterBlock.preferred(for: target, elementBytes: 4)
    for rows in [block.rows, block.rows - 1] {
      var function = TileFunction(block, rows: rows)
      function.target = target
      function.packedA = packedA
      function.accumulates = true
      let loops = innerLoops(of: try function.emitter().assembly())
      let main = try #require(loops.max { $0.count < $1.count })
      let products = main.filter { $0.contains("vfmadd") || $0.contains("fmla") }
      #expect(products.count == rows * block.vectors * block.unroll)
      let spills = loops.joined().filter { isVectorSpill($0) }
      #expect(spills.isEmpty, "\(target.cpuName): \(spills.count) in\n\(main.joined(separator: "\n"))")
    }
  }

  @Test func withoutFMAItCallsNothing() throws {
    let target = try #require(Machine.preset("x86-64"))
    var function = TileFunction(RegisterBlock.preferred(for: target, elementBytes: 4))
    function.target = target
    let assembly = try function.emitter().assembly()
    #expect(assembly.contains("mulps") && assembly.contains("addps"))
    #expect(!assembly.contains("call"))
  }
}

/// 64-byte aligned memory, as a packed operand has it.
struct AlignedBlock<T: BitwiseCopyable>: ~Copyable {
  let pointer: UnsafeMutablePointer<T>
  private let raw: UnsafeMutableRawPointer

  init(count: Int, filledWith value: T) {
    raw = .allocate(byteCount: count * MemoryLayout<T>.stride, alignment: 64)
    pointer = raw.initializeMemory(as: T.self, repeating: value, count: count)
  }

  deinit { raw.deallocate() }

  subscript(index: Int) -> T {
    get { pointer[index] }
    nonmutating set { pointer[index] = newValue }
  }
}

/// The blocks of an assembly text that jump back to themselves, as lists of instructions.
func innerLoops(of assembly: String) -> [[String]] {
  var loops: [[String]] = []
  var label = ""
  var body: [String] = []
  for line in assembly.split(separator: "\n").map({ $0.drop { $0 == " " || $0 == "\t" } }) {
    if line.hasPrefix(".LBB"), let colon = line.firstIndex(of: ":") {
      label = String(line[..<colon])
      body = []
    } else if !line.hasPrefix("."), !line.hasPrefix("#"), !line.hasPrefix("//") {
      body.append(String(line))
      let isJump = line.hasPrefix("j") || line.hasPrefix("b.") || line.hasPrefix("cb") || line.hasPrefix("tb")
      if !label.isEmpty, isJump, line.hasSuffix(label) { loops.append(body) }
    }
  }
  return loops
}

/// Whether an instruction moves a vector register to or from the stack.
func isVectorSpill(_ instruction: String) -> Bool {
  let x86 = instruction.contains("(%rsp)") && ["%xmm", "%ymm", "%zmm"].contains { instruction.contains($0) }
  let arm = instruction.contains("[sp") && instruction.contains(" q")
  return x86 || arm
}
