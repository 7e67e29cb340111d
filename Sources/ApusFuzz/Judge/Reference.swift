import ApusIR
import ApusInterpreter
import ApusPasses
import ApusSupport
import ApusTensor

/// What a module's results on some inputs have to be, whoever computes them.
struct Reference {
  let inputs: [Tensor]
  private let module: Module
  private let outcome: Outcome

  private enum Outcome {
    /// Bounds of every result.
    case enclosed([Enclosure])
    /// Results whose bounds are not known, as where a branch depends on rounding.
    case types([(ElementType, Int)])
    /// The run ends with this diagnostic.
    case failure(id: String)
  }

  /// The work that the interpreter may do for one case. A `while` of a graph that takes this many turns likely takes them for
  /// ever; lowered loops take one for each element.
  private static func limits(_ module: Module) -> Limits {
    Limits(memory: 1 << 28, steps: module.functions.first?.phase == .loops ? 1 << 22 : 1 << 12)
  }

  /// Throws what is no result of the module: a limit that was hit.
  ///
  /// - Parameter slack: what is granted to who computes them.
  init(_ module: Module, _ inputs: [Tensor], slack: Slack? = nil) throws {
    self.inputs = inputs
    self.module = module
    let interpreter = Self.interpreter(module)
    do {
      if let enclosures = try interpreter.enclose(inputs, slack: slack) {
        outcome = .enclosed(enclosures)
      } else {
        outcome = .types(try interpreter.run(inputs).map { ($0.elementType, $0.rank) })
      }
    } catch let error as DiagnosticError {
      let id = error.diagnostics.first?.id ?? ""
      if id.hasPrefix("limit.") { throw error }
      outcome = .failure(id: id)
    }
  }

  static func interpreter(_ module: Module) -> Interpreter {
    Interpreter(module, limits: limits(module), customOperations: FuzzOperations.interpreted)
  }

  /// Whether there are results to compare with.
  var hasResults: Bool { if case .failure = outcome { false } else { true } }

  /// The first of the results that is wrong.
  func firstContradiction(_ results: [Tensor]) -> Int? {
    guard case .enclosed(let enclosures) = outcome else { return nil }
    return zip(enclosures, results).enumerated().first { $1.0.contradiction($1.1) != nil }?.offset
  }

  /// What is wrong with results; `nil` where nothing is.
  func contradiction(_ found: RunOutcome) -> String? {
    switch (outcome, found) {
    case (.failure(let id), .failure(let found, let message)):
      return id == found || Self.failuresOfData.contains(found) ? nil : "must fail with \(id), and does with \(found): \(message)"
    case (.failure(let id), .results): return mustFail ? "must fail with \(id), and has results" : nil
    case (.enclosed, .failure(let id, let message)), (.types, .failure(let id, let message)): return "fails: \(id): \(message)"
    case (.enclosed(let enclosures), .results(let results)):
      guard enclosures.count == results.count else { return "\(results.count) results for \(enclosures.count)" }
      for (index, (enclosure, result)) in zip(enclosures, results).enumerated() {
        if let problem = enclosure.contradiction(result) { return "result \(index): \(problem)" }
      }
      return nil
    case (.types(let types), .results(let results)):
      let isFitting = types.elementsEqual(results) { $0.0 == $1.elementType && $0.1 == $1.rank }
      return isFitting ? nil : "the results have other types"
    }
  }

  /// What data decide: where they decide more than one of them, any may be reported (S11.8).
  private static let failuresOfData: Set = ["input.shape", "index.range", "size.bounds", "assert.failed"]

  /// Whether the results need what fails: the rest may be left out (S11.9).
  private var mustFail: Bool {
    var module = module
    let simplification = Passes.prepare + Passes.simplify + Passes.simplify
    guard (try? simplification.run(on: &module)) != nil,
      let outcome = try? RunOutcome({ try Self.interpreter(module).run(inputs) })
    else { return false }
    if case .failure = outcome { return true }
    return false
  }
}

/// How a run ended.
enum RunOutcome: Equatable {
  case results([Tensor])
  case failure(id: String, String)

  init(_ body: () throws -> [Tensor]) throws {
    do {
      self = .results(try body())
    } catch let error as DiagnosticError {
      let first = error.diagnostics.first
      if first?.id.hasPrefix("limit.") == true { throw error }
      self = .failure(id: first?.id ?? "", first?.message ?? "")
    }
  }

  /// The diagnostic's id or the bits: what must be the same again.
  func isSame(as other: RunOutcome) -> Bool {
    switch (self, other) {
    case (.results(let a), .results(let b)): a == b
    case (.failure(let a, _), .failure(let b, _)): a == b
    case (.results, .failure), (.failure, .results): false
    }
  }
}
