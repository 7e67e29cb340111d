import ApusSupport
import ApusTensor

/// What a run may use, and what it has used.
public struct Limits: Sendable, Hashable {
  /// Bytes of tensors and buffers that may be alive at once, inputs not counted; `nil` is no limit.
  public var memory: Int?
  /// Turns of loops in one run; `nil` is no limit.
  public var steps: Int?

  public init(memory: Int? = nil, steps: Int? = nil) {
    self.memory = memory
    self.steps = steps
  }
}

/// Counts a run's memory and steps against its limits.
final class Budget {
  private let limits: Limits
  private var live = 0
  private var steps = 0

  init(_ limits: Limits) { self.limits = limits }

  /// Throws `limit.memory` when a tensor of this type does not fit beside what is alive, and `tensor.too-large` when
  /// its bytes cannot be counted.
  func admit(_ type: ElementType, shape: [Int]) throws {
    try admit(byteCount: Tensor.byteCount(of: type, shape: shape)) { "\(type)\(shape)" }
  }

  func admit(byteCount: Int, _ what: () -> String) throws {
    guard let limit = limits.memory else { return }
    let (total, overflow) = live.addingReportingOverflow(byteCount)
    if overflow || total > limit {
      throw DiagnosticError(
        id: "limit.memory",
        "\(what()) takes \(byteCount) bytes, and with \(live) in use that is more than the limit of \(limit)")
    }
  }

  func retain(byteCount: Int) { live += byteCount }
  func release(byteCount: Int) { live -= byteCount }

  /// Throws `limit.steps` when one more turn of a loop is too many.
  func step() throws {
    steps += 1
    if let limit = limits.steps, steps > limit {
      throw DiagnosticError(id: "limit.steps", "loops took more than the limit of \(limit) steps")
    }
  }
}
