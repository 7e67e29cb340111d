public import ApusTensor

/// The memory of one call, for callers that have their own or look at what becomes of it.
public struct CallMemory {
  /// Makes that many bytes for intermediate values, at a multiple of ``Arena/alignment``. They stay valid while the call lasts.
  public var arena: (_ bytes: Int) throws -> UnsafeMutableRawPointer
  /// Makes the room for an output whose shape the inputs decide. It is written in place where nobody else refers to it.
  public var output: (_ elementType: ElementType, _ shape: [Int]) throws -> Tensor

  public init(
    arena: @escaping (_ bytes: Int) throws -> UnsafeMutableRawPointer,
    output: @escaping (_ elementType: ElementType, _ shape: [Int]) throws -> Tensor
  ) {
    self.arena = arena
    self.output = output
  }
}
