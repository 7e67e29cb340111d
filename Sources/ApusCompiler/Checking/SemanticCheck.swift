import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor

/// Whether two forms of a module mean the same: the interpreter runs both on random inputs.
public struct SemanticCheck: Sendable {
  public var seed: UInt64
  /// How many sets of inputs are tried.
  public var trials: Int

  public init(seed: UInt64 = 1, trials: Int = 3) {
    self.seed = seed
    self.trials = trials
  }

  /// Runs every function that both have.
  ///
  /// Inputs that the first form refuses say nothing and are left out. Throws `semantics.changed`.
  public func compare(_ before: Module, _ after: Module) throws {
    for function in before.functions where after.find(function.name) != nil {
      for trial in 0..<trials {
        var random = RandomInputs(seed: seed &+ UInt64(trial))
        guard let inputs = try? random.inputs(of: function),
          let expected = try? Interpreter(before, limits: Self.limits).run(inputs, function: function.name)
        else { continue }
        try compare(expected, after, function.name, inputs)
      }
    }
  }

  /// A run of random sizes stays small.
  private static let limits = Limits(memory: 1 << 28, steps: 10_000_000)

  private func compare(_ expected: [Tensor], _ after: Module, _ name: String, _ inputs: [Tensor]) throws {
    let shapes = inputs.map(\.description).joined(separator: ", ")
    let actual: [Tensor]
    do {
      actual = try Interpreter(after, limits: Self.limits).run(inputs, function: name)
    } catch let error as DiagnosticError {
      throw DiagnosticError(
        id: "semantics.changed", "@\(name) fails now on inputs it took before: \(error.diagnostics.first?.message ?? "")",
        notes: [Diagnostic.Note("the inputs are \(shapes), seed \(seed)")])
    }
    for (index, (wanted, got)) in zip(expected, actual).enumerated() {
      let tolerance = Self.tolerance(wanted.elementType)
      let comparison = TensorComparison(got, wanted, relative: tolerance, absolute: tolerance)
      guard let message = comparison.message else { continue }
      throw DiagnosticError(
        id: "semantics.changed", "result \(index) of @\(name) has changed: \(message)",
        notes: [Diagnostic.Note("the inputs are \(shapes), seed \(seed)")])
    }
  }

  /// Passes may compute in another order; what they may not is change a digit that counts.
  private static func tolerance(_ type: ElementType) -> Double {
    switch type {
    case .f64: 1e-9
    case .f32: 1e-4
    case .f16: 2e-2
    case .bf16: 1e-1
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: 0
    }
  }
}
