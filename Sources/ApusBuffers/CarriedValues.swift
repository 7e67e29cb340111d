import ApusIR
import ApusSupport

/// Where the buffer of a carried value can be had without a copy.
extension Bufferization {
  /// The values that are made in a region to be yielded, and the buffer that each is yielded to.
  func madeToBeYielded(in body: BlockID, _ closed: [Int], _ targets: [ValueID]) -> [(value: ValueID, target: ValueID)] {
    guard let end = host.terminator(of: body) else { return [] }
    let yielded = host.operands(of: end)
    return zip(closed, targets).filter { index, target in
      let value = yielded[index]
      guard let op = host.definingOp(of: value), [.kernel, .if, .while].contains(host.opcode(of: op)),
        host.block(of: op) == body
      else { return false }
      return yielded.firstIndex(of: value) == index && bufferType(of: value) == result.type(of: target)
    }.map { (yielded[$0], $1) }
  }

  /// The buffer of a carried value's next state, if the op that makes it may write over the one before: nothing needs that from
  /// here to the end of the round, and the op does not read it, or is a kernel that does so only at the index that it writes.
  func successor(_ value: ValueID, by maker: OpID) -> ValueID? {
    guard let target = carried[value] else { return nil }
    let (block, origin) = (host.block(of: maker), root(of: target))
    for inhabitant in inhabitants[origin] ?? [] {
      for (user, _) in host.uses(of: inhabitant) {
        // What reads it outside of the round does so before the loop or finds the next state.
        guard let op = host.ancestor(of: user, in: block) else { continue }
        if user != maker, !isBefore(op, maker) { return nil }
      }
    }
    let operands = host.operands(of: maker)
    let slots = operands.indices.filter { root(of: buffer(operands[$0])) == origin }
    guard let slot = slots.first else { return target }
    return slots.count == 1 && host.mayOverwrite(slot, by: maker) ? target : nil
  }

  /// The buffer of what a loop begins with, if only the loop reads it, and nobody behind.
  func handedOver(_ source: ValueID, to loop: OpID, as value: ValueID) -> ValueID? {
    let origin = root(of: source)
    guard let maker = result.definingOp(of: origin), result.opcode(of: maker) == .alloc, result.block(of: maker) == block,
      !ownMemory.contains(origin), origin == source, result.type(of: source) == bufferType(of: value)
    else { return nil }
    var reads = 0
    for inhabitant in inhabitants[origin] ?? [] {
      for (user, _) in host.uses(of: inhabitant) {
        if user == loop {
          reads += 1
        } else if let op = host.ancestor(of: user, in: host.block(of: loop)), op != loop, isBefore(op, loop) {
          continue
        } else {
          return nil
        }
      }
    }
    return reads == 1 ? source : nil
  }
}
