/// Where each buffer of a problem lies.
public struct Plan: Sendable, Hashable {
  /// One offset in bytes for each buffer.
  public var offsets: [Int]
  /// The bytes that hold all of them.
  public var peak: Int
  /// A proven lower bound of the peak.
  public var bound: Int
  /// Why no plan needs less than `bound` bytes.
  public var proof: Proof
  /// How it was found, for reports.
  public var method: String
  /// Placements that the search has tried.
  public var nodes: Int

  /// Why no plan needs less than a bound.
  public enum Proof: Sendable, Hashable {
    /// So many bytes are alive at one step. The validator adds them up itself.
    case live
    /// A search that tried all plans of less found none.
    case exhausted
  }

  public init(
    offsets: [Int], peak: Int, bound: Int, method: String, proof: Proof = .live, nodes: Int = 0
  ) {
    self.offsets = offsets
    self.peak = peak
    self.bound = bound
    self.method = method
    self.proof = proof
    self.nodes = nodes
  }

  /// Whether no plan needs less.
  public var isOptimal: Bool { peak <= bound }

  /// 0 when the plan is proven optimal, else the share by which it may be above the optimum.
  public var gap: Double { ApusMemory.gap(of: peak, above: bound) }
}
