/// What differs between the regions of control-flow ops. Text and verifier know single ops here and
/// nowhere else.
extension OpCode {
  /// The op that ends the region.
  func terminator(ofRegion region: Int) -> OpCode { self == .while && region == 0 ? .continue : .yield }

  /// All regions take the same parameters, written once beside the operands: `while %i = %zero`.
  var bindsParametersInHeader: Bool { self == .while }

  /// The region may be left empty, without a terminator.
  var mayHaveEmptyRegion: Bool { self == .contract }

  /// The types of a region's parameters where the op determines them; `nil` where the text states them.
  func regionParameters(operands: [TensorType]) -> [TensorType]? {
    if self == .if { return [] }
    if self == .while || self == .kernel { return operands }
    if self == .for { return [.index] + operands.dropFirst(2) }
    return nil
  }
}
