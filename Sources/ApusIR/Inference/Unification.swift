import ApusSupport
import ApusTensor

extension TypeInference {
  /// Matches a type with a pattern, binding the pattern's variables or comparing with what they are
  /// bound to already.
  mutating func unify(_ pattern: TypePattern, _ type: TensorType, _ subject: RuleSubject) throws(InferenceError) {
    if pattern.shape == .any, pattern.element == .any { return }
    try unifyForm(pattern, type, subject)
    try unifyElement(pattern, type, subject)
    if case .dims(let entries) = pattern.shape { try unifyShape(entries, type.dims, pattern, subject) }
  }

  /// The type a result's pattern stands for. What no operand binds is taken from the stated type.
  mutating func build(_ pattern: TypePattern, _ index: Int) throws(InferenceError) -> TensorType {
    if needsStating(pattern) {
      guard let stated else {
        throw InferenceError(
          "op.stated", "what `\(info.name)` results in must be stated", at: .result(index),
          hint: isOpen(pattern.shape) ? "give it as `shape:`" : "give it as `to:`")
      }
      // The form is open where no operand fixes it, and a constant of `loops` is a buffer or a register.
      if form == nil, pattern.form == nil, stated[index].form == .buffer { form = .buffer }
      try unify(pattern, stated[index], .result(index))
      if stated[index].form == .tensor {
        for size in stated[index].dims { try requireNotNegative(size, .result(index)) }
      }
    }
    let element: ElementType
    switch pattern.element {
    case .fixed(let fixed): element = fixed
    case .variable(let name): element = bound(elements, name)
    case .any: preconditionFailure("a result pattern of `\(info.name)` leaves its element type open")
    }
    guard case .dims(let entries) = pattern.shape else {
      preconditionFailure("a result pattern of `\(info.name)` leaves its shape open")
    }
    var shape: [Dim] = []
    for entry in entries {
      switch entry {
      case .pack(let name): shape += bound(packs, name)
      case .dim(let name): shape.append(bound(dims, name))
      case .constant(let value): shape.append(.constant(value))
      }
    }
    return TensorType(element, shape, form: pattern.form ?? resultForm(index))
  }

  /// The form of a result whose pattern leaves it open.
  func resultForm(_ index: Int = 0) -> ValueForm {
    if let form { return form }
    if let stated, stated.indices.contains(index) { return stated[index].form }
    return .tensor
  }
}

extension TypeInference {
  private func bound<Value>(_ list: [Binding<Value>], _ name: String) -> Value {
    guard let found = list.first(where: { $0.name == name }) else {
      preconditionFailure("`\(name)` of `\(info.name)` is bound by nothing")
    }
    return found.value
  }

  private func needsStating(_ pattern: TypePattern) -> Bool {
    if case .variable(let name) = pattern.element, !elements.contains(where: { $0.name == name }) { return true }
    return isOpen(pattern.shape)
  }

  private func isOpen(_ shape: TypePattern.Shape) -> Bool {
    guard case .dims(let entries) = shape else { return true }
    return entries.contains { entry in
      switch entry {
      case .pack(let name): !packs.contains { $0.name == name }
      case .dim(let name): !dims.contains { $0.name == name }
      case .constant: false
      }
    }
  }

  private func describe(_ subject: RuleSubject) -> String {
    switch subject {
    case .op: "`\(info.name)`"
    case .operand(let index): "`\(name(ofOperand: index))`"
    case .attribute(let name): "`\(name)`"
    case .result: "the result"
    }
  }

  /// "on the left", "in `x`".
  private func side(_ subject: RuleSubject) -> String {
    if case .operand(let index) = subject, info.operands.count == 2, info.operands[0].name == "lhs",
      info.operands[1].name == "rhs"
    {
      return index == 0 ? "on the left" : "on the right"
    }
    return "in \(describe(subject))"
  }

  private func related(_ subject: RuleSubject) -> [Int] {
    if case .operand(let index) = subject { [index] } else { [] }
  }

  /// The id of two sizes or packs that differ: the statement of a result differs from what it states.
  private func id(of variable: String, _ subject: RuleSubject) -> String {
    if case .result = subject { "type.mismatch" } else { "\(info.name).\(variable)" }
  }

  /// Patterns without variables stand for one type (`[]bool`): what breaks them is named after the
  /// operand, `if.condition`.
  private func isRigid(_ pattern: TypePattern) -> Bool {
    guard case .fixed = pattern.element, case .dims(let entries) = pattern.shape else { return false }
    return entries.allSatisfy { if case .constant = $0 { true } else { false } }
  }

  private func mismatch(_ pattern: TypePattern, _ subject: RuleSubject, otherwise id: String) -> String {
    if case .result = subject { return "type.mismatch" }
    guard isRigid(pattern), case .operand(let index) = subject else { return id }
    return "\(info.name).\(name(ofOperand: index))"
  }

  private mutating func unifyForm(
    _ pattern: TypePattern, _ type: TensorType, _ subject: RuleSubject
  ) throws(InferenceError) {
    let wanted = pattern.form ?? form
    guard let wanted else {
      if type.form == .buffer {
        throw InferenceError("op.form", "\(describe(subject)) is a buffer, a value is wanted", at: subject)
      }
      form = type.form
      return
    }
    if wanted != type.form {
      throw InferenceError(
        mismatch(pattern, subject, otherwise: "op.form"),
        "\(describe(subject)) is a \(type.form), a \(wanted) is wanted", at: subject)
    }
  }

  private mutating func unifyElement(
    _ pattern: TypePattern, _ type: TensorType, _ subject: RuleSubject
  ) throws(InferenceError) {
    switch pattern.element {
    case .any: return
    case .fixed(let wanted):
      if type.element != wanted {
        throw InferenceError(
          mismatch(pattern, subject, otherwise: "type.mismatch"),
          "\(describe(subject)) has elements of type \(type.element), \(wanted) is wanted", at: subject)
      }
    case .variable(let name):
      if let bound = elements.first(where: { $0.name == name }) {
        if bound.value == type.element { return }
        throw InferenceError(
          "type.mismatch",
          "the element type is \(bound.value) \(side(bound.subject)), \(type.element) \(side(subject))",
          at: subject, related: related(bound.subject), hint: "`convert` changes the type of elements")
      }
      if let variable = info.typeVariables.first(where: { $0.name == name }),
        !variable.elementClass.contains(type.element)
      {
        let members = variable.elementClass.members.map(\.name).joined(separator: ", ")
        throw InferenceError(
          "\(info.name).\(name)",
          "`\(info.name)` is not defined for \(type.element): \(name) is one of \(members)", at: subject)
      }
      elements.append(Binding(name: name, value: type.element, subject: subject))
    }
  }

  private mutating func unifyShape(
    _ entries: [DimPattern], _ shape: [Dim], _ pattern: TypePattern, _ subject: RuleSubject
  ) throws(InferenceError) {
    var packIndex: Int?
    for (index, entry) in entries.enumerated() { if case .pack = entry { packIndex = index } }
    let single = entries.count - (packIndex == nil ? 0 : 1)
    guard packIndex == nil ? shape.count == single : shape.count >= single else {
      throw InferenceError(
        mismatch(pattern, subject, otherwise: "\(info.name).rank"),
        "\(describe(subject)) has rank \(shape.count), \(packIndex == nil ? "" : "at least ")\(single) is wanted",
        at: subject)
    }
    if entries.count == 1, case .pack(let name) = entries[0] { return try bind(pack: name, shape, subject) }
    var axis = 0
    for entry in entries {
      switch entry {
      case .pack(let name):
        let length = shape.count - single
        try bind(pack: name, Array(shape[axis..<axis + length]), subject)
        axis += length
      case .dim(let name):
        try bind(dim: name, shape[axis], subject)
        axis += 1
      case .constant(let value):
        let id = mismatch(pattern, subject, otherwise: "\(info.name).shape")
        try equate(shape[axis], .constant(value), id, subject, []) {
          "axis \(axis) of \(describe(subject)) is \(text(shape[axis])), \(value) is wanted"
        }
        axis += 1
      }
    }
  }

  private mutating func bind(pack name: String, _ shape: [Dim], _ subject: RuleSubject) throws(InferenceError) {
    guard let index = packs.firstIndex(where: { $0.name == name }) else {
      packs.append(Binding(name: name, value: shape, subject: subject))
      return
    }
    let known = packs[index]
    if known.value == shape { return }
    let id = id(of: name, subject)
    let message = "\(name) is \(text(known.value)) \(side(known.subject)), \(text(shape)) \(side(subject))"
    guard known.value.count == shape.count else {
      throw InferenceError(id, message, at: subject, related: related(known.subject))
    }
    for axis in shape.indices {
      try equate(known.value[axis], shape[axis], id, subject, related(known.subject)) { message }
      if shape[axis].constantValue != nil { packs[index].value[axis] = shape[axis] }
    }
  }

  private mutating func bind(dim name: String, _ dim: Dim, _ subject: RuleSubject) throws(InferenceError) {
    guard let index = dims.firstIndex(where: { $0.name == name }) else {
      dims.append(Binding(name: name, value: dim, subject: subject))
      return
    }
    let known = dims[index]
    if known.value == dim { return }
    let message = "\(name) is \(text(known.value)) \(side(known.subject)), \(text(dim)) \(side(subject))"
    try equate(known.value, dim, id(of: name, subject), subject, related(known.subject)) { message }
    // Where the two are to be equal at run time, a number says more than a symbol.
    if dim.constantValue != nil { dims[index].value = dim }
  }

  private func equate(
    _ a: Dim, _ b: Dim, _ id: String, _ subject: RuleSubject, _ related: [Int], _ message: () -> String
  ) throws(InferenceError) {
    switch symbols.equal(a, b) {
    case .yes: return
    case .no where !isPlanted(.knownMismatchIsLeftToTheRun):
      throw InferenceError(id, message(), at: subject, related: related)
    case .no: record(Obligation(.equal, a, b, id: id, message: message()))
    case .unknown: record(Obligation(.equal, a, b, id: id, message: message()))
    }
  }
}
