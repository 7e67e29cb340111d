import ApusIR
import ApusInterpreter
import ApusLLVM
import ApusRuntimeABI
import ApusTarget
import ApusTensor
import Testing

/// A module of phase `loops`, compiled for a machine that is or is like the host.
struct LoopRunner {
  let module: Module
  let compiled: CompiledModule
  private let loaded: LoadedModule

  struct Outcome {
    var status: Int
    var site: Int
    var buffers: [Tensor]
  }

  init(_ module: Module, machine: Machine = .host(), parts: Int = 1) throws {
    self.module = module
    compiled = try CodeGenerator(for: machine).compile(module, parts: parts)
    loaded = try LoadedModule(compiled, into: JIT(for: machine))
  }

  init(_ function: Function, machine: Machine = .host()) throws { try self.init(Module(function), machine: machine) }

  /// Runs a function on copies of the buffers, `offset` bytes off their alignment, and returns what they hold then.
  func run(
    _ tensors: [Tensor], function name: String? = nil, threads: Int = 1, offset: Int = 0, isCancelled: Bool = false,
    arenaBytes: Int = 0
  ) throws -> Outcome {
    let function = module.functions.first { $0.name == name } ?? module.functions[0]
    let kernel = unsafeBitCast(try loaded.kernel(function.name), to: apus_kernel.self)
    let pool = threads > 1 ? apus_pool_create(Int32(threads), 1) : nil
    defer { apus_pool_destroy(pool) }
    var context = apus_context()
    apus_context_init(&context, pool)
    defer { apus_context_release(&context) }
    let arena = UnsafeMutableRawPointer.allocate(byteCount: max(arenaBytes, 64), alignment: 64)
    defer { arena.deallocate() }
    context.arena = arena
    if isCancelled { apus_context_cancel(&context) }

    // A canary behind each buffer catches stores beyond its end.
    let blocks = tensors.map { tensor in
      let block = UnsafeMutableRawBufferPointer.allocate(byteCount: tensor.byteCount + offset + 128, alignment: 64)
      block.initializeMemory(as: UInt8.self, repeating: 0xa5)
      tensor.withUnsafeBytes { bytes in
        UnsafeMutableRawBufferPointer(rebasing: block[offset..<(offset + bytes.count)]).copyMemory(from: bytes)
      }
      return block
    }
    defer { for block in blocks { block.deallocate() } }
    let returned = function.returnedCount
    var buffers = blocks.map { block in block.baseAddress.map { $0 + offset } }
    buffers += Array(repeating: nil, count: returned + 1)
    var sizes = Self.sizes(of: function, tensors) + [0]
    kernel(&context, &buffers, &sizes)

    for (block, tensor) in zip(blocks, tensors) {
      let isWhole = block[..<offset].allSatisfy { $0 == 0xa5 }
        && block[(offset + tensor.byteCount)...].allSatisfy { $0 == 0xa5 }
      #expect(isWhole, "a store beside a buffer")
    }
    let contents = try zip(blocks, tensors).map { block, tensor in
      var copy = try Tensor.uninitialized(tensor.elementType, shape: tensor.shape)
      copy.withUnsafeMutableBytes {
        $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[offset..<(offset + tensor.byteCount)]))
      }
      return copy
    }
    return Outcome(status: Int(apus_context_status(&context)), site: Int(context.fail_site), buffers: contents)
  }

  /// What the interpreter leaves in the buffers.
  func interpret(_ tensors: [Tensor], function name: String? = nil) throws -> [Tensor] {
    try Interpreter(module).runInPlace(tensors, function: name)
  }

  /// Expects the same buffers as the interpreter leaves, as `agree` compares them.
  func expectAgreement(
    _ tensors: [Tensor], function name: String? = nil, threads: Int = 1, offset: Int = 0, arenaBytes: Int = 0,
    ulps: Int = 0
  ) throws {
    let expected = try interpret(tensors, function: name)
    let got = try run(tensors, function: name, threads: threads, offset: offset, arenaBytes: arenaBytes)
    #expect(got.status == 0)
    for (index, (x, y)) in zip(got.buffers, expected).enumerated() {
      let difference = disagreement(x, y, ulps: ulps)
      #expect(difference == nil, "buffer \(index): \(difference ?? "")")
    }
  }

  private static func sizes(of function: Function, _ tensors: [Tensor]) -> [Int64] {
    function.symbols.ids.map { symbol in
      for (parameter, tensor) in zip(function.parameters, tensors) {
        let dims = function.type(of: parameter).dims
        if let axis = dims.firstIndex(where: { $0.symbolID == symbol }) { return Int64(tensor.shape[axis]) }
      }
      return 0
    }
  }
}

extension Function {
  fileprivate var returnedCount: Int {
    terminator(of: entry).map { operandCount(of: $0) } ?? 0
  }
}

/// The first element in which two tensors differ by more than `ulps` units in the last place, NaNs being equal.
func disagreement(_ a: Tensor, _ b: Tensor, ulps: Int) -> String? {
  guard a.shape == b.shape, a.elementType == b.elementType else { return "\(a.shape) against \(b.shape)" }
  for index in 0..<a.count {
    let (x, y) = (a.scalar(index), b.scalar(index))
    if x == y { continue }
    if case .float(let p) = x, case .float(let q) = y {
      if p.isNaN && q.isNaN { continue }
      if ulps > 0, abs(ordinal(p, a.elementType) - ordinal(q, a.elementType)) <= ulps { continue }
    }
    return "[\(index)] is \(x), not \(y)"
  }
  return nil
}

/// Numbers the values of a float type in order, neighbours by neighbours.
private func ordinal(_ x: Double, _ type: ElementType) -> Int {
  var pattern: Int64 = 0
  withUnsafeMutableBytes(of: &pattern) { Scalar.float(x).store(to: $0, at: 0, as: type) }
  let sign = Int64(1) << Int64(type.bitWidth - 1)
  return Int(pattern & sign == 0 ? pattern : sign &- pattern)
}

extension Tensor {
  func scalar(_ index: Int) -> Scalar { withUnsafeBytes { Scalar(from: $0, at: index, as: elementType) } }

  /// Elements made one by one.
  init(_ type: ElementType, _ shape: [Int], _ element: (Int) -> Scalar) throws {
    self = try .uninitialized(type, shape: shape)
    let count = count
    withUnsafeMutableBytes { bytes in
      for index in 0..<count { element(index).store(to: bytes, at: index, as: type) }
    }
  }
}
