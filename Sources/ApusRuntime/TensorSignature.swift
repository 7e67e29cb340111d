public import ApusSupport
public import ApusTensor

/// An input or output of an executable: what the caller must pass, or gets.
public struct TensorSignature: Sendable, Hashable {
  /// An extent: fixed when compiled, or known only by its name until a call.
  public enum Dimension: Sendable, Hashable, CustomStringConvertible {
    case fixed(Int)
    case symbolic(String)

    public var description: String {
      switch self {
      case .fixed(let extent): "\(extent)"
      case .symbolic(let text): text
      }
    }
  }

  public var name: String
  public var elementType: ElementType
  public var dimensions: [Dimension]

  public init(_ name: String, _ elementType: ElementType, _ dimensions: [Dimension]) {
    self.name = name
    self.elementType = elementType
    self.dimensions = dimensions
  }

  /// As the text forms write it: `f32[B, 784]`.
  public var typeText: String { "\(elementType)[\(dimensions.map(\.description).joined(separator: ", "))]" }

  /// The extents when all are fixed.
  public var fixedShape: [Int]? {
    var shape: [Int] = []
    for dimension in dimensions {
      guard case .fixed(let extent) = dimension else { return nil }
      shape.append(extent)
    }
    return shape
  }

  /// What keeps `tensor` from being passed here, or nil: `input.type`, `input.rank` or `input.shape`.
  func mismatch(_ tensor: Tensor) -> Diagnostic? {
    let given = "\(tensor.elementType)[\(tensor.shape.map(String.init).joined(separator: ", "))]"
    func diagnostic(_ id: String) -> Diagnostic {
      Diagnostic(id: id, "'\(name)' is \(given), but \(typeText) is expected")
    }
    guard tensor.elementType == elementType else { return diagnostic("input.type") }
    guard tensor.rank == dimensions.count else { return diagnostic("input.rank") }
    for (extent, dimension) in zip(tensor.shape, dimensions) {
      if case .fixed(let expected) = dimension, expected != extent { return diagnostic("input.shape") }
    }
    return nil
  }
}

extension [TensorSignature] {
  /// The tensors given by name in the order of these inputs of `function`.
  ///
  /// Throws `input.missing` and `input.unknown`, all of them at once.
  public func positional(_ named: [String: Tensor], of function: String) throws(DiagnosticError) -> [Tensor] {
    var diagnostics: [Diagnostic] = []
    var positional: [Tensor] = []
    for signature in self {
      if let tensor = named[signature.name] {
        positional.append(tensor)
      } else {
        diagnostics.append(
          Diagnostic(id: "input.missing", "no value is given for input '\(signature.name)': \(signature.typeText)"))
      }
    }
    for name in named.keys.sorted() where !contains(where: { $0.name == name }) {
      let names = map { "'\($0.name)'" }.joined(separator: ", ")
      diagnostics.append(
        Diagnostic(
          id: "input.unknown", "'\(function)' has no input '\(name)'",
          hint: isEmpty ? "it has no inputs" : "its inputs are \(names)"))
    }
    guard diagnostics.isEmpty else { throw DiagnosticError(diagnostics) }
    return positional
  }
}
