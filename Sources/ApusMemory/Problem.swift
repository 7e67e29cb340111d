import ApusSupport

/// Dynamic storage allocation: buffers with fixed lifetimes share one block of memory.
///
/// Time is counted in steps; sizes and offsets in bytes. The problem knows nothing of tensors.
public struct Problem: Sendable, Hashable {
  /// A stretch of memory that is needed from step `lower` to before step `upper`.
  public struct Buffer: Sendable, Hashable {
    public var lower: Int
    public var upper: Int
    public var size: Int

    public init(lower: Int, upper: Int, size: Int) {
      self.lower = lower
      self.upper = upper
      self.size = size
    }

    public func overlapsInTime(_ other: Buffer) -> Bool { lower < other.upper && other.lower < upper }
  }

  public var buffers: [Buffer]
  /// Every offset is a multiple of it.
  public var alignment: Int

  /// Throws `memory.problem` when a size or a lifetime is negative, and `memory.overflow` when the sizes add up to
  /// more than an address can hold.
  public init(buffers: [Buffer], alignment: Int = 64) throws(DiagnosticError) {
    precondition(alignment > 0, "alignment is positive")
    var total = 0
    for (index, buffer) in buffers.enumerated() {
      guard buffer.size >= 0, buffer.lower <= buffer.upper else {
        throw DiagnosticError(id: "memory.problem", "buffer \(index) has a negative size or lifetime")
      }
      let (rounded, overflow) = buffer.size.addingReportingOverflow(alignment - 1)
      let (sum, more) = total.addingReportingOverflow(rounded)
      guard !overflow, !more else {
        throw DiagnosticError(id: "memory.overflow", "the buffers' sizes add up to more than 2^63 bytes")
      }
      total = sum
    }
    self.buffers = buffers
    self.alignment = alignment
  }

  /// The size of a buffer rounded up to the alignment.
  func room(_ index: Int) -> Int { (buffers[index].size + alignment - 1) / alignment * alignment }

  /// The most memory that is alive at one step: no plan needs less.
  public func maximumLive() -> Int {
    var events: [(step: Int, change: Int)] = []
    for index in buffers.indices where buffers[index].lower < buffers[index].upper {
      events.append((buffers[index].lower, room(index)))
      events.append((buffers[index].upper, -room(index)))
    }
    // At the same step what ends makes room for what begins.
    events.sort { ($0.step, $0.change) < ($1.step, $1.change) }
    var live = 0
    var most = 0
    for event in events {
      live += event.change
      most = max(most, live)
    }
    return most
  }
}

/// Where each buffer of a problem lies.
public struct Plan: Sendable, Hashable {
  /// One offset in bytes for each buffer.
  public var offsets: [Int]
  /// The bytes that hold all of them.
  public var peak: Int
  /// A proven lower bound of the peak.
  public var bound: Int
  /// How it was found, for reports.
  public var method: String

  public init(offsets: [Int], peak: Int, bound: Int, method: String) {
    self.offsets = offsets
    self.peak = peak
    self.bound = bound
    self.method = method
  }

  /// 0 when the plan is proven optimal, else the share by which it may be above the optimum.
  public var gap: Double { peak <= bound ? 0 : Double(peak - bound) / Double(max(bound, 1)) }
}
