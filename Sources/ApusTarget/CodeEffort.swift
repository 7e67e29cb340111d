/// How much time goes into making code fast. What the code computes is the same, NaNs' bits aside.
public enum CodeEffort: Sendable, Hashable, CaseIterable {
  /// Code in about a third of the time, several times slower to run: for what runs once.
  case quick
  /// Code as fast as this compiler makes it.
  case full
}
