/// How a campaign goes.
public struct CampaignSettings: Sendable {
  public var cases: CaseSettings
  /// Processes that judge.
  public var workers: Int
  /// After so many cases it ends, or after that time, or when it is cancelled.
  public var count: Int?
  public var time: Duration?
  /// What a case may take; then its worker is ended.
  public var caseTimeout = Duration.seconds(20)
  /// What making a failing case smaller may take.
  public var reductionTimeout = Duration.seconds(60)
  /// What the reductions that are left when the time is over may take together.
  public var finalReductions = Duration.seconds(60)
  /// Where it lasts.
  public var corpus: CorpusFolder?
  /// Where failures are written.
  public var failures: FailureFolder
  /// What the log says of versions, by name.
  public var versions: [String: String] = [:]

  public init(_ cases: CaseSettings, workers: Int, failures: FailureFolder) {
    self.cases = cases
    self.workers = workers
    self.failures = failures
  }
}

/// What a campaign sees of the world.
public struct CampaignSurroundings {
  /// The time since some fixed moment.
  public var now: () -> Duration
  /// The time of day for the log, in ISO 8601.
  public var timeOfDay: () -> String
  /// Whether somebody wants it to end.
  public var isCancelled: () -> Bool
  /// Called a few times a second.
  public var progress: (CampaignReport) -> Void

  public init(
    now: @escaping () -> Duration, timeOfDay: @escaping () -> String, isCancelled: @escaping () -> Bool = { false },
    progress: @escaping (CampaignReport) -> Void = { _ in }
  ) {
    self.now = now
    self.timeOfDay = timeOfDay
    self.isCancelled = isCancelled
    self.progress = progress
  }
}
