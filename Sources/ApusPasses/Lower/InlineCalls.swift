import ApusIR
import ApusSupport

/// Puts the bodies of functions in the place of their calls.
///
///     func @f(%x: f32[B]) {                      func @f(%x: f32[B]) {
///       %y: f32[B] = call %x, callee: @g           %y: f32[B] = exp %x
///       return %y                          →       return %y
///     }                                          }
///     func @g(%a: f32[N]) {                      func @g(%a: f32[N]) {
///       %b: f32[N] = exp %a                        %b: f32[N] = exp %a
///       return %b                                  return %b
///     }                                          }
///
/// The callee's symbols become the sizes of the arguments; that sizes agree which may not is left to an `assert`.
/// Functions stay in the module whether they are still called or not. Runs first: what follows looks at one
/// function at a time.
///
/// Throws `call.C1` for a function that the module does not have, `call.C3` for a recursion, and `inline.size`
/// (unsupported) where calls of calls would make a function of more ops than `most-ops`. Graphs of real models have
/// thousands; doubling at each level of calls passes any size.
public let inlineCalls = ModulePass(
  "inline-calls", "replaces every call by the body of its function",
  parameters: [PassParameter("most-ops", "ops that a function may come to have", default: .int(2_000_000))]
) { module, arguments throws(DiagnosticError) in
  var inlining = Inlining(limit: arguments.int("most-ops"))
  for id in module.ids { try inlining.visit(id, &module) }
  return inlining.isChanged
}

private struct Inlining {
  private enum State {
    case open, done
  }

  private let limit: Int
  private var states: [FunctionID: State] = [:]
  private(set) var isChanged = false

  init(limit: Int) { self.limit = limit }

  /// Inlines into the callees of a function first, then into the function.
  mutating func visit(_ root: FunctionID, _ module: inout Module) throws(DiagnosticError) {
    var stack = [root]
    while let id = stack.last {
      if states[id] == .done {
        stack.removeLast()
        continue
      }
      let isReady = states.updateValue(.open, forKey: id) == .open
      let calls = module[id].allOps().filter { module[id].opcode(of: $0) == .call }
      if !isReady {
        for call in calls {
          let callee = try self.callee(of: call, in: module[id], module)
          if states[callee] == .open {
            throw DiagnosticError(
              id: "call.C3", "@\(module[callee].name) reaches itself", at: module[id].place(of: call))
          }
          if states[callee] == nil { stack.append(callee) }
        }
        if stack.last != id { continue }
      }
      for call in calls {
        let callee = module[try self.callee(of: call, in: module[id], module)]
        guard module[id].opCapacity + callee.opCapacity <= limit else {
          throw DiagnosticError(
            .unsupported, id: "inline.size", "@\(module[id].name) would have more than \(limit) ops",
            at: module[id].place(of: call))
        }
        try module[id].inline(call, of: callee)
        isChanged = true
      }
      states[id] = .done
      stack.removeLast()
    }
  }

  private func callee(of call: OpID, in f: Function, _ module: Module) throws(DiagnosticError) -> FunctionID {
    let name = f.string("callee", of: call) ?? ""
    guard let id = module.find(name) else {
      throw DiagnosticError(id: "call.C1", "there is no function @\(name)", at: f.place(of: call))
    }
    return id
  }
}

extension Function {
  fileprivate mutating func inline(_ call: OpID, of callee: Function) throws(DiagnosticError) {
    let arguments = operands(of: call)
    var bindings = SymbolBindings(callee.symbols)
    for (parameter, argument) in zip(callee.parameters, arguments) {
      bindings.solve(callee.type(of: parameter).dims, type(of: argument).dims)
    }
    for (wanted, result) in zip(callee.resultTypes, results(of: call)) {
      bindings.solve(wanted.dims, type(of: result).dims)
    }
    do {
      var copying = FunctionImport(from: callee, symbols: bindings.bound)
      for (parameter, argument) in zip(callee.parameters, arguments) {
        copying.bind(parameter, to: argument)
        for (wanted, given) in zip(callee.type(of: parameter).dims, type(of: argument).dims) {
          let demanded = try copying.dim(wanted, in: &self)
          if symbols.equal(demanded, given) != .yes {
            guardSizes(.equal, demanded, given, "the sizes in a call of \(callee.name) do not agree", before: call)
          }
        }
      }
      guardBounds(callee, bindings, before: call)
      for obligation in callee.obligations {
        var moved = obligation
        moved.lhs = try copying.dim(obligation.lhs, in: &self)
        moved.rhs = try copying.dim(obligation.rhs, in: &self)
        require(moved)
      }
      let results = try copying.copy(callee.entry, into: &self, at: .before(call))
      replace(call, with: results)
    } catch {
      throw DiagnosticError(
        id: "dim.overflow", "a size in @\(callee.name) does not fit in 64 bits for these arguments",
        at: place(of: call))
    }
  }

  private mutating func guardBounds(_ callee: Function, _ bindings: SymbolBindings, before call: OpID) {
    for (id, dim) in bindings.bound.sorted(by: { $0.key < $1.key }) {
      let symbol = callee.symbols[id]
      let message = "\(symbol.name) of \(callee.name) is out of its bounds"
      if let lower = symbol.bounds.lower, lower > 0, symbols.lessOrEqual(.constant(lower), dim) != .yes {
        guardSizes(.lessEqual, .constant(lower), dim, message, before: call)
      }
      if let upper = symbol.bounds.upper, symbols.lessOrEqual(dim, .constant(upper)) != .yes {
        guardSizes(.lessEqual, dim, .constant(upper), message, before: call)
      }
    }
  }

  /// Adds an `assert` that two sizes are related.
  private mutating func guardSizes(
    _ relation: OpCode, _ a: Dim, _ b: Dim, _ message: String, before call: OpID
  ) {
    let location = locationID(of: call)
    let sizes = [a, b].map { dim in
      let op = insert(
        .size, [], attributes: [NamedAttribute("of", .dims([dim]))], results: [.scalar(.s64)], at: .before(call),
        location: location)
      return result(of: op)
    }
    let holds = insert(relation, sizes, results: [.scalar(.bool)], at: .before(call), location: location)
    insert(
      .assert, [result(of: holds)], attributes: [NamedAttribute("message", .string(message))], results: [],
      at: .before(call), location: location)
  }

  /// Where an op came from, for a diagnostic.
  func place(of op: OpID) -> Place {
    if case .place(let place) = location(of: op) { place } else { .none }
  }
}
