import ApusIR

/// Which parts of what it reads an op needs for a part of its results.
///
/// A tensor is cut along its first axis of a size other than 1 into equal parts, which are runs of its elements in row-major
/// order: a part of a batch, some rows of a matrix, some heads.
enum SplitRule {
  /// The same part of the operands that are marked, and the others whole.
  case parts([Bool])
  /// Everything; the part is cut from the whole result, of which no more than that is computed.
  case cut
}

extension TensorType {
  /// The axis along which it is cut; nil where sizes are open or all 1, and for layouts.
  var splitAxis: Int? {
    guard layout == nil, let shape = constantShape else { return nil }
    return shape.firstIndex { $0 != 1 }
  }

  /// Whether it can be cut into so many equal parts.
  func isDivisible(by parts: Int) -> Bool {
    guard let axis = splitAxis, let size = dims[axis].constantValue else { return false }
    return size >= parts && size % parts == 0
  }

  /// The type of each of so many parts.
  func part(of parts: Int) -> TensorType {
    guard let axis = splitAxis, let size = dims[axis].constantValue else { return self }
    var dims = dims
    dims[axis] = .constant(size / parts)
    return with(dims: dims)
  }
}

extension Function {
  /// The rule of an op of a kernel's body; nil where a part of its results takes more than that.
  func splitRule(of op: OpID) -> SplitRule? {
    let operands = operands(of: op).map { type(of: $0) }
    let result = type(of: result(of: op))
    guard let axis = result.splitAxis else { return nil }
    let all = SplitRule.parts(operands.map { _ in true })
    /// All operands in parts, if they are cut along the axis that is this one of the result.
    func parts(alongOperandAxis source: Int?) -> SplitRule? {
      operands.allSatisfy { $0.splitAxis == source } && source != nil ? all : nil
    }
    let code = opcode(of: op)
    if code.isElementwise { return all }
    switch code {
    case .constant, .iota:
      return isAlike(op, along: axis) ? .parts([]) : .cut
    case .broadcast:
      guard let axes = ints("axes", of: op) else { return nil }
      guard let source = axes.firstIndex(of: axis), operands[0].dims[source] != 1 else { return .parts([false]) }
      return parts(alongOperandAxis: source)
    case .reshape: return operands[0].splitAxis == nil ? nil : all
    case .transpose:
      guard let source = ints("perm", of: op)?[axis] else { return nil }
      return parts(alongOperandAxis: source) ?? .cut
    case .slice:
      let isWhole = operands[0].dims[axis] == result.dims[axis]
      return isWhole ? parts(alongOperandAxis: axis) ?? .cut : .cut
    case .pad:
      let amounts = ["low", "high"].map { dims($0, of: op)?[axis] }
      let interior = ints("interior", of: op) ?? []
      guard amounts == [0, 0], interior.isEmpty || interior[axis] == 0, operands[0].splitAxis == axis else { return nil }
      return .parts([true, false])
    case .concat: return int("axis", of: op) == axis ? nil : parts(alongOperandAxis: axis)
    case .reverse: return ints("axes", of: op)?.contains(axis) ?? true ? nil : all
    case .scan, .sort, .topK: return int("axis", of: op) == axis ? nil : parts(alongOperandAxis: axis)
    case .reduceWindow: return isWindowed(op, along: axis, rank: result.rank) ? nil : parts(alongOperandAxis: axis)
    case .matmul, .matmulInteger:
      if axis == result.rank - 1 { return nil }
      guard operands[0].splitAxis == axis else { return nil }
      if axis == result.rank - 2 { return .parts([true, false]) }
      return operands[1].splitAxis == axis ? all : nil
    case .conv, .convInteger:
      if axis == 0 { return operands[0].splitAxis == 0 ? .parts([true, false]) : nil }
      // Of one image, some channels: those of a group take that group's, and others all.
      guard axis == 1, operands[1].splitAxis == 0 else { return nil }
      let groups = int("groups", of: op) ?? 1
      if groups == 1 { return .parts([false, true]) }
      return operands[0].splitAxis == 1 ? all : nil
    case .gather:
      guard let source = int("axis", of: op) else { return nil }
      if axis < source { return operands[0].splitAxis == axis ? .parts([true, false]) : nil }
      guard axis < source + operands[1].rank else { return nil }
      return operands[1].splitAxis == axis - source ? .parts([false, true]) : nil
    case .gatherElements:
      guard operands[1].splitAxis == axis else { return nil }
      if int("axis", of: op) == axis { return .parts([false, true]) }
      return operands[0].splitAxis == axis && operands[0].dims[axis] == result.dims[axis] ? all : nil
    case .gatherNd:
      guard (int("batch_axes", of: op) ?? 0) == 0, axis < operands[1].rank - 1, operands[1].splitAxis == axis else { return nil }
      return .parts([false, true])
    case _:
      guard code.isReduction else { return nil }
      return parts(alongOperandAxis: reducedAxis(of: op, axis))
    }
  }

  /// Whether all parts of a source along an axis are the same.
  private func isAlike(_ op: OpID, along axis: Int) -> Bool {
    if opcode(of: op) == .iota { return (int("axis", of: op) ?? 0) != axis }
    if case .tensor? = attribute("value", of: op) { return false }
    return true
  }

  /// The axis of a reduction's operand that is an axis of its result.
  private func reducedAxis(of op: OpID, _ axis: Int) -> Int? {
    let rank = type(of: operand(0, of: op)).rank
    guard let axes = ints("axes", of: op) ?? int("axis", of: op).map({ [$0] }) else { return nil }
    if bool("keep_dims", of: op) ?? false { return axes.contains(axis) ? nil : axis }
    let kept = (0..<rank).filter { !axes.contains($0) }
    return axis < kept.count ? kept[axis] : nil
  }

  private func isWindowed(_ op: OpID, along axis: Int, rank: Int) -> Bool {
    guard let window = ints("window", of: op) else { return true }
    let place = axis - (rank - window.count)
    if place < 0 { return false }
    let strides = ints("strides", of: op) ?? []
    let pads = ints("pads", of: op) ?? []
    return window[place] != 1 || !strides.isEmpty && strides[place] != 1
      || !pads.isEmpty && (pads[place] != 0 || pads[place + window.count] != 0)
  }
}
