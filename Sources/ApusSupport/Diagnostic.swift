/// How grave a diagnostic is; `unsupported` is a valid program that Apus cannot compile here.
public enum Severity: String, Sendable, Hashable, CaseIterable {
  case error, unsupported, warning, note
}

/// Where a diagnostic points.
public enum Place: Sendable, Hashable {
  case none
  /// A whole file, named as the user wrote it.
  case file(String)
  case text(SourceText, Range<Int>)
  /// A place in a file whose text is not at hand; line and column count from 1.
  case line(file: String, line: Int, column: Int)
  /// A node of an imported model; `description` reads "node 'NAME' (Op, opset 17): tensor 'T'".
  case node(file: String, description: String)
  /// A line of the Swift program that built the graph.
  case swift(fileID: String, line: Int)

  public static func == (a: Place, b: Place) -> Bool {
    switch (a, b) {
    case (.none, .none): true
    case (.file(let x), .file(let y)): x == y
    case (.text(let s, let r), .text(let t, let q)): s === t && r == q
    case (.node(let f, let d), .node(let g, let e)): f == g && d == e
    case (.swift(let f, let l), .swift(let g, let m)): f == g && l == m
    case (.line(let f, let l, let c), .line(let g, let m, let d)): f == g && l == m && c == d
    case (.none, _), (.file, _), (.text, _), (.line, _), (.node, _), (.swift, _): false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .none: hasher.combine(0)
    case .file(let name): hasher.combine(name)
    case .text(let source, let range): hasher.combine(ObjectIdentifier(source)); hasher.combine(range)
    case .node(let file, let description): hasher.combine(file); hasher.combine(description)
    case .line(let file, let line, let column):
      hasher.combine(file)
      hasher.combine(line)
      hasher.combine(column)
    case .swift(let fileID, let line): hasher.combine(fileID); hasher.combine(line)
    }
  }
}

/// One finding: what is wrong, where, and what would help.
public struct Diagnostic: Sendable, Hashable {
  /// A second place that explains the first ("%w is defined here").
  public struct Note: Sendable, Hashable {
    public var message: String
    public var place: Place
    public init(_ message: String, at place: Place = .none) {
      self.message = message
      self.place = place
    }
  }

  public var severity: Severity
  /// Stable and dotted, `area.what`: `matmul.k`, `parse.expected`, `file.missing`.
  public var id: String
  public var message: String
  public var place: Place
  public var notes: [Note]
  /// What to do about it.
  public var hint: String?

  public init(
    _ severity: Severity = .error, id: String, _ message: String, at place: Place = .none,
    notes: [Note] = [], hint: String? = nil
  ) {
    self.severity = severity
    self.id = id
    self.message = message
    self.place = place
    self.notes = notes
    self.hint = hint
  }
}

/// A user's mistake, or a limit of ours, thrown with everything that was found.
public struct DiagnosticError: Error, Sendable, CustomStringConvertible {
  public var diagnostics: [Diagnostic]

  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  public init(
    _ severity: Severity = .error, id: String, _ message: String, at place: Place = .none,
    notes: [Diagnostic.Note] = [], hint: String? = nil
  ) {
    diagnostics = [Diagnostic(severity, id: id, message, at: place, notes: notes, hint: hint)]
  }

  public var description: String { diagnostics.map { $0.rendered() }.joined(separator: "\n") }
}

/// Collects diagnostics so that one run can report several.
public struct Diagnostics: Sendable {
  public private(set) var list: [Diagnostic] = []
  /// After this many errors the rest is dropped: a binary file must not print a million lines.
  public var limit: Int

  public init(limit: Int = 100) { self.limit = limit }

  public var hasErrors: Bool { list.contains { $0.severity == .error || $0.severity == .unsupported } }
  public var isFull: Bool { list.count >= limit }

  public mutating func add(_ diagnostic: Diagnostic) {
    if list.count < limit { list.append(diagnostic) }
  }

  public mutating func error(
    _ id: String, _ message: String, at place: Place = .none, notes: [Diagnostic.Note] = [], hint: String? = nil
  ) {
    add(Diagnostic(.error, id: id, message, at: place, notes: notes, hint: hint))
  }

  /// Throws everything collected when any of it is an error.
  public func throwIfErrors() throws(DiagnosticError) {
    if hasErrors { throw DiagnosticError(list) }
  }
}
