import ApusSupport

/// One op as its `.ops` file declares it.
public struct Declaration: Sendable {
  /// As written in text: `reduce_sum`.
  public var name: Written<String>
  /// The name of the file it stands in, without the ending.
  public var group: String
  /// The `///` comment, its lines joined.
  public var summary: String
  public var operands: [Operand] = []
  public var attributes: [AttributeDeclaration] = []
  public var results: Results = .patterns([])
  public var regions: [Region] = []
  public var typeVariables: [TypeVariable] = []
  public var traits: [Written<Trait>] = []
  public var phases: [Written<Phase>] = []
  public var constraints: [Constraint] = []
  /// A composite's definition in the graph language, without its indentation.
  public var body: String?
  public var examples: [String] = []
  public var error: ErrorBound = .units("0")
  /// The file it stands in.
  public let source: SourceText

  init(name: Written<String>, group: String, summary: String, source: SourceText) {
    self.name = name
    self.group = group
    self.summary = summary
    self.source = source
  }

  /// Whether the op may stand in graphs, and so has a builder.
  public var isGraphOp: Bool { phases.contains { $0.value == .graph } }
}

/// A piece of a declaration and where it is written, as a range of bytes of the file.
public struct Written<Value: Sendable & Equatable>: Sendable, Equatable {
  public var value: Value
  public var range: Range<Int>

  init(_ value: Value, at range: Range<Int>) {
    self.value = value
    self.range = range
  }
}

/// `lhs: [..b, m, k]T`
public struct Operand: Sendable {
  public enum Arity: String, Sendable, CaseIterable {
    case one = ""
    case optional = "?"
    case zeroOrMore = "*"
    case oneOrMore = "+"

    public var isVariadic: Bool { self == .zeroOrMore || self == .oneOrMore }
  }

  public var name: Written<String>
  public var pattern: Pattern
  public var arity: Arity
}

/// A type with holes: `[..b, m, k]T`, `&[n]f32`, `<>s64`, `any`.
public struct Pattern: Sendable {
  public enum Form: Sendable, Equatable {
    /// Tensors, or registers in phase `loops`.
    case value
    case buffer
    case register
  }

  public enum Dim: Sendable, Equatable {
    case pack(String)
    case named(String)
    case constant(Int)
  }

  public enum Element: Sendable, Equatable {
    case any
    case variable(String)
    case fixed(String)
  }

  /// `nil` for `any`, which takes every type.
  public var shape: [Dim]?
  public var form: Form = .value
  public var element: Element = .any
  public var range: Range<Int>
}

/// `axis: axis(x) = -1`
public struct AttributeDeclaration: Sendable {
  public enum Kind: Sendable, Equatable {
    case int, float, bool, string, ints, floats, dims, elementType, function, constant, schedule
    case name([String])
    case axis(of: Written<String>)
    case axes(of: Written<String>)
  }

  public enum Default: Sendable, Equatable {
    case int(Int)
    /// As written, so that the generated literal reads like the declaration.
    case float(String)
    case bool(Bool)
    /// Without quotes and escapes.
    case string(String)
    case name(String)
    case integers([Int])
    case floats([String])
  }

  public var name: Written<String>
  public var kind: Kind
  public var defaultValue: Default?
  public var isOptional: Bool
}

public enum Results: Sendable {
  /// `names` has an entry for each pattern if there are several.
  case patterns([Pattern], names: [Written<String>] = [])
  /// A Swift function; `names` are those of its results if it has several.
  case custom(Written<String>, names: [Written<String>] = [])
  case stated
}

public struct Region: Sendable {
  public var name: Written<String>
  public var isIsolated: Bool
}

/// `where T: float`
public struct TypeVariable: Sendable {
  public var name: Written<String>
  public var elementClass: ElementClass
}

/// `C1 "ranks agree"`
public struct Constraint: Sendable {
  public var number: Written<Int>
  public var text: String
  public var id: String { "C\(number.value)" }
}

public enum ErrorBound: Sendable, Equatable {
  /// Units in the last place, as written.
  case units(String)
  /// It depends on the length of a reduction.
  case sum
}
