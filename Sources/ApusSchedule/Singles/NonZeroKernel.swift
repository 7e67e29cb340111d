import ApusIR
import ApusSupport
import ApusTensor

/// `non_zero` runs twice over its operand: once to count, so that the host can make room, once to write.
extension KernelLowering {
  /// Leaves in the only output how many elements are not zero.
  mutating func lowerNonZeroCount(_ op: OpID) throws {
    let counter = outputs[0]
    try sweep(op, counter) { _, _, _ in }
  }

  /// Writes the indices of elements that are not zero, a column for each.
  mutating func lowerNonZero(_ op: OpID) throws {
    let counter = emitter.builder.scratch(.s64, [1])
    let room = outputs[0]
    try sweep(op, counter) { lowering, at, count in
      for axis in at.indices {
        lowering.emitter.builder.store(at[axis].value, room, [lowering.emitter.builder.index(axis), count])
      }
    }
  }

  /// Walks the operand in order; `body` gets each element that is not zero, and how many came before it.
  private mutating func sweep(
    _ op: OpID, _ counter: ValueID, _ body: (inout KernelLowering, [Position], ValueID) throws -> Void
  ) throws {
    let x = host.operand(0, of: op)
    let element = emitter.element(of: x)
    let (first, one) = (emitter.builder.index(0), emitter.builder.index(1))
    emitter.builder.store(first, counter, [first])
    try scalarNest(emitter.dims(of: x), isParallel: isPlanted(.nonZerosAreCountedInParallel)) { lowering, at, _ in
      let value = try lowering.emitter.emit(x, at: at)
      let zero = lowering.emitter.builder.literal(element.zero, element, lanes: nil)
      let isFound = lowering.emitter.elementwise(.notEqual, [value, zero], .bool)
      // A loop of one turn or none.
      try lowering.loop(first, lowering.emitter.builder.convert(isFound, to: .s64)) { lowering, _, _ in
        let count = lowering.emitter.builder.load(counter, [first])
        try body(&lowering, at, count)
        lowering.emitter.builder.store(lowering.emitter.builder.add(count, one), counter, [first])
        return []
      }
    }
  }
}

extension ElementType {
  fileprivate var zero: Scalar {
    if isFloat { return .float(0) }
    if self == .bool { return .bool(false) }
    return isSignedInteger ? .signed(0) : .unsigned(0)
  }
}
