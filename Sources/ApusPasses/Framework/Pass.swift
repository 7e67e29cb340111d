import ApusIR
import ApusSupport

/// A rewrite of modules that keeps their meaning, with a name for `--passes`.
public protocol Pass: Sendable {
  /// Lower-case words joined by `-`.
  var name: String { get }
  /// One line for people who list the passes.
  var summary: String { get }
  /// What may be set in the text of a pipeline: `canonicalize(fast-math=true)`.
  var parameters: [PassParameter] { get }

  /// Rewrites the module.
  /// - Returns: Whether anything changed.
  ///
  /// Throws `DiagnosticError` for programs that the pass cannot handle.
  func run(on module: inout Module, _ arguments: PassArguments) throws(DiagnosticError) -> Bool
}

/// Something about a pass that can be set, and what it is when it is not.
public struct PassParameter: Hashable, Sendable {
  public var name: String
  public var summary: String
  public var defaultValue: PassValue

  public init(_ name: String, _ summary: String, default defaultValue: PassValue) {
    self.name = name
    self.summary = summary
    self.defaultValue = defaultValue
  }
}

/// The value of a parameter of a pass.
public enum PassValue: Hashable, Sendable, CustomStringConvertible {
  case bool(Bool)
  case int(Int)

  public var description: String {
    switch self {
    case .bool(let value): String(value)
    case .int(let value): String(value)
    }
  }
}

/// The values of a pass's parameters: those that were set, and the defaults of the others.
public struct PassArguments: Hashable, Sendable {
  public private(set) var values: [String: PassValue]

  /// The defaults of `parameters`, replaced by `values`.
  public init(_ parameters: [PassParameter] = [], setting values: [String: PassValue] = [:]) {
    self.values = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.defaultValue) })
    for (name, value) in values {
      precondition(self.values[name] != nil, "the pass has no parameter `\(name)`")
      self.values[name] = value
    }
  }

  public func bool(_ name: String) -> Bool {
    guard case .bool(let value)? = values[name] else { preconditionFailure("`\(name)` is no bool of the pass") }
    return value
  }

  public func int(_ name: String) -> Int {
    guard case .int(let value)? = values[name] else { preconditionFailure("`\(name)` is no integer of the pass") }
    return value
  }
}

/// A pass over the module as a whole.
public struct ModulePass: Pass {
  public let name: String
  public let summary: String
  public let parameters: [PassParameter]
  private let body: @Sendable (inout Module, PassArguments) throws(DiagnosticError) -> Bool

  public init(
    _ name: String, _ summary: String, parameters: [PassParameter] = [],
    _ body: @escaping @Sendable (inout Module, PassArguments) throws(DiagnosticError) -> Bool
  ) {
    self.name = name
    self.summary = summary
    self.parameters = parameters
    self.body = body
  }

  public func run(on module: inout Module, _ arguments: PassArguments) throws(DiagnosticError) -> Bool {
    try body(&module, arguments)
  }
}

/// A pass over each function by itself.
public struct FunctionPass: Pass {
  public let name: String
  public let summary: String
  public let parameters: [PassParameter]
  private let phases: Set<Phase>
  private let body: @Sendable (inout Function, PassArguments) throws(DiagnosticError) -> Bool

  /// - Parameter phases: the functions in other phases are left alone.
  public init(
    _ name: String, _ summary: String, parameters: [PassParameter] = [], phases: Set<Phase> = [.graph, .fused],
    _ body: @escaping @Sendable (inout Function, PassArguments) throws(DiagnosticError) -> Bool
  ) {
    self.name = name
    self.summary = summary
    self.parameters = parameters
    self.phases = phases
    self.body = body
  }

  public func run(on module: inout Module, _ arguments: PassArguments) throws(DiagnosticError) -> Bool {
    var isChanged = false
    for id in module.ids where phases.contains(module[id].phase) {
      if try body(&module[id], arguments) { isChanged = true }
    }
    return isChanged
  }
}
