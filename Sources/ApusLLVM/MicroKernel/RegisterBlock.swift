import ApusTarget

/// The block of the result that a contraction's inner loop keeps in registers.
public struct RegisterBlock: Sendable, Hashable {
  /// Rows of the block; each broadcasts one element of the left operand a step.
  public var rows: Int
  /// Vectors a row.
  public var vectors: Int
  /// Elements a vector.
  public var lanes: Int
  /// Steps of the contracted dimension a round of the inner loop.
  public var unroll: Int

  public var columns: Int { vectors * lanes }

  /// Registers that must not be spilled: the block itself, one row of the right operand, one broadcast.
  public var registers: Int { rows * vectors + vectors + 1 }

  public init(rows: Int, vectors: Int, lanes: Int, unroll: Int) {
    precondition(rows >= 1 && vectors >= 1 && lanes >= 1 && unroll >= 1, "a register block is not empty")
    self.rows = rows
    self.vectors = vectors
    self.lanes = lanes
    self.unroll = unroll
  }

  /// The block that keeps both FMA units busy on `machine` for elements of `bytes` bytes.
  ///
  /// Two FMA units with a latency of four or five cycles want at least ten independent sums. With 16 registers 6 × 2
  /// leaves two for the right operand and one for the broadcast; with 32, 8 × 2 stays below the 30 beyond which
  /// LLVM spills, and few rows keep an unpacked left operand within one L1 set per row.
  public static func preferred(for machine: Machine, elementBytes bytes: Int) -> RegisterBlock {
    let lanes = machine.lanes(bytes: bytes)
    return machine.vectorRegisters >= 32
      ? RegisterBlock(rows: 8, vectors: 2, lanes: lanes, unroll: 4)
      : RegisterBlock(rows: 6, vectors: 2, lanes: lanes, unroll: 4)
  }
}
