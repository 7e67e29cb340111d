import ApusIR
import ApusSupport
import ApusTensor

/// The values and sizes of one running function.
final class Frame {
  let function: Function
  let plan: FunctionPlan
  private let budget: Budget
  private var values: [RuntimeValue?]
  private var symbols: [Int?]

  init(_ function: Function, _ plan: FunctionPlan, _ budget: Budget) {
    self.function = function
    self.plan = plan
    self.budget = budget
    values = Array(repeating: nil, count: function.valueCapacity)
    symbols = Array(repeating: nil, count: function.symbols.count)
  }

  deinit {
    for value in values { budget.release(byteCount: value?.byteCount ?? 0) }
  }

  // MARK: Values

  subscript(value: ValueID) -> RuntimeValue {
    guard let found = values[value.index] else { preconditionFailure("a value is read before it is defined") }
    return found
  }

  func set(_ value: ValueID, _ new: RuntimeValue) {
    drop(value)
    budget.retain(byteCount: new.byteCount)
    values[value.index] = new
  }

  func drop(_ value: ValueID) {
    guard let old = values[value.index] else { return }
    budget.release(byteCount: old.byteCount)
    values[value.index] = nil
  }

  /// Sets a value and checks its shape against its type. Symbols of the type that data define take their value
  /// from the shape; with `mayRedefine` false only those that have none yet.
  ///
  /// Throws `input.shape` and `size.bounds`.
  func define(_ value: ValueID, _ new: RuntimeValue, mayRedefine: (SymbolID) -> Bool) throws {
    // The lanes of a register are constants.
    if case .register = new { return set(value, new) }
    let type = function.type(of: value)
    let shape = new.shape
    guard shape.count == type.rank else {
      throw mismatch(value, "has rank \(shape.count), not \(type.rank)")
    }
    for (axis, dim) in type.dims.enumerated() {
      if let id = dim.symbolID, function.symbols[id].origin == .value, symbols[id.index] == nil || mayRedefine(id) {
        try define(id, shape[axis], axis: axis)
      } else if let expected = try? size(dim), expected != shape[axis] {
        throw mismatch(value, "is \(shape[axis]) along axis \(axis), not \(expected)")
      }
    }
    set(value, new)
  }

  /// Gives the symbols of a type that data define their values, by axis.
  ///
  /// Throws `size.bounds`.
  func define(_ sizes: [Int], of type: TensorType) throws {
    let axes = type.dims.enumerated().compactMap { axis, dim in
      dim.symbolID.flatMap { function.symbols[$0].origin == .value ? (axis: axis, symbol: $0) : nil }
    }
    for (value, (axis, symbol)) in zip(sizes, axes) { try define(symbol, value, axis: axis) }
  }

  private func define(_ symbol: SymbolID, _ value: Int, axis: Int) throws {
    symbols[symbol.index] = value
    guard function.symbols[symbol].bounds.contains(value) else {
      throw DiagnosticError(
        id: "size.bounds", "axis \(axis) is \(value), but its size lies in \(text(function.symbols[symbol].bounds))")
    }
  }

  private func mismatch(_ value: ValueID, _ what: String) -> DiagnosticError {
    let name = function.name(of: value).map { "%\($0)" } ?? "a value"
    return DiagnosticError(id: "input.shape", "\(name) \(what): the sizes of the inputs do not fit this function")
  }

  // MARK: Sizes

  func bind(_ symbol: SymbolID, _ value: Int) { symbols[symbol.index] = value }
  func value(of symbol: SymbolID) -> Int? { symbols[symbol.index] }

  /// The value of a dimension.
  ///
  /// Throws `input.shape` when a symbol has no value, or the value does not fit in 64 bits.
  func size(_ dim: Dim) throws -> Int {
    if let constant = dim.constantValue { return constant }
    var unbound: SymbolID?
    dim.forEachSymbol { if symbols[$0.index] == nil { unbound = $0 } }
    if let unbound {
      throw DiagnosticError(id: "input.shape", "no input binds the size \(function.symbols[unbound].name)")
    }
    do {
      return try dim.evaluate { symbols[$0.index] ?? 0 }
    } catch {
      throw DiagnosticError(id: "input.shape", "a size cannot be computed: it overflows or divides by zero")
    }
  }

  /// The type with every size that is known as a constant.
  func resolved(_ type: TensorType) -> TensorType {
    if type.constantShape != nil { return type }
    return type.with(dims: type.dims.map { dim in (try? size(dim)).map { .constant($0) } ?? dim })
  }

  /// The result types of an op with every size that is known as a constant.
  func resolvedTypes(_ step: Step) -> [TensorType] {
    step.areSizesKnown ? step.resultTypes : step.resultTypes.map(resolved)
  }

  /// The attributes with every size as a constant.
  func resolvedAttributes(of op: OpID) throws -> [NamedAttribute] {
    var list = function.attributes(of: op)
    for index in list.indices {
      guard case .dims(let dims) = list[index].value else { continue }
      list[index].value = .dims(try dims.map { .constant(try size($0)) })
    }
    return list
  }
}

func text(_ bounds: DimBounds) -> String {
  "\(bounds.lower.map(String.init) ?? "")...\(bounds.upper.map(String.init) ?? "")"
}
