import ApusIR
public import ApusSupport
public import ApusTensor

/// What has been inferred of the tensors of a model.
public struct NamedTypes: Sendable {
  public struct Entry: Sendable {
    public let name: String
    /// For a narrow type, the one that carries its values.
    public let element: ElementType
    package let narrowType: NarrowType?
    /// nil where a size is not known before the model runs.
    public let sizes: [Int?]
  }

  /// The inputs, initializers and results of the model's graph, in the order of the file; without those that nothing is
  /// known of.
  public let entries: [Entry]
  /// What kept others from being typed; notes for what the values of inputs decide on.
  public let problems: [Diagnostic]
}

extension ONNXFile {
  /// Translates the model as far as that goes, and says what type each tensor is of.
  public func types(_ options: ImportOptions = ImportOptions()) -> NamedTypes {
    let translation = ModelImport(self, options)
    var problems: [Diagnostic] = []
    do {
      if case .needs(_, _, let needed) = try translation.outcome() {
        problems = needed.map { Diagnostic(.note, id: $0.id, $0.message, at: $0.place) }
      }
    } catch {
      problems = error.diagnostics
    }
    return NamedTypes(entries: translation.namedTypes, problems: problems)
  }
}

extension ModelImport {
  fileprivate var namedTypes: [NamedTypes.Entry] {
    let graph = model.graph
    let names = graph.inputs.map(\.name) + graph.initializers.map(\.name) + graph.nodes.flatMap(\.outputs)
    var seen: Set<String> = []
    return names.compactMap { name in
      guard seen.insert(name).inserted, let found = scopes.first?.names[name], let type = type(of: found) else { return nil }
      return NamedTypes.Entry(
        name: name, element: type.element, narrowType: found.narrowType, sizes: type.dims.map(\.constantValue))
    }
  }
}
