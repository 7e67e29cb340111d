/// An order of the ops of a `Dataflow`, the memory that it needs, and what is proven of it.
public struct OrderPlan: Sendable, Hashable {
  /// Positions of ops.
  public var order: [Int]
  /// The most bytes that are alive at once, if no byte is lost between buffers.
  public var peak: Int
  /// A proven lower bound of the peak of every order.
  public var bound: Int
  /// How it was found, for reports.
  public var method: String
  /// How many sets of executed ops were looked at.
  public var states: Int

  public init(order: [Int], peak: Int, bound: Int, method: String, states: Int) {
    self.order = order
    self.peak = peak
    self.bound = bound
    self.method = method
    self.states = states
  }

  public var isProven: Bool { peak <= bound }

  /// 0 when the order is proven optimal, else the share by which its peak may be above the optimum.
  public var gap: Double { ApusMemory.gap(of: peak, above: bound) }
}

/// How far the search for an order goes. All limits are counts, so that equal graphs get equal orders on any machine.
public struct OrderEffort: Sendable, Hashable {
  /// How many sets of executed ops the exact search may look at in all.
  public var states: Int
  /// How many sets the beam keeps for each number of executed ops.
  public var beam: Int
  /// How often windows around the peak are searched anew where the exact search has given up.
  public var repairs: Int
  /// For how many ops the least memory that is alive while they run is computed, by a minimum cut each.
  public var cuts: Int

  public init(states: Int, beam: Int, repairs: Int, cuts: Int) {
    self.states = states
    self.beam = beam
    self.repairs = repairs
    self.cuts = cuts
  }

  /// A few milliseconds for 500 ops.
  public static let quick = OrderEffort(states: 2_000, beam: 4, repairs: 8, cuts: 0)
  /// Seconds.
  public static let exact = OrderEffort(states: 400_000, beam: 64, repairs: 100, cuts: 1_000)
}
