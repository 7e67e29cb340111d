import ApusSupport

/// All ops there are, in the order of their numbers.
public struct Specification: Sendable {
  public struct Group: Sendable {
    public var name: String
    /// The comment at the start of the file.
    public var introduction: String
    public var declarations: [Declaration]
  }

  public var groups: [Group]

  public var declarations: [Declaration] { groups.flatMap(\.declarations) }

  /// The Swift functions that shape rules name, in the order of their first use.
  public var shapeFunctions: [String] {
    var names: [String] = []
    for declaration in declarations {
      if case .custom(let function, _) = declaration.results, !names.contains(function.value) {
        names.append(function.value)
      }
    }
    return names
  }

  /// Reads and checks the files of all groups, given in any order; a file's group is its name without folders
  /// and ending. Throws everything that is wrong with them, ids `spec.…`.
  public init(reading sources: [SourceText]) throws(DiagnosticError) {
    var diagnostics = Diagnostics()
    let read = sources.map { source in
      var parser = SpecParser(source, group: Self.group(of: source), diagnostics: diagnostics)
      defer { diagnostics = parser.diagnostics }
      return parser.file()
    }
    groups = []
    for name in Vocabulary.groups {
      if let group = read.first(where: { $0.name == name }) { groups.append(group) }
    }
    for (source, group) in zip(sources, read) where !Vocabulary.groups.contains(group.name) {
      let known = Vocabulary.groups.joined(separator: ", ")
      diagnostics.error(
        "spec.group", "there is no group `\(group.name)`", at: .file(source.name), hint: "the groups are \(known)")
    }
    SpecChecker.check(self, &diagnostics)
    try diagnostics.throwIfErrors()
  }

  private static func group(of source: SourceText) -> String {
    let file = source.name.split(separator: "/").last.map(String.init) ?? source.name
    return file.hasSuffix(".ops") ? String(file.dropLast(4)) : file
  }
}
