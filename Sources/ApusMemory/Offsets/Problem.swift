import ApusSupport

/// Dynamic storage allocation: buffers with fixed lifetimes share one block of memory.
///
/// Time is counted in steps; sizes and offsets in bytes. The problem knows nothing of tensors. Memory is handed out in whole
/// units of the alignment: a buffer takes its size rounded up to one, and so does the block.
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
  func room(_ index: Int) -> Int { (buffers[index].size + (alignment - 1)) / alignment * alignment }

  /// Whether a buffer is ever alive and not empty.
  func needsMemory(_ index: Int) -> Bool {
    buffers[index].size > 0 && buffers[index].lower < buffers[index].upper
  }

  /// A buffer's first step, or the step before which it has died.
  struct Event {
    var step: Int
    var isStart: Bool
    /// The position in what the events were asked for.
    var buffer: Int
  }

  /// What begins and ends in the order of time; at the same step what ends makes room for what begins.
  func events(of chosen: [Int]) -> [Event] {
    let starts = chosen.indices.sorted { buffers[chosen[$0]].lower < buffers[chosen[$1]].lower }
    let ends = chosen.indices.sorted { buffers[chosen[$0]].upper < buffers[chosen[$1]].upper }
    var events: [Event] = []
    events.reserveCapacity(2 * chosen.count)
    var next = 0
    for start in starts {
      let step = buffers[chosen[start]].lower
      while next < ends.count, buffers[chosen[ends[next]]].upper <= step {
        events.append(Event(step: buffers[chosen[ends[next]]].upper, isStart: false, buffer: ends[next]))
        next += 1
      }
      events.append(Event(step: step, isStart: true, buffer: start))
    }
    events += ends[next...].map { Event(step: buffers[chosen[$0]].upper, isStart: false, buffer: $0) }
    return events
  }

  /// The most memory that is alive at one step: no plan needs less.
  public func maximumLive() -> Int {
    let chosen = buffers.indices.filter(needsMemory)
    var live = 0
    var most = 0
    for event in events(of: chosen) {
      live += event.isStart ? room(chosen[event.buffer]) : -room(chosen[event.buffer])
      most = max(most, live)
    }
    return most
  }
}
