import ApusSupport

/// What runs and what it reads and writes, without saying what that means: ops and buffers, each named by its position.
///
/// A buffer that no op writes is there from the start; a result stays until the end; any other is alive from the op
/// that writes it to the last that reads it. Sizes are in bytes.
public struct Dataflow: Sendable, Hashable {
  public struct Buffer: Sendable, Hashable {
    public var size: Int
    /// Whether it is needed after the last op.
    public var isResult: Bool

    public init(size: Int, isResult: Bool = false) {
      self.size = size
      self.isResult = isResult
    }
  }

  /// An output that may take the memory of an input which no later op reads. It does so where it is not the larger one
  /// and no earlier pair of the op has taken either.
  public struct InPlace: Sendable, Hashable {
    public var output: Int
    public var input: Int

    public init(output: Int, input: Int) {
      self.output = output
      self.input = input
    }
  }

  public struct Op: Sendable, Hashable {
    public var inputs: [Int]
    public var outputs: [Int]
    public var inPlace: [InPlace]
    /// Ops that have to run before it though it reads nothing of theirs: the order of effects.
    public var after: [Int]
    /// Bytes that it needs while it runs.
    public var scratch: Int
    /// What running it once more would cost, counted in bytes moved; nil where it must run only once.
    public var cost: Int?

    public init(
      inputs: [Int], outputs: [Int], inPlace: [InPlace] = [], after: [Int] = [], scratch: Int = 0, cost: Int? = nil
    ) {
      self.inputs = inputs
      self.outputs = outputs
      self.inPlace = inPlace
      self.after = after
      self.scratch = scratch
      self.cost = cost
    }
  }

  public let buffers: [Buffer]
  /// Listed in an order in which they can run.
  public let ops: [Op]

  /// The op that writes each buffer; nil for those that are there from the start.
  let producers: [Int?]
  /// The ops that read each buffer, ascending, each once.
  let consumers: [[Int]]
  /// The ops that have to run before each op, ascending, each once.
  let predecessors: [[Int]]

  /// Throws `memory.problem` when a size is negative, a position out of range, a buffer written twice or read before it
  /// is written, when an op has more than 64 pairs in `inPlace`, and `memory.overflow` when the sizes add up to more than 2^63 bytes.
  public init(buffers: [Buffer], ops: [Op]) throws(DiagnosticError) {
    func fault(_ message: String) -> DiagnosticError { DiagnosticError(id: "memory.problem", message) }
    var total = 0
    for size in buffers.map(\.size) + ops.map(\.scratch) + ops.map({ $0.cost ?? 0 }) {
      guard size >= 0 else { throw fault("a size of \(size) bytes") }
      let (sum, overflow) = total.addingReportingOverflow(size)
      guard !overflow else {
        throw DiagnosticError(id: "memory.overflow", "the buffers' sizes add up to more than 2^63 bytes")
      }
      total = sum
    }
    var producers = [Int?](repeating: nil, count: buffers.count)
    for (index, op) in ops.enumerated() {
      for buffer in op.outputs {
        guard buffers.indices.contains(buffer) else { throw fault("op \(index) writes buffer \(buffer), which there is not") }
        guard producers[buffer] == nil else { throw fault("op \(index) writes buffer \(buffer), which is written already") }
        producers[buffer] = index
      }
    }
    var consumers = [[Int]](repeating: [], count: buffers.count)
    var predecessors: [[Int]] = []
    for (index, op) in ops.enumerated() {
      var before: Set<Int> = []
      for buffer in op.inputs {
        guard buffers.indices.contains(buffer) else { throw fault("op \(index) reads buffer \(buffer), which there is not") }
        if let producer = producers[buffer] {
          guard producer < index else { throw fault("op \(index) reads buffer \(buffer) before it is written") }
          before.insert(producer)
        }
        if consumers[buffer].last != index { consumers[buffer].append(index) }
      }
      for other in op.after {
        guard other >= 0, other < index else { throw fault("op \(index) runs after op \(other), which comes later") }
        before.insert(other)
      }
      guard op.inPlace.count <= 64 else { throw fault("op \(index) has more than 64 pairs that may share memory") }
      for pair in op.inPlace where !op.outputs.contains(pair.output) || !op.inputs.contains(pair.input) {
        throw fault("op \(index) has a pair of buffers \(pair.output) and \(pair.input) that it does not write and read")
      }
      predecessors.append(before.sorted())
    }
    self.buffers = buffers
    self.ops = ops
    self.producers = producers
    self.consumers = consumers
    self.predecessors = predecessors
  }
}
