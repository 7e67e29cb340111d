import ApusIR
import ApusSupport

extension Bufferization {
  /// The buffer of an operand that a kernel's only result may be written over, if there is one.
  ///
  /// The kernel computes its result index by index and reads that operand at the same index alone, or changes some elements of it;
  /// both have the same type; and nobody else needs the operand's memory, under whatever name, from here on.
  func reusable(for value: ValueID, by kernel: OpID) -> ValueID? {
    let operands = host.operands(of: kernel)
    for (index, operand) in operands.enumerated() where host.type(of: operand) == host.type(of: value) {
      let candidate = buffer(operand)
      let origin = root(of: candidate)
      guard let maker = result.definingOp(of: origin), result.opcode(of: maker) == .alloc,
        result.block(of: maker) == block, !ownMemory.contains(origin),
        operands.indices.allSatisfy({ $0 == index || root(of: buffer(operands[$0])) != origin })
          || isPlanted(.operandIsReadUnderTwoNames),
        host.mayOverwrite(index, by: kernel), isLastUse(of: origin, by: kernel)
      else { continue }
      return candidate
    }
    return nil
  }

  /// Whether no value in that memory is used after the kernel, nor outside of the kernel's block.
  private func isLastUse(of origin: ValueID, by kernel: OpID) -> Bool {
    let place = host.block(of: kernel)
    for value in (inhabitants[origin] ?? []).prefix(isPlanted(.viewsOfTheOperandAreOverlooked) ? 1 : .max) {
      for (user, _) in host.uses(of: value) {
        if isPlanted(.readersInRegionsAreOverlooked), host.block(of: user) != place { continue }
        guard let op = host.ancestor(of: user, in: place), op == kernel || isBefore(op, kernel) else { return false }
      }
    }
    return true
  }

  func isBefore(_ a: OpID, _ b: OpID) -> Bool { order[a, default: 0] < order[b, default: 0] }
}

extension Function {
  /// Whether a kernel's only result may be computed over an operand of its type, as far as the kernel goes.
  func mayOverwrite(_ index: Int, by kernel: OpID) -> Bool {
    guard opcode(of: kernel) == .kernel, resultCount(of: kernel) == 1,
      type(of: operands(of: kernel)[index]) == type(of: result(of: kernel))
    else { return false }
    return kernelKind(of: kernel) == .map ? isReadInPlace(index, by: kernel) : updatedOperand(of: kernel) == index
  }

  /// The operand of which a kernel's result is a copy with some elements changed, if it does nothing else with it.
  func updatedOperand(of kernel: OpID) -> Int? {
    let body = region(0, of: kernel)
    guard let end = terminator(of: body), operandCount(of: end) == 1, let op = definingOp(of: operand(0, of: end)),
      [.dynamicUpdateSlice, .scatterElements, .scatterNd].contains(opcode(of: op)), useCount(of: operand(0, of: op)) == 1
    else { return nil }
    return parameters(of: body).firstIndex(of: operand(0, of: op))
  }

  /// Whether all that is computed from an operand is computed elementwise.
  func isReadInPlace(_ index: Int, by kernel: OpID) -> Bool {
    let body = region(0, of: kernel)
    var derived: Set<ValueID> = [parameters(of: body)[index]]
    for op in ops(in: body) where operands(of: op).contains(where: derived.contains) {
      let code = opcode(of: op)
      guard code.isElementwise || code.isTerminator || isPlanted(.movedOperandIsOverwritten) else { return false }
      derived.formUnion(results(of: op))
    }
    return true
  }
}
