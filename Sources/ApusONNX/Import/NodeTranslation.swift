import ApusIR
import ApusSupport
import ApusTensor

/// One node on its way into the function: what operators are translated with.
///
/// Operands broadcast as in NumPy wherever an op of the graph language does, and literals take the type of the tensor they
/// meet. A translator returns what the node's outputs are.
struct NodeTranslation {
  let node: NodeProto
  /// The version of the operator set that the node's model uses, not that of the operator.
  let version: Int
  let context: ModelImport
  let inputs: [Imported]

  // MARK: Operands

  var inputCount: Int { inputs.count }

  /// Whether the operand is there.
  func has(_ index: Int) -> Bool { index < inputs.count && !inputs[index].isAbsent }

  /// The operand, or `absent`.
  func input(_ index: Int) -> Imported { index < inputs.count ? inputs[index] : .absent }

  /// An operand as a value of the function. Throws `onnx.operand` where it is left out.
  func value(_ index: Int) throws -> ValueID {
    guard has(index) else { throw error("onnx.operand", "operand \(index) is left out") }
    return try context.value(of: input(index))
  }

  /// An optional operand as a value.
  func optionalValue(_ index: Int) throws -> ValueID? { has(index) ? try value(index) : nil }

  /// An imported value as one of the function.
  func value(of imported: Imported) throws -> ValueID { try context.value(of: imported) }
  /// A size as a scalar, of s64.
  func value(of size: Dim) throws -> ValueID { try context.emitter.value(of: .size(size), as: .s64, at: context.emitter.place) }

  func type(_ value: ValueID) -> TensorType { context.emitter.type(of: value) }
  func dims(_ value: ValueID) -> [Dim] { type(value).dims }
  func rank(_ value: ValueID) -> Int { type(value).rank }
  func element(_ value: ValueID) -> ElementType { type(value).element }

  /// The type of an operand, which need not become a value for it.
  func inputType(_ index: Int) throws -> TensorType {
    guard let type = context.type(of: input(index)) else { throw error("onnx.operand", "operand \(index) is no tensor") }
    return type
  }

  // MARK: Operands that must be known

  /// The operand's tensor, if it is known while importing.
  func constantIfKnown(_ index: Int) -> Tensor? { context.constant(of: input(index)) }

  /// The operand's tensor. Asks for the inputs that it depends on where it is not known.
  func constant(_ index: Int, _ what: String) throws -> Tensor {
    if let tensor = constantIfKnown(index) { return tensor }
    guard has(index) else { throw error("onnx.operand", "\(what) is left out") }
    if case .sizes = input(index), let sizes = context.sizeTensor(of: input(index)), let settled = context.settled(sizes) {
      return settled
    }
    let needs = context.needs(of: try value(index))
    throw NeedsValues(inputs: needs.inputs, shapes: needs.shapes, problem: "\(what) is not known before the model runs")
  }

  /// The operand's integers.
  func integers(_ index: Int, _ what: String) throws -> [Int] {
    let tensor = try constant(index, what)
    return (0..<tensor.count).map { tensor.integer(at: $0) }
  }

  /// The operand's numbers.
  func floats(_ index: Int, _ what: String) throws -> [Double] {
    let tensor = try constant(index, what)
    return (0..<tensor.count).map { tensor.scalar(at: $0).asDouble }
  }

  /// The operand's integers, which may be sizes that are not known.
  func sizes(_ index: Int, _ what: String) throws -> [Dim] {
    if let dims = context.dims(of: input(index)) { return dims }
    return try integers(index, what).map { .constant($0) }
  }

  // MARK: Attributes

  func attribute(_ name: String) -> AttributeProto? {
    guard let found = node.attributes.first(where: { $0.name == name }) else { return nil }
    guard !found.reference.isEmpty else { return found }
    for scope in context.scopes.reversed() {
      if let bound = scope.attributes[found.reference] { return bound }
      if scope.isOpaque { return nil }
    }
    return nil
  }

  /// Throws `onnx.attribute` for one of another kind.
  private func attribute(_ name: String, _ kind: AttributeProto.Kind) throws -> AttributeProto? {
    guard let found = attribute(name) else { return nil }
    guard found.kind == kind || found.kind == nil else {
      throw error("onnx.attribute", "the attribute '\(name)' is of another kind than \(kind)")
    }
    return found
  }

  func optionalInt(_ name: String) throws -> Int? { try attribute(name, .int).map { Int($0.int) } }
  func int(_ name: String, _ standard: Int) throws -> Int { try optionalInt(name) ?? standard }
  func flag(_ name: String, _ standard: Bool = false) throws -> Bool { try int(name, standard ? 1 : 0) != 0 }
  func optionalFloat(_ name: String) throws -> Double? { try attribute(name, .float).map { Double($0.float) } }
  func float(_ name: String, _ standard: Double) throws -> Double { try optionalFloat(name) ?? standard }
  func optionalString(_ name: String) throws -> String? {
    try attribute(name, .string).map { String(decoding: $0.string, as: UTF8.self) }
  }
  func string(_ name: String, _ standard: String) throws -> String { try optionalString(name) ?? standard }
  func optionalInts(_ name: String) throws -> [Int]? { try attribute(name, .ints).map { $0.ints.map { Int($0) } } }
  func ints(_ name: String, _ standard: [Int] = []) throws -> [Int] { try optionalInts(name) ?? standard }
  func optionalFloats(_ name: String) throws -> [Double]? { try attribute(name, .floats).map { $0.floats.map { Double($0) } } }
  func strings(_ name: String) throws -> [String] {
    try attribute(name, .strings).map { $0.strings.map { String(decoding: $0, as: UTF8.self) } } ?? []
  }
  func graph(_ name: String) throws -> GraphProto {
    guard let graph = try attribute(name, .graph)?.graph else { throw error("onnx.attribute", "the graph '\(name)' is missing") }
    return graph
  }

  /// An axis, counted from the end where it is negative. Throws `onnx.axis`.
  func axis(_ axis: Int, rank: Int) throws -> Int {
    guard axis >= -rank, axis < rank else { throw error("onnx.axis", "there is no axis \(axis) of \(rank)") }
    return axis < 0 ? axis + rank : axis
  }

  /// Axes, each once, in order. Throws `onnx.axis`.
  func axes(_ axes: [Int], rank: Int) throws -> [Int] {
    let found = try axes.map { try axis($0, rank: rank) }
    guard Set(found).count == found.count else { throw error("onnx.axis", "an axis stands twice in \(axes)") }
    return found
  }

  /// The first operand and the axis that `axis` names; where it is left out, the operand in one axis. Throws `onnx.axis`.
  func alongAxis() throws -> (x: ValueID, axis: Int) {
    let x = try value(0)
    if let given = try optionalInt("axis") { return (x, try axis(given, rank: rank(x))) }
    return (try reshape(x, [product(dims(x))]), 0)
  }

  // MARK: Ops

  /// Calls an op as the graph language does: operands broadcast, attributes by name, `to` and `shape` for what no operand fixes.
  func calls(_ code: OpCode, _ operands: [Meaning], _ attributes: KeyValuePairs<String, Meaning> = [:]) throws -> [ValueID] {
    let place = context.emitter.place
    var arguments = operands.map { CallArgument($0, at: place) }
    arguments += attributes.map { CallArgument($0.value, label: $0.key, at: place) }
    switch try context.emitter.call(code, arguments) {
    case .value(let value): return [value]
    case .several(let parts): return try parts.map { try context.emitter.value(of: $0, at: place) }
    case let other: return [try context.emitter.value(of: other, at: place)]
    }
  }

  func call(_ code: OpCode, _ operands: [Meaning], _ attributes: KeyValuePairs<String, Meaning> = [:]) throws -> ValueID {
    try calls(code, operands, attributes)[0]
  }

  func call(_ code: OpCode, _ operands: ValueID..., attributes: KeyValuePairs<String, Meaning> = [:]) throws -> ValueID {
    try call(code, operands.map { .value($0) }, attributes)
  }

  func convert(_ value: ValueID, to element: ElementType) -> ValueID { context.emitter.convert(value, to: element) }
  func reshape(_ value: ValueID, _ dims: [Dim]) throws -> ValueID {
    guard self.dims(value) != dims else { return value }
    return try call(.reshape, [.value(value)], ["shape": .sizes(dims)])
  }
  func transpose(_ value: ValueID, _ perm: [Int]) throws -> ValueID {
    guard perm != Array(0..<perm.count) else { return value }
    return try call(.transpose, [.value(value)], ["perm": .ints(perm)])
  }
  /// Repeats along axes; the value's axes are the last ones of `dims`.
  func broadcast(_ value: ValueID, to dims: [Dim]) -> ValueID { context.emitter.broadcast(value, to: dims) }
  /// A tensor constant.
  func constant(_ tensor: Tensor) throws -> ValueID { try context.value(of: .constant(tensor)) }
  /// A scalar constant.
  func scalar(_ value: Double, _ element: ElementType) throws -> ValueID {
    // An integer wraps; what none can hold, as a model's attributes may, saturates.
    let integer = element.isFloat ? nil : Int64(exactly: value.rounded(.towardZero))
    return try constant(Tensor(repeating: integer.map { .signed($0) } ?? .float(value), element, shape: []))
  }
  /// A tensor of one number repeated.
  func filled(_ value: Double, _ element: ElementType, _ dims: [Dim]) throws -> ValueID {
    broadcast(try scalar(value, element), to: dims)
  }

  // MARK: Arithmetic on sizes

  func sum(_ a: Dim, _ b: Dim) throws -> Dim { try context.emitter.size(.add, a, b) }
  func difference(_ a: Dim, _ b: Dim) throws -> Dim { try context.emitter.size(.subtract, a, b) }
  func product(_ a: Dim, _ b: Dim) throws -> Dim { try context.emitter.size(.multiply, a, b) }
  func product(_ dims: some Sequence<Dim>) throws -> Dim { try dims.reduce(1) { try product($0, $1) } }
  /// Rounded down.
  func quotient(_ a: Dim, _ b: Dim) throws -> Dim { try context.emitter.size(.divide, a, b) }
  func smaller(_ a: Dim, _ b: Dim) throws -> Dim {
    if isAtMost(a, b) == .yes { return a }
    return isAtMost(b, a) == .yes ? b : try context.emitter.size("min", a, b)
  }
  func larger(_ a: Dim, _ b: Dim) throws -> Dim {
    if isAtMost(a, b) == .yes { return b }
    return isAtMost(b, a) == .yes ? a : try context.emitter.size("max", a, b)
  }
  func areEqual(_ a: Dim, _ b: Dim) -> Trilean { context.emitter.function.symbols.equal(a, b) }

  // MARK: Complaining

  func error(_ id: String, _ message: String) -> DiagnosticError { DiagnosticError(id: id, message, at: context.emitter.place) }
  func unsupported(_ message: String) -> DiagnosticError {
    DiagnosticError(.unsupported, id: "onnx.unsupported", message, at: context.emitter.place)
  }
}

extension Meaning {
  static func ints(_ values: [Int]) -> Meaning { .list(StaticList(values.map { .integer($0) })) }
  static func floats(_ values: [Double]) -> Meaning { .list(StaticList(values.map { .number($0) })) }
}
