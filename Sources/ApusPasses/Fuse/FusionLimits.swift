/// How far kernels grow. Each is a rule of thumb that a learned cost model may replace.
enum FusionLimits {
  /// Ops of a kernel's body. A chain this long no longer waits for memory, and longer bodies only slow down the code
  /// generator and spill registers.
  static let bodyOps = 64
  /// Operands of a kernel: each takes an address register or a stack slot in the innermost loop.
  static let operands = 24
  /// Results of a kernel.
  static let results = 4
  /// Pieces that the concats and pads of a kernel cut its loops into; each piece is code of its own.
  static let pieces = 8
  /// Cost of what may be computed again for each reader: about that of loading it from the second-level cache.
  static let recomputedCost = 4
  /// Cost of all that one kernel may compute again.
  static let recomputedTotal = 16
  /// Cost that may run in scalars beside a gather, whose lanes do not lie in a row.
  static let besideGather = 4
  /// Elements of a reduced row up to which a kernel that writes whole rows takes in their reduction. A row that
  /// does not stay in the second-level cache is read twice either way, and its elements are better shared among
  /// threads.
  static let rowElements = 65_536
  /// Readers of a value that is kept as a result: asking them all where they stand has to stay cheap.
  static let readersAsked = 8
  /// Elements of a constant that is written out; larger ones of equal elements are filled in when they are needed.
  static let constantElements = 65_536
}
