import ApusIR
import ApusSupport
import ApusTensor

/// Repeated runs of a model, each timed.
public struct Benchmark: Sendable {
  /// How often to run.
  public struct Plan: Sendable {
    /// Runs that are not counted.
    public var warmup: Int
    /// Counted runs; `nil` is as many as fit in `duration`, at least three.
    public var iterations: Int?
    public var duration: Duration

    public init(warmup: Int = 3, iterations: Int? = nil, duration: Duration = .seconds(1)) {
      self.warmup = warmup
      self.iterations = iterations
      self.duration = duration
    }
  }

  /// The counted runs, shortest first.
  public let durations: [Duration]
  /// What the last run gave.
  public let outputs: [Tensor]

  /// Throws as `Model.run` does.
  public init(_ model: Model, _ inputs: [Tensor], _ plan: Plan) throws {
    var outputs = try model.run(inputs)
    for _ in 0..<plan.warmup { outputs = try model.run(inputs) }
    var durations: [Duration] = []
    let start = ContinuousClock.now
    while true {
      if let iterations = plan.iterations {
        if durations.count >= iterations { break }
      } else if durations.count >= 3, ContinuousClock.now - start >= plan.duration {
        break
      }
      let before = ContinuousClock.now
      outputs = try model.run(inputs)
      durations.append(ContinuousClock.now - before)
    }
    self.durations = durations.sorted()
    self.outputs = outputs
  }

  public var count: Int { durations.count }

  /// The time that this share of the runs stays within; 0.5 is the median.
  public func quantile(_ share: Double) -> Duration {
    guard !durations.isEmpty else { return .zero }
    let position = Int((Double(durations.count) * share).rounded(.up)) - 1
    return durations[min(max(position, 0), durations.count - 1)]
  }

  public var minimum: Duration { durations.first ?? .zero }
}

/// The arithmetic and the traffic that a run of a function cannot do without.
public struct WorkEstimate: Sendable, Hashable {
  /// Multiplications and additions of matrix products and convolutions.
  public var operations = 0.0
  /// Bytes of inputs, outputs and constants.
  public var bytes = 0.0

  /// For a function of phase `graph` or `fused` on inputs of these shapes. Products inside of loops count once.
  ///
  /// Throws `input.shape`.
  public init(_ function: Function, inputs: [Tensor]) throws(DiagnosticError) {
    let binding = try SizeBinding(function, shapes: inputs.map(\.shape))
    func count(_ type: TensorType) throws(DiagnosticError) -> Double {
      var product = 1.0
      for dim in type.dims { product *= binding.isBound(dim) ? Double(try binding.value(of: dim)) : 1 }
      return product
    }
    for type in function.parameters.map({ function.type(of: $0) }) + function.resultTypes {
      bytes += try count(type) * Double(type.element.byteCount)
    }
    for op in function.allOps() {
      let code = function.opcode(of: op)
      if code == .constant {
        let type = function.type(of: function.result(of: op))
        bytes += try count(type) * Double(type.element.byteCount)
      }
      guard code.isContraction else { continue }
      let rhs = function.type(of: function.operand(1, of: op))
      let result = try count(function.type(of: function.result(of: op)))
      let inner: Double
      if code == .conv {
        inner = try count(rhs) / max(Double(rhs.dims.first.flatMap(\.constantValue) ?? 1), 1)
      } else {
        inner = rhs.rank >= 2 ? try count(rhs.with(dims: [rhs.dims[rhs.rank - 2]])) : 1
      }
      operations += 2 * result * inner
    }
  }
}
