import ApusIR
import ApusTensor

/// Writing at indices. ONNX leaves the order open in which duplicates apply: where it matters, all of them write what the last
/// one does.
extension GraphExport {
  func scatterElements(_ x: [Exported], _ op: OpID) throws -> Exported {
    let axis = int("axis", op)
    let own = operandType(0, op).dims
    let indices = try checked(x[1], frame.function.operand(1, of: op), own[axis])
    var updates = x[2]
    let reduction = try orderFree(op)
    let length = operandType(1, op).dims[axis]
    if reduction == "none", length != 1, length != 0 {
      // [… j, k …]: whether the k-th index is the j-th.
      let isSame = node("Equal", [unsqueeze(indices, [axis + 1]), unsqueeze(indices, [axis])], .bool)
      let rank = own.count
      let places = unsqueeze(try count(length), Array(1..<rank - axis))
      let last = try lastPlaces(isSame, places, axis + 1)
      updates = node("GatherElements", [updates, last], ["axis": .int(axis)], updates.element)
    }
    return node(
      "ScatterElements", [x[0], indices, updates], ["axis": .int(axis), "reduction": .string(reduction)], x[0].element)
  }

  func scatterVectors(_ x: [Exported], _ op: OpID) throws -> Exported {
    let (own, index) = (operandType(0, op).dims, operandType(1, op).dims)
    guard let depth = index.last?.constantValue else { throw Inexpressible("the length of the index vectors is not known") }
    guard depth > 0 else { throw Inexpressible("index vectors of no entries name all of x at once") }
    var indices = try checked(x[1], vectors: frame.function.operand(1, of: op), Array(own[..<depth]))
    var updates = x[2]
    let reduction = try orderFree(op)
    let leading = Array(index.dropLast())
    let count = try Dim.product(leading)
    if reduction == "none", count != 1, count != 0 {
      // In a row, so that a place has one number.
      indices = try reshape(indices, to: [count, .constant(depth)])
      updates = try reshape(updates, to: [count] + own[depth...])
      let isSame = node("Equal", [unsqueeze(indices, [1]), unsqueeze(indices, [0])], .bool)
      let isAll = cast(
        node("ReduceMin", [cast(isSame, to: .s32), integers([2])], ["keepdims": 0], .s32), to: .bool)
      let last = try lastPlaces(isAll, try self.count(count), 1)
      updates = node("Gather", [updates, last], ["axis": 0], updates.element)
    }
    return node("ScatterND", [x[0], indices, updates], ["reduction": .string(reduction)], x[0].element)
  }

  /// For each place the last one that is the same, along `axis`.
  private func lastPlaces(_ isSame: Exported, _ places: Exported, _ axis: Int) throws -> Exported {
    let candidates = choose(isSame, places, integer(0))
    return node("ReduceMax", [candidates, integers([axis])], ["keepdims": 0], .s64)
  }

  /// The reduction in ONNX's words. Those of floats round differently in another order.
  private func orderFree(_ op: OpID) throws -> String {
    let reduction = text("reduction", op)
    if type(of: op).element.isFloat, reduction == "add" || reduction == "mul" {
      throw Inexpressible("ONNX leaves the order open in which floats are combined, and here it is that of the updates")
    }
    return reduction.isEmpty ? "none" : reduction
  }
}
