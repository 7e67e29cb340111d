import ApusTensor

extension SymbolTable {
  /// A dimension as both languages write it: `B*T + 1`, `floordiv(T, 2)`; `?` for one without a name.
  public func text(_ dim: Dim) -> String {
    var writer = TypeWriter(self)
    writer.write(dim)
    return writer.text
  }

  /// A type as `.ir` writes it: `f32[B, 784]`, `&f32[N, C]{0, 1/16, 1%16}`, `f32<8>`.
  public func text(_ type: TensorType) -> String {
    var writer = TypeWriter(self)
    writer.write(type)
    return writer.text
  }
}

/// Writes dimensions and types of one function.
struct TypeWriter {
  let symbols: SymbolTable
  var text = ""
  /// Names for the symbols without one that `?` cannot stand for: those in several places.
  var names: [SymbolID: String] = [:]

  init(_ symbols: SymbolTable) { self.symbols = symbols }

  mutating func write(_ type: TensorType) {
    if type.form == .buffer { text += "&" }
    text += type.element.name
    text += type.form == .register ? "<" : "["
    write(type.dims)
    text += type.form == .register ? ">" : "]"
    if let layout = type.layout, !layout.entries.isEmpty { write(layout) }
  }

  /// Separated by commas.
  mutating func write(_ dims: [Dim]) {
    for (index, dim) in dims.enumerated() {
      if index > 0 { text += ", " }
      if let id = dim.symbolID {
        write(id, isWhole: true)
      } else {
        write(dim)
      }
    }
  }

  mutating func write(_ dim: Dim) {
    guard case .polynomial(let polynomial) = dim else {
      text += String(dim.constantValue ?? 0)
      return
    }
    // The normal form starts with the constant; people end with it, and with what is subtracted.
    let terms = polynomial.terms.filter { !$0.factors.isEmpty } + polynomial.terms.filter { $0.factors.isEmpty }
    let ordered = terms.filter { $0.coefficient > 0 } + terms.filter { $0.coefficient <= 0 }
    for (index, term) in ordered.enumerated() {
      let isNegative = term.coefficient < 0
      if index > 0 { text += isNegative ? " - " : " + " } else if isNegative { text += "-" }
      write(term)
    }
  }

  /// The term without its sign.
  private mutating func write(_ term: Dim.Term) {
    let magnitude = term.coefficient.magnitude
    if magnitude != 1 || term.factors.isEmpty {
      text += String(magnitude)
      if !term.factors.isEmpty { text += "*" }
    }
    for (index, factor) in term.factors.enumerated() {
      if index > 0 { text += "*" }
      switch factor {
      case .symbol(let id): write(id, isWhole: false)
      case .floordiv(let a, let b): write("floordiv", a, b)
      case .mod(let a, let b): write("mod", a, b)
      case .min(let a, let b): write("min", a, b)
      case .max(let a, let b): write("max", a, b)
      }
    }
  }

  private mutating func write(_ function: String, _ a: Dim, _ b: Dim) {
    text += function
    text += "("
    write(a)
    text += ", "
    write(b)
    text += ")"
  }

  /// `isWhole`: the symbol is the whole size, where bounds may follow a `?`.
  private mutating func write(_ id: SymbolID, isWhole: Bool) {
    let symbol = symbols[id]
    let name = names[id] ?? symbol.name
    guard name.isEmpty else {
      text += NameText.word(name)
      return
    }
    text += "?"
    guard isWhole else { return }
    switch (symbol.bounds.lower ?? 0, symbol.bounds.upper) {
    case (0, nil): break
    case (0, let upper?): text += " <= \(upper)"
    case (let lower, nil): text += " >= \(lower)"
    case (let lower, let upper?): text += " in \(lower)...\(upper)"
    }
  }

  private mutating func write(_ layout: Layout) {
    text += "{"
    for (index, entry) in layout.entries.enumerated() {
      if index > 0 { text += ", " }
      text += String(entry.axis)
      switch entry.part {
      case .whole: break
      case .outer(let block): text += "/\(block)"
      case .inner(let block): text += "%\(block)"
      }
    }
    text += "}"
  }
}
