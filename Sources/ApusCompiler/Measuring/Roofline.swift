import ApusTarget

/// How fast a machine could do some work at best: by its arithmetic, or by its memory, whichever is slower.
public struct Roofline: Sendable, Hashable {
  /// Floating-point operations in f32; a fused multiply-add counts as two.
  public var operationsPerSecond: Double
  /// Bytes of a copy of about as much traffic, as STREAM counts them.
  public var bytesPerSecond: Double

  /// Measures the machine, which must be this one, for some milliseconds.
  ///
  /// Throws `DiagnosticError`.
  public init(for work: WorkEstimate, on machine: Machine, threads: Int) throws {
    operationsPerSecond = try Yardstick.arithmetic(on: machine, threads: threads).bestRate()
    let bytes = min(max(work.bytes, Double(1 << 16)), Double(1 << 27))
    bytesPerSecond = try Yardstick.copy(bytes: bytes, on: machine, threads: threads).bestRate()
  }

  /// The time in seconds that the work cannot be done faster in.
  public func seconds(for work: WorkEstimate) -> Double {
    max(work.operations / operationsPerSecond, work.bytes / bytesPerSecond)
  }
}
