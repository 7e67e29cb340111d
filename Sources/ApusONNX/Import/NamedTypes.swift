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

  /// A name whose type is not known, or that stands for no tensor.
  public struct Untyped: Sendable {
    public let name: String
    public let reason: String
  }

  /// The inputs, initializers and results of the model's graph, in the order of the file; without those that nothing is
  /// known of.
  public let entries: [Entry]
  /// The others, in the same order.
  public let untyped: [Untyped]
  /// What kept them from being typed; notes for what the values of inputs decide on.
  public let problems: [Diagnostic]
}

extension ONNXFile {
  /// Translates the model as far as that goes, and says what type each tensor is of.
  public func types(_ options: ImportOptions = ImportOptions()) -> NamedTypes {
    let (known, isWhole) = types(options, nil)
    if isWhole { return known }
    // Where sizes or values decide which branch runs, either may say more.
    for assumption in [true, false] {
      let (found, isWhole) = types(options, assumption)
      if isWhole { return found }
    }
    return known
  }

  private func types(_ options: ImportOptions, _ assumption: Bool?) -> (NamedTypes, isWhole: Bool) {
    var options = options
    options.assumption = assumption
    let translation = ModelImport(self, options)
    var problems: [Diagnostic] = []
    var isWhole = false
    do {
      switch try translation.outcome() {
      case .module(_, _, let guards):
        problems = guards.notes
        isWhole = true
      case .needs(_, _, let needed): problems = needed.map { Diagnostic(.note, id: $0.id, $0.message, at: $0.place) }
      }
    } catch {
      problems = error.diagnostics
    }
    let (entries, untyped) = translation.namedTypes
    return (NamedTypes(entries: entries, untyped: untyped, problems: problems), isWhole)
  }
}

extension ModelImport {
  /// How many problems have been taken down so far.
  var problemCounts: (found: Int, needed: Int) { (diagnostics.list.count, needed.problems.count) }

  /// Leaves outputs of a node, or an input, poisoned: because of a problem that has been taken down since there were so
  /// many, or else because of what the node reads.
  func poison(_ names: [String], since before: (found: Int, needed: Int), reading inputs: [String] = []) {
    for name in names { bind(name, .poison) }
    guard scopes.count == 1 else { return }
    let reason =
      if diagnostics.list.count > before.found {
        diagnostics.list[before.found].message
      } else if needed.problems.count > before.needed {
        needed.problems[before.needed].message
      } else if let source = inputs.first(where: { find($0)?.isPoison ?? false }) {
        "it depends on \(quoted(source))"
      } else {
        "too much else is wrong"
      }
    for name in names where !name.isEmpty { refusals[name] = reason }
  }

  fileprivate var namedTypes: ([NamedTypes.Entry], [NamedTypes.Untyped]) {
    let graph = model.graph
    let names = graph.inputs.map(\.name) + graph.initializers.map(\.name) + graph.nodes.flatMap(\.outputs)
    var seen: Set<String> = []
    var entries: [NamedTypes.Entry] = []
    var untyped: [NamedTypes.Untyped] = []
    for name in names where !name.isEmpty && seen.insert(name).inserted {
      let found = scopes.first?.names[name]
      if let found, let type = type(of: found) {
        entries.append(
          NamedTypes.Entry(
            name: name, element: type.element, narrowType: found.narrowType, sizes: type.dims.map(\.constantValue)))
      } else {
        untyped.append(NamedTypes.Untyped(name: name, reason: refusals[name] ?? Self.kind(of: found)))
      }
    }
    return (entries, untyped)
  }

  /// What a name stands for that has no type.
  private static func kind(of imported: Imported?) -> String {
    switch imported?.carried {
    case .sequence(let entries): "it is a sequence of \(entries.count)"
    case .absent: "nothing computes it"
    case .poison, .narrow, .value, .constant, .sizes, .fractions, nil: "it has not been looked at"
    }
  }
}
