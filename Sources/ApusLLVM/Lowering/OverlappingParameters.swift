import ApusIR

/// Which parameters of a module's functions some caller in the module gives the same memory.
struct OverlappingParameters {
  private var pairs: [String: Set<Pair>] = [:]

  private struct Pair: Hashable {
    let a: Int
    let b: Int
  }

  init(_ module: Module) {
    for function in module.functions {
      function.forEachOp { op in
        switch function.opcode(of: op) {
        case .launch, .call:
          guard let callee = function.string("callee", of: op) else { return }
          let roots = function.operands(of: op).map { Root(function, $0) }
          for b in roots.indices {
            for a in 0..<b where roots[a].mayOverlap(roots[b]) { pairs[callee, default: []].insert(Pair(a: a, b: b)) }
          }
        case _: break
        }
      }
    }
  }

  /// A group for each parameter: two overlap only within one group.
  func groups(of function: Function) -> [Int] {
    var groups = Array(function.parameters.indices)
    for pair in pairs[function.name] ?? [] {
      let (from, to) = (groups[pair.b], groups[pair.a])
      groups = groups.map { $0 == from ? to : $0 }
    }
    return groups
  }
}

/// What is known of the memory behind a buffer of a caller.
private enum Root: Equatable {
  case parameter(Int)
  case constant(OpID)
  case allocation(OpID)
  /// A place in the arena. The plan keeps buffers apart that live at once, so only equal offsets overlap.
  case arena(Dim)
  case unknown

  init(_ function: Function, _ value: ValueID) {
    guard let op = function.definingOp(of: value) else {
      let origin = function.parameterOrigin(of: value)
      self = origin?.block == function.entry ? .parameter(function.index(of: value)) : .unknown
      return
    }
    switch function.opcode(of: op) {
    case .view: self = Root(function, function.operand(0, of: op))
    case .alloc: self = function.dims("offset", of: op)?.first.map { .arena($0) } ?? .allocation(op)
    case .constant: self = .constant(op)
    case .scratch: self = .allocation(op)
    case _: self = .unknown
    }
  }

  func mayOverlap(_ other: Root) -> Bool { self == .unknown || other == .unknown || self == other }
}
