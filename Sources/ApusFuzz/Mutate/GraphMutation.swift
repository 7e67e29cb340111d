import ApusIR
import ApusTensor

/// A change of a drawn module. Every change is tried in a copy; what the verifier refuses is no mutant.
struct GraphMutation: Sendable {
  let name: String
  /// How much likelier than others it is.
  let weight: Int
  /// Changes the function that is drawn at; throws or does nothing where the function offers no place for it.
  let apply: @Sendable (inout GraphDrawing) throws -> Void

  /// General changes with weight 3, those that know what compilers do with weight 1 (Liu et al., "Coverage-guided tensor
  /// compiler fuzzing with joint IR-pass mutation", 2022).
  static let all: [GraphMutation] = [
    GraphMutation(name: "insert", weight: 3, apply: insert), GraphMutation(name: "delete", weight: 3, apply: delete),
    GraphMutation(name: "replace", weight: 3, apply: replace), GraphMutation(name: "flip", weight: 3, apply: flip),
    GraphMutation(name: "attribute", weight: 3, apply: attribute),
    GraphMutation(name: "return", weight: 1, apply: addResult), GraphMutation(name: "convert", weight: 1) { try detour(&$0, convert) },
    GraphMutation(name: "reshape", weight: 1) { try detour(&$0, reshape) },
    GraphMutation(name: "transpose", weight: 1) { try detour(&$0, transpose) },
    GraphMutation(name: "reverse", weight: 1) { try detour(&$0, reverse) },
    GraphMutation(name: "split", weight: 1) { try detour(&$0, splitAndConcat) },
    GraphMutation(name: "broadcast", weight: 1) { try detour(&$0, broadcastAndReduce) },
    GraphMutation(name: "pad", weight: 1) { try detour(&$0, padAndSlice) },
    GraphMutation(name: "select", weight: 1) { try detour(&$0, select) },
    GraphMutation(name: "if", weight: 1) { try detour(&$0, branch) },
    GraphMutation(name: "while", weight: 1) { try detour(&$0, loop) },
  ]

  static func draw(_ draw: inout Draw) -> GraphMutation {
    var place = draw.int(0...(all.reduce(0) { $0 + $1.weight } - 1))
    for mutation in all {
      place -= mutation.weight
      if place < 0 { return mutation }
    }
    preconditionFailure("the weights add up")
  }

  // MARK: General

  /// New ops somewhere, one of whose results takes the place of a value that was read behind them.
  private static func insert(_ drawing: inout GraphDrawing) throws {
    try drawing.goToSomeOp()
    let known = drawing.local.count
    drawing.remaining = drawing.draw.int(1...2)
    drawing.drawOps(drawing.remaining)
    let new = drawing.local[known...]
    for value in new.reversed() where drawing.function.isUnused(value) {
      if try drawing.readSomewhere(value) { return }
    }
  }

  private static func delete(_ drawing: inout GraphDrawing) throws {
    let op = try drawing.goToSomeOp()
    let results = drawing.function.results(of: op)
    let others = try results.map { value in
      drawing.function.isUnused(value) ? value : try drawing.obtain(drawing.type(value))
    }
    for (value, other) in zip(results, others) where value != other { drawing.function.replaceUses(of: value, with: other) }
    drawing.function.erase(op)
  }

  /// Another op on the same operands.
  private static func replace(_ drawing: inout GraphDrawing) throws {
    let op = try drawing.goToSomeOp()
    let function = drawing.function
    let (operands, results) = (function.operands(of: op), function.results(of: op).map { function.type(of: $0) })
    guard function.regionCount(of: op) == 0, !results.isEmpty else { throw GraphDrawing.NoFit() }
    let count = operands.count
    let codes = OpChoice.codes.filter { $0 != function.opcode(of: op) && $0.info.operandRanges(count: count) != nil && $0.info.regions.isEmpty }
    for _ in 0..<12 {
      let code = drawing.draw.one(of: codes)
      var symbols = function.symbols
      let attributes = try drawing.attributes(code.info, anchor: operands.first.map(drawing.type) ?? results[0])
      guard let inferred = try? infer(
        code, operands: operands.map(drawing.type), attributes: attributes, stated: results, symbols: &symbols),
        inferred.results == results, inferred.obligations.isEmpty
      else { continue }
      drawing.function.setOpcode(code, of: op)
      drawing.function.setAttributes(inferred.attributes, of: op)
      return
    }
    throw GraphDrawing.NoFit()
  }

  /// Another value of the same type as an operand.
  private static func flip(_ drawing: inout GraphDrawing) throws {
    let op = try drawing.goToSomeOp()
    let operands = drawing.function.operands(of: op)
    guard let index = drawing.draw.pick(operands.indices) else { throw GraphDrawing.NoFit() }
    let type = drawing.type(operands[index])
    guard let other = drawing.draw.pick(drawing.visible.filter { $0 != operands[index] && drawing.type($0) == type }) else {
      throw GraphDrawing.NoFit()
    }
    drawing.function.setOperand(index, of: op, to: other)
  }

  /// Other values of the attributes that any value of their kind suits.
  private static func attribute(_ drawing: inout GraphDrawing) throws {
    let op = try drawing.goToSomeOp()
    let function = drawing.function
    guard let anchor = function.operands(of: op).first, function.regionCount(of: op) == 0 else { throw GraphDrawing.NoFit() }
    let results = function.results(of: op).map { function.type(of: $0) }
    var attributes = function.attributes(of: op)
    for other in try drawing.attributes(function.opcode(of: op).info, anchor: drawing.type(anchor)) {
      attributes.removeAll { $0.name == other.name }
      attributes.append(other)
    }
    var symbols = function.symbols
    let inferred = try infer(
      function.opcode(of: op), operands: function.operands(of: op).map(drawing.type), attributes: attributes, stated: results,
      symbols: &symbols)
    guard inferred.results == results, inferred.obligations.isEmpty else { throw GraphDrawing.NoFit() }
    drawing.function.setAttributes(inferred.attributes, of: op)
  }

  /// One more value that the function returns: what is read elsewhere has to stay.
  private static func addResult(_ drawing: inout GraphDrawing) throws {
    guard let end = drawing.function.terminator(of: drawing.function.entry) else { throw GraphDrawing.NoFit() }
    try drawing.go(to: end)
    guard let value = drawing.pick(where: { _ in true }), drawing.function.resultTypes.count < 8 else { throw GraphDrawing.NoFit() }
    drawing.function.setOperands(drawing.function.operands(of: end) + [value], of: end)
    drawing.function.resultTypes.append(drawing.type(value))
  }
}
