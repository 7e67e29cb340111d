import ApusMemory

/// What the planner of memory works towards.
///
/// Counted are the outputs and the intermediate values of a run, at the sizes that it is compiled for. Where an order of kernels and
/// offsets for their values do not keep them within the goal, kernels are run again so that their results need not be kept, and run
/// in parts.
public struct MemoryGoal: Sendable, Hashable {
  /// Bytes that a run must not exceed: a model that cannot be planned so is refused.
  public var limit: Int?
  /// Bytes that a run should not exceed: where that cannot be, it is planned as near to them as was found.
  public var budget: Int?
  public var effort: Effort

  /// How hard it is looked for an order and for offsets.
  public enum Effort: String, Sendable, Hashable, CaseIterable {
    /// Some milliseconds.
    case fast
    /// Until they are proven best, or for some seconds.
    case exact
    /// As `fast`, in the order that the ops have.
    case listed

    var order: OrderEffort {
      switch self {
      case .fast: .quick
      case .exact: .exact
      case .listed: OrderEffort(states: 0, beam: 0, repairs: 0, cuts: 0)
      }
    }

    var offsets: PlanEffort { self == .exact ? .exact : .standard }
  }

  public init(limit: Int? = nil, budget: Int? = nil, effort: Effort = .fast) {
    self.limit = limit
    self.budget = budget
    self.effort = effort
  }

  /// The lower of both.
  var target: Int? { [limit, budget].compactMap { $0 }.min() }
}
