import ApusTensor

/// What every type of a function must keep to, whatever op it belongs to.
struct TypeRules {
  private let symbols: SymbolTable
  private let phase: Phase
  private let table: TypeTable
  /// The types that have been looked at, and whether their sizes are constants.
  private var isChecked: [TypeID: Bool] = [:]

  init(_ function: Function) {
    symbols = function.symbols
    phase = function.phase
    table = function.types
  }

  /// Whether the type, which has been looked at, names no symbol.
  func hasConstantSizes(_ id: TypeID) -> Bool { isChecked[id] ?? false }

  /// What is wrong with the type; said once, however many values have it.
  mutating func problem(of id: TypeID) -> (id: String, message: String)? {
    if isChecked[id] != nil { return nil }
    let type = table[id]
    isChecked[id] = type.dims.allSatisfy { $0.constantValue != nil }
    return problem(of: type)
  }

  func problem(of type: TensorType) -> (id: String, message: String)? {
    if type.rank > TypeParser.maximumRank {
      return ("dim.rank", "a tensor has at most \(TypeParser.maximumRank) axes, not \(type.rank)")
    }
    let isLow = phase == .loops
    if isLow != (type.form != .tensor) {
      return ("phase.illegal", "\(symbols.text(type)) is a \(type.form), which phase \(phase.rawValue) does not have")
    }
    if type.form == .register {
      let isLegal = type.rank == 0 || (type.rank == 1 && (type.dims[0].constantValue ?? 0) > 0)
      if !isLegal { return ("type.lanes", "a register has a constant number of lanes") }
    }
    if let layout = type.layout {
      if phase == .graph { return ("phase.illegal", "layouts are chosen after phase graph") }
      if !layout.isOrder(ofAxes: type.rank) {
        return ("type.layout", "the layout of \(symbols.text(type)) does not place every axis once")
      }
    }
    return sizeProblem(of: type)
  }

  private func sizeProblem(of type: TensorType) -> (id: String, message: String)? {
    var bytes = type.element.byteCount
    for dim in type.dims {
      let bounds = symbols.bounds(of: dim)
      if let upper = bounds.upper, upper < 0 {
        return ("dim.negative", "the size \(symbols.text(dim)) is negative")
      }
      // A size of 0 hides the others from the product, but not from the strides.
      guard let upper = bounds.upper, upper > 0 else { continue }
      let (product, overflow) = bytes.multipliedReportingOverflow(by: upper)
      if overflow {
        return ("dim.overflow", "\(symbols.text(type)) takes more bytes than an address can count")
      }
      bytes = product
    }
    return nil
  }
}
