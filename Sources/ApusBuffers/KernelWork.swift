import ApusIR

/// What a kernel does in one run, at usual sizes.
public struct KernelWork: Sendable, Hashable {
  /// What it reads and writes.
  public var bytes: Int
  /// Arithmetic on elements; a multiplication with its addition counts as two.
  public var flops: Int

  public init(bytes: Int = 0, flops: Int = 0) {
    self.bytes = bytes
    self.flops = flops
  }

  /// Bytes that could be moved meanwhile: a core does about four operations in the time of one byte from memory.
  public var price: Int {
    let (sum, overflow) = bytes.addingReportingOverflow(flops / 4)
    // Room for the sum of many.
    return overflow ? 1 << 40 : min(sum, 1 << 40)
  }

  public static func + (a: KernelWork, b: KernelWork) -> KernelWork {
    KernelWork(bytes: a.bytes.addingSaturated(b.bytes), flops: a.flops.addingSaturated(b.flops))
  }

  public static func - (a: KernelWork, b: KernelWork) -> KernelWork { KernelWork(bytes: a.bytes - b.bytes, flops: a.flops - b.flops) }
}

extension Function {
  /// The names of the ops that were fused into a kernel.
  public func opNames(of kernel: OpID) -> [String] {
    ops(in: region(0, of: kernel)).map { opcode(of: $0) }.filter { !$0.isTerminator && $0 != .constant }.map(\.name)
  }

  /// The work of a `kernel` op.
  public func work(of kernel: OpID) -> KernelWork {
    var work = KernelWork()
    for value in operands(of: kernel) + results(of: kernel) {
      let (bytes, overflow) = elements(value).multipliedReportingOverflow(by: type(of: value).element.byteCount)
      work.bytes = work.bytes.addingSaturated(overflow ? .max : bytes)
    }
    for op in ops(in: region(0, of: kernel)) { work.flops = work.flops.addingSaturated(flops(of: op)) }
    return work
  }

  private func flops(of op: OpID) -> Int {
    let code = opcode(of: op)
    guard !code.isTerminator, !code.isMovement, code != .constant else { return 0 }
    let made = results(of: op).map(elements).max() ?? 0
    guard code.isContraction else { return operands(of: op).map(elements).reduce(made) { Swift.max($0, $1) } }
    let weights = type(of: operand(1, of: op)).dims
    let isProduct = code == .matmul || code == .matmulInteger
    let depth = isProduct ? type(of: operand(0, of: op)).dims.suffix(1) : weights.dropFirst()
    return made.multipliedSaturated(by: 2).multipliedSaturated(by: count(Array(depth)))
  }

  private func elements(_ value: ValueID) -> Int { count(type(of: value).dims) }

  private func count(_ dims: [Dim]) -> Int {
    dims.reduce(1) { $0.multipliedSaturated(by: Swift.max(0, (try? $1.evaluate(symbols.usualSize)) ?? 1)) }
  }
}

extension Int {
  fileprivate func addingSaturated(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }

  fileprivate func multipliedSaturated(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
