/// Every choice that turns a kernel into loops, as data. A kernel without one gets it from
/// ApusSchedule's rules; lowering does what it says and decides nothing itself.
///
/// Axes are those of the kernel's iteration space: the axes of its result, then the reduced ones;
/// for a contraction, batch axes, then m, n, k.
public struct Schedule: Hashable, Sendable {
  /// Which operands of a contraction are copied into panels first.
  public struct Packing: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let lhs = Packing(rawValue: 1)
    public static let rhs = Packing(rawValue: 2)
  }

  /// Tile size of each axis, in elements; 0 leaves the axis whole. Of a contraction m, n and k of what one task computes at once,
  /// then the rows of the left side that are worked on before the next ones.
  public var tiles: [Int]
  /// Axes from the outermost loop to the innermost.
  public var order: [Int]
  /// Rows and vectors a contraction keeps in registers.
  public var registerBlock: [Int]
  /// Copies of the innermost body.
  public var unroll: Int
  /// Lanes of a vector; 1 is scalar code.
  public var vectorLanes: Int
  public var packing: Packing
  /// The axis whose iterations are shared among threads.
  public var parallelAxis: Int?
  /// The least number of iterations of the parallel axis that is worth a thread.
  public var grain: Int

  public init(
    tiles: [Int] = [], order: [Int] = [], registerBlock: [Int] = [], unroll: Int = 1,
    vectorLanes: Int = 1, packing: Packing = [], parallelAxis: Int? = nil, grain: Int = 1
  ) {
    self.tiles = tiles
    self.order = order
    self.registerBlock = registerBlock
    self.unroll = unroll
    self.vectorLanes = vectorLanes
    self.packing = packing
    self.parallelAxis = parallelAxis
    self.grain = grain
  }
}
