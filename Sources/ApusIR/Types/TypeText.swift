import ApusTensor

extension SymbolTable {
  /// A dimension as text: `B*T + 1`, `floordiv(N, 4)`, `min(N, 16)`; `?` for an existential one.
  public func text(_ dim: Dim) -> String {
    switch dim {
    case .constant(let value): return String(value)
    case .polynomial(let polynomial):
      // The leading term first, as people write it.
      var text = ""
      for term in polynomial.terms.reversed() {
        let factors = term.factors.map(self.text).joined(separator: "*")
        let size = term.coefficient.magnitude
        let body = factors.isEmpty ? "\(size)" : size == 1 ? factors : "\(size)*\(factors)"
        if text.isEmpty {
          text = term.coefficient < 0 ? "-\(body)" : body
        } else {
          text += term.coefficient < 0 ? " - \(body)" : " + \(body)"
        }
      }
      return text
    }
  }

  private func text(_ atom: Dim.Atom) -> String {
    switch atom {
    case .symbol(let id): return self[id].name.isEmpty ? "?" : self[id].name
    case .floordiv(let a, let b): return "floordiv(\(text(a)), \(text(b)))"
    case .mod(let a, let b): return "mod(\(text(a)), \(text(b)))"
    case .min(let a, let b): return "min(\(text(a)), \(text(b)))"
    case .max(let a, let b): return "max(\(text(a)), \(text(b)))"
    }
  }

  /// A type as text: `f32[B, 10]`, `&f32[B, 10]`, `f32<8>`, `f32[N, 64]{0, 1/16, 1%16}`.
  public func text(_ type: TensorType) -> String {
    let dims = type.dims.map { text($0) }.joined(separator: ", ")
    switch type.form {
    case .tensor: return "\(type.element)[\(dims)]\(text(type.layout))"
    case .buffer: return "&\(type.element)[\(dims)]\(text(type.layout))"
    case .register: return "\(type.element)<\(dims)>"
    }
  }

  private func text(_ layout: Layout?) -> String {
    guard let layout else { return "" }
    let entries = layout.entries.map { entry in
      switch entry.part {
      case .whole: "\(entry.axis)"
      case .outer(let block): "\(entry.axis)/\(block)"
      case .inner(let block): "\(entry.axis)%\(block)"
      }
    }
    return "{" + entries.joined(separator: ", ") + "}"
  }
}
