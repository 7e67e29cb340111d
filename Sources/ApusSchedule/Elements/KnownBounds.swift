import ApusIR
import ApusSupport
import ApusTensor

extension ElementEmitter {
  /// States that an exponent of softmax's kind, x − max x, does not exceed 0: the value is the same, and the code for
  /// e^min(x, 0) is shorter than that for any e^x. In f64 it is not.
  mutating func bounded(_ register: ValueID, exponent value: ValueID) -> ValueID {
    guard element(of: value) != .f64, isDifferenceFromMaximum(value) else { return register }
    let element = element(of: value)
    let type = builder.type(of: register)
    let zero = builder.literal(.float(0), element, lanes: type.rank == 1 ? type.lanes : nil)
    return elementwise(.min, [register, zero], element)
  }

  /// Whether the value is x − m, m being the maximum over the axes along which the kernel broadcasts it back.
  private func isDifferenceFromMaximum(_ value: ValueID) -> Bool {
    guard let difference = host.definingOp(of: value), host.opcode(of: difference) == .sub else { return false }
    var maximum = host.operand(1, of: difference)
    // Dependent values go back along exactly the reduced axes, so these ops only spread the maximum.
    while let op = host.definingOp(of: maximum), [.broadcast, .reshape].contains(host.opcode(of: op)) {
      maximum = host.operand(0, of: op)
    }
    guard let fold = host.definingOp(of: maximum), host.opcode(of: fold).isReduction else { return false }
    guard host.opcode(of: fold) == .reduceMax || isPlanted(.exponentIsBoundedByAnyFold) else { return false }
    return host.operand(0, of: fold) == host.operand(0, of: difference)
  }
}
