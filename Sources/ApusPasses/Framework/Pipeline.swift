import ApusIR
import ApusSupport

/// Passes in order, with their arguments.
public struct Pipeline: Sendable {
  public struct Step: Sendable {
    public var pass: any Pass
    public var arguments: PassArguments

    public init(_ pass: any Pass, setting values: [String: PassValue] = [:]) {
      self.pass = pass
      arguments = PassArguments(pass.parameters, setting: values)
    }
  }

  public var steps: [Step]

  public init(_ passes: [any Pass]) { steps = passes.map { Step($0) } }
  public init(steps: [Step]) { self.steps = steps }

  public static func + (a: Pipeline, b: Pipeline) -> Pipeline { Pipeline(steps: a.steps + b.steps) }

  /// What may be done around each pass.
  public struct Hooks {
    /// The time since some fixed moment; without it reports hold zero.
    public var clock: (() -> Duration)?
    /// Called with the module after each pass.
    public var afterPass: ((_ pass: any Pass, _ module: Module) -> Void)?
    /// Throws when the module is not valid.
    public var verify: ((_ module: Module) throws -> Void)?
    /// Throws when both modules do not mean the same.
    public var compare: ((_ before: Module, _ after: Module) throws -> Void)?

    public init(
      clock: (() -> Duration)? = nil, afterPass: ((_ pass: any Pass, _ module: Module) -> Void)? = nil,
      verify: ((_ module: Module) throws -> Void)? = nil,
      compare: ((_ before: Module, _ after: Module) throws -> Void)? = nil
    ) {
      self.clock = clock
      self.afterPass = afterPass
      self.verify = verify
      self.compare = compare
    }
  }

  /// What one pass did.
  public struct Report: Sendable {
    public var pass: String
    public var isChanged: Bool
    /// How long the pass itself ran, hooks not included.
    public var duration: Duration
  }

  /// Runs all passes.
  ///
  /// Throws what a pass reports of the program, and what the hooks throw, which the error then names the pass of.
  @discardableResult
  public func run(on module: inout Module, _ hooks: Hooks = Hooks()) throws -> [Report] {
    var reports: [Report] = []
    for step in steps {
      let before = hooks.compare == nil ? nil : module
      let start = hooks.clock?() ?? .zero
      let isChanged = try step.pass.run(on: &module, step.arguments)
      let end = hooks.clock?() ?? .zero
      reports.append(Report(pass: step.pass.name, isChanged: isChanged, duration: end - start))
      hooks.afterPass?(step.pass, module)
      do {
        try hooks.verify?(module)
        if let before { try hooks.compare?(before, module) }
      } catch let error as DiagnosticError {
        throw DiagnosticError(
          error.diagnostics.map { found in
            var found = found
            found.notes.append(Diagnostic.Note("after the pass `\(step.pass.name)`"))
            return found
          })
      }
    }
    return reports
  }
}

extension Pipeline: CustomStringConvertible {
  /// The text that `parse` reads: `a,b(c=1),d`. Arguments that have their defaults are left out.
  public var description: String {
    steps.map { step in
      let set = step.pass.parameters.compactMap { parameter -> String? in
        guard let value = step.arguments.values[parameter.name], value != parameter.defaultValue else { return nil }
        return "\(parameter.name)=\(value)"
      }
      return set.isEmpty ? step.pass.name : "\(step.pass.name)(\(set.joined(separator: ",")))"
    }.joined(separator: ",")
  }
}
