import ApusTensor

/// What the names in a signature stand for, and which operand said so first.
struct Bindings {
  var elements: [String: (type: ElementType, operand: Int)] = [:]
  var dims: [String: (dim: Dim, operand: Int)] = [:]
  var packs: [String: (dims: [Dim], operand: Int)] = [:]
  var form: ValueForm?
}

extension InferenceContext {
  /// Matches every operand with its pattern.
  mutating func unifyOperands() throws(InferenceError) {
    for index in operands.indices {
      var pattern = declaration(of: index).pattern
      // The members of a list share their element type; each has a shape of its own.
      switch declaration(of: index).arity {
      case .one, .optional: break
      case .zeroOrMore, .oneOrMore: pattern.shape = .any
      }
      try unify(operands[index], with: pattern, operand: index)
    }
  }

  private func nameOf(_ operand: Int) -> String {
    let declared = declaration(of: operand)
    switch declared.arity {
    case .one, .optional: return "`\(declared.name)`"
    case .zeroOrMore, .oneOrMore:
      let first = info.operands.count - 1
      return "`\(declared.name)[\(operand - first)]`"
    }
  }

  private mutating func unify(_ type: TensorType, with pattern: TypePattern, operand: Int) throws(InferenceError) {
    try unifyForm(type, pattern, operand)
    try unifyElement(type.element, pattern.element, operand)
    switch pattern.shape {
    case .any: return
    case .dims(let dims): try unifyDims(type.dims, dims, operand)
    }
  }

  private mutating func unifyForm(_ type: TensorType, _ pattern: TypePattern, _ operand: Int) throws(InferenceError) {
    if let form = pattern.form {
      guard type.form == form else {
        throw InferenceError(
          "op.form", "\(nameOf(operand)) of \(info.name) is a \(form), not a \(type.form)", operands: [operand])
      }
      return
    }
    if case .any = pattern.shape, case .any = pattern.element { return }
    guard type.form != .buffer, bindings.form == nil || bindings.form == type.form else {
      throw InferenceError(
        "op.form", "\(nameOf(operand)) of \(info.name) is a \(bindings.form ?? .tensor), not a \(type.form)",
        operands: [operand])
    }
    bindings.form = type.form
  }

  private mutating func unifyElement(_ element: ElementType, _ pattern: TypePattern.Element, _ operand: Int)
    throws(InferenceError)
  {
    switch pattern {
    case .any: return
    case .fixed(let wanted):
      guard element == wanted else {
        throw InferenceError(
          "type.mismatch", "\(nameOf(operand)) of \(info.name) is \(wanted), not \(element)", operands: [operand])
      }
    case .variable(let name):
      if let known = bindings.elements[name] {
        guard known.type == element else {
          throw InferenceError(
            "\(info.name).\(name)", "\(nameOf(known.operand)) is \(known.type), \(nameOf(operand)) is \(element)",
            operands: [operand, known.operand])
        }
        return
      }
      try checkClass(element, of: name, operands: [operand], what: nameOf(operand))
      bindings.elements[name] = (element, operand)
    }
  }

  func checkClass(_ element: ElementType, of name: String, operands: [Int], what: String) throws(InferenceError) {
    guard let declared = info.typeVariables.first(where: { $0.name == name }),
      !declared.elementClass.contains(element)
    else { return }
    throw InferenceError(
      "\(info.name).\(name)", "\(what) is \(element), but \(info.name) takes \(declared.elementClass.rawValue) types",
      operands: operands)
  }

  private mutating func unifyDims(_ dims: [Dim], _ pattern: [DimPattern], _ operand: Int) throws(InferenceError) {
    let fixed = pattern.count { if case .pack = $0 { false } else { true } }
    let hasPack = fixed < pattern.count
    guard hasPack ? dims.count >= fixed : dims.count == fixed else {
      throw InferenceError(
        "\(info.name).rank",
        "\(nameOf(operand)) has \(dims.count) axes, \(info.name) takes \(hasPack ? "at least " : "")\(fixed)",
        operands: [operand])
    }
    var next = 0
    for entry in pattern {
      switch entry {
      case .pack(let name):
        let taken = Array(dims[next..<next + dims.count - fixed])
        next += taken.count
        try bind(pack: name, taken, operand)
      case .dim(let name):
        try bind(dim: name, dims[next], operand)
        next += 1
      case .constant(let value):
        try requireEqual(
          "rank", dims[next], .constant(value), "\(nameOf(operand)) has size \(text(dims[next])) where \(value) is needed",
          operands: [operand])
        next += 1
      }
    }
  }

  private mutating func bind(dim name: String, _ dim: Dim, _ operand: Int) throws(InferenceError) {
    guard let known = bindings.dims[name] else {
      bindings.dims[name] = (dim, operand)
      return
    }
    let message = "\(name) is \(text(known.dim)) in \(nameOf(known.operand)), \(text(dim)) in \(nameOf(operand))"
    try requireEqual(name, known.dim, dim, message, operands: [operand, known.operand])
    // A constant says more than a symbol it must equal.
    if dim.constantValue != nil { bindings.dims[name] = (dim, known.operand) }
  }

  private mutating func bind(pack name: String, _ dims: [Dim], _ operand: Int) throws(InferenceError) {
    guard let known = bindings.packs[name] else {
      bindings.packs[name] = (dims, operand)
      return
    }
    // The operands of one variadic entry are alike in rank and element type; how their sizes relate, constraints say.
    if declaration(of: known.operand).name == declaration(of: operand).name { return }
    let message =
      "\(nameOf(known.operand)) has shape \(text(known.dims)), \(nameOf(operand)) has \(text(dims)), "
      + "and no op broadcasts by itself"
    guard known.dims.count == dims.count else {
      throw InferenceError("\(info.name).\(name)", message, operands: [operand, known.operand])
    }
    var merged = known.dims
    for (axis, (a, b)) in zip(known.dims, dims).enumerated() {
      try requireEqual(name, a, b, message, operands: [operand, known.operand])
      if b.constantValue != nil { merged[axis] = b }
    }
    bindings.packs[name] = (merged, known.operand)
  }

  // MARK: Results

  mutating func resultTypes() throws -> [TensorType] {
    switch info.results {
    case .patterns(let patterns):
      if let stated, stated.count != patterns.count {
        throw InferenceError("op.results", "\(info.name) has \(patterns.count) results, not \(stated.count)")
      }
      var results: [TensorType] = []
      for (index, pattern) in patterns.enumerated() {
        results.append(try instantiate(pattern, stated: stated?[index]))
      }
      return results
    case .custom(let function): return try shape(function)
    case .stated:
      guard let stated else {
        throw InferenceError("op.stated", "the result types of \(info.name) must be written")
      }
      return stated
    }
  }

  /// A pattern's type under the bindings; what no operand binds is taken from the statement, and bound.
  private mutating func instantiate(_ pattern: TypePattern, stated: TensorType?) throws(InferenceError) -> TensorType {
    let element: ElementType
    switch pattern.element {
    case .fixed(let type): element = type
    case .any: element = try given(stated, "type").element
    case .variable(let name):
      if let known = bindings.elements[name] {
        element = known.type
      } else {
        element = try given(stated, "element type").element
        try checkClass(element, of: name, operands: [], what: "the result")
        bindings.elements[name] = (element, 0)
      }
    }
    let form = pattern.form ?? bindings.form ?? stated?.form ?? .tensor
    guard case .dims(let entries) = pattern.shape else {
      return TensorType(element, try given(stated, "shape").dims, form: form)
    }
    var dims: [Dim] = []
    let fixed = entries.count { if case .pack = $0 { false } else { true } }
    for entry in entries {
      switch entry {
      case .constant(let value): dims.append(.constant(value))
      case .dim(let name):
        if let known = bindings.dims[name] {
          dims.append(known.dim)
        } else {
          let shape = try given(stated, "shape").dims
          guard dims.count < shape.count else {
            throw InferenceError("op.stated", "the result of \(info.name) has too few axes")
          }
          bindings.dims[name] = (shape[dims.count], 0)
          dims.append(shape[dims.count])
        }
      case .pack(let name):
        if let known = bindings.packs[name] {
          dims += known.dims
        } else {
          let shape = try given(stated, "shape").dims
          let count = shape.count - fixed
          guard count >= 0, dims.count + count <= shape.count else {
            throw InferenceError("op.stated", "the result of \(info.name) has too few axes")
          }
          let taken = Array(shape[dims.count..<dims.count + count])
          bindings.packs[name] = (taken, 0)
          dims += taken
        }
      }
    }
    return TensorType(element, dims, form: form)
  }

  private func given(_ stated: TensorType?, _ what: String) throws(InferenceError) -> TensorType {
    if let stated { return stated }
    throw InferenceError("op.stated", "the \(what) of the result of \(info.name) must be written")
  }

  /// Compares what was inferred with what was stated. The statement wins where both may be right:
  /// it may name a symbol, or a layout.
  func reconcile(_ results: [TensorType]) throws(InferenceError) -> [TensorType] {
    guard let stated else { return results }
    guard stated.count == results.count else {
      throw InferenceError("op.results", "\(info.name) has \(results.count) results, not \(stated.count)")
    }
    for (inferred, written) in zip(results, stated) {
      let message = "the result of \(info.name) is \(symbols.text(inferred)), not \(symbols.text(written))"
      guard inferred.element == written.element, inferred.rank == written.rank, inferred.form == written.form else {
        throw InferenceError("type.result", message)
      }
      for (a, b) in zip(inferred.dims, written.dims) where a != b {
        switch symbols.equal(a, b) {
        case .yes: continue
        case .no: throw InferenceError("type.result", message)
        case .unknown:
          record(Obligation(relation: .equal, lhs: a, rhs: b, id: "type.result", message: message))
        }
      }
    }
    return stated
  }
}
