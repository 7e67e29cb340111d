public import ApusTensor

/// The memory of one call, for callers that have their own or look at what becomes of it.
public struct CallMemory {
  /// Makes that many bytes for intermediate values, at a multiple of ``Arena/alignment``. They stay valid while the call lasts.
  public var arena: (_ bytes: Int) throws -> UnsafeMutableRawPointer
  /// Makes the room for an output whose shape the inputs decide. It is written in place where nobody else refers to it.
  public var output: (_ elementType: ElementType, _ shape: [Int]) throws -> Tensor
  /// Bytes behind each further block that the code asks for while it runs.
  public var space = 0
  /// Sees each of these blocks, with its space, before the code has it, on any of its threads.
  public var allocated: @Sendable (UnsafeMutableRawBufferPointer) -> Void = { _ in }
  /// Called when the code has come to its end and these blocks are still there.
  public var finished: () -> Void = {}

  public init(
    arena: @escaping (_ bytes: Int) throws -> UnsafeMutableRawPointer,
    output: @escaping (_ elementType: ElementType, _ shape: [Int]) throws -> Tensor
  ) {
    self.arena = arena
    self.output = output
  }
}
