import ApusIR
import ApusSupport

/// Computes equal values once.
///
///     %a = exp %x              %a = exp %x
///     %b = exp %x       →      %c = add %a, %a
///     %c = add %a, %b
///
/// Ops are equal when opcode, operands, attributes and result types are; the operands of commutative
/// ops may stand in either order. A value is visible in the regions below it, but not in an isolated
/// region. Ops with regions are left alone.
public let eliminateCommonSubexpressions = FunctionPass("cse", "computes equal values once") { f, _ in
  var known: [Expression: OpID] = [:]
  var isChanged = false
  /// Blocks to be visited, and marks at which what a block added is forgotten.
  enum Task {
    case visit(OpID?, isIsolated: Bool)
    case forget([Expression])
    case restore([Expression: OpID])
  }
  var tasks: [Task] = [.visit(f.firstOp(of: f.entry), isIsolated: false)]
  while let task = tasks.popLast() {
    switch task {
    case .forget(let added): for expression in added { known[expression] = nil }
    case .restore(let outer): known = outer
    case .visit(let first, let isIsolated):
      if isIsolated {
        tasks.append(.restore(known))
        known = [:]
      }
      var added: [Expression] = []
      var next = first
      while let op = next {
        next = f.op(after: op)
        if f.regionCount(of: op) > 0 {
          // The rest of the block sees what was added so far, the regions see the same.
          tasks.append(.forget(added))
          tasks.append(.visit(next, isIsolated: false))
          for (index, block) in f.regions(of: op).enumerated().reversed() {
            let isIsolated = f.opcode(of: op).info.regions[index].isIsolated
            tasks.append(.visit(f.firstOp(of: block), isIsolated: isIsolated))
          }
          added = []
          break
        }
        guard f.isRepeatable(op) else { continue }
        let expression = Expression(op, f)
        if f.opcode(of: op) == .assert, known[expression] != nil {
          f.erase(op)
          isChanged = true
        } else if let earlier = known[expression] {
          f.replace(op, with: f.results(of: earlier))
          isChanged = true
        } else {
          known[expression] = op
          added.append(expression)
        }
      }
      if !added.isEmpty, !isPlanted(.branchesShareTheirExpressions) { tasks.append(.forget(added)) }
    }
  }
  return isChanged
}

/// What makes two ops compute the same.
private struct Expression: Hashable {
  var code: OpCode
  var operands: [ValueID]
  var attributes: [NamedAttribute]
  var results: [TypeID]

  init(_ op: OpID, _ f: Function) {
    code = f.opcode(of: op)
    operands = f.operands(of: op)
    if code.traits.contains(.commutative) || isPlanted(.operandsOfAllOpsAreSorted) { operands.sort() }
    // An assertion that has held holds again, whatever it says when it does not.
    attributes = code == .assert ? [] : f.attributes(of: op)
    results = f.results(of: op).map { f.typeID(of: $0) }
  }
}

extension Function {
  /// Whether running the op once more, or once instead of twice, makes no difference.
  fileprivate func isRepeatable(_ op: OpID) -> Bool {
    let code = opcode(of: op)
    if code == .assert { return true }
    if code == .customCall { return bool("has_effects", of: op) == false }
    return code.isPure && !code.traits.contains(.dataDependentShape)
  }
}
