import ApusIR

/// Lays constant right sides of matrix products out in panels as wide as the kernel's register block, so that no run has to.
///
///     %w: f32[k, n] = constant @w                     %w: f32[k, n]{1/16, 0, 1%16} = constant @w
///     %y: f32[m, n] = kernel %x, %w {…}       →       %y: f32[m, n] = kernel %x, %w {…}
///
/// Runs after `chooseSchedules`, which decides the width. A constant that is read in other ways as well stays as it is beside
/// its packed form; the bytes are put in order when code is made from the constant, columns that do not exist being zero.
public func packConstants(in host: inout Function) {
  var packed: [Packed: ValueID] = [:]
  for kernel in host.allOps() where host.opcode(of: kernel) == .kernel {
    guard host.kernelKind(of: kernel) == .contraction, let op = host.principalOp(of: kernel),
      case .schedule(let schedule)? = host.attribute("schedule", of: kernel), schedule.registerBlock.count == 2,
      let index = host.packableConstant(host.operand(1, of: op), of: kernel)
    else { continue }
    let constant = host.operand(index, of: kernel)
    guard let source = host.definingOp(of: constant) else { continue }
    let type = host.type(of: constant)
    let layout = Layout.panels(rank: type.rank, axis: type.rank - 1, width: schedule.registerBlock[1])
    var laidOut = type
    laidOut.layout = layout
    let key = Packed(source: source, layout: layout)
    let value = packed[key] ?? {
      let copy = host.insert(
        .constant, [], attributes: host.attributes(of: source), results: [laidOut], at: .before(source),
        location: host.locationID(of: source))
      return host.result(of: copy)
    }()
    packed[key] = value
    host.setOperand(index, of: kernel, to: value)
    host.setType(laidOut, of: host.parameters(of: host.region(0, of: kernel))[index])
  }
  for source in Set(packed.keys.map(\.source)) where host.isUnused(host.result(of: source)) { host.erase(source) }
}

private struct Packed: Hashable {
  var source: OpID
  var layout: Layout
}

extension Function {
  /// The operand of a kernel that is a constant and is read inside as the right side of its matrix product alone.
  func packableConstant(_ right: ValueID, of kernel: OpID) -> Int? {
    guard let op = principalOp(of: kernel), [.matmul, .matmulInteger].contains(opcode(of: op)),
      let index = parameters(of: region(0, of: kernel)).firstIndex(of: right), useCount(of: right) == 1,
      type(of: right).layout == nil, type(of: right).rank >= 2, type(of: right).constantShape != nil,
      let source = definingOp(of: operand(index, of: kernel)), opcode(of: source) == .constant,
      case .tensor? = attribute("value", of: source)
    else { return nil }
    return index
  }
}
