public import ApusIR
public import ApusSupport
public import ApusTensor

/// What is settled before a model is imported.
public struct ImportOptions: Sendable {
  /// Sizes of inputs that the model leaves open, by the input's name.
  public var shapes: [String: [Int]] = [:]
  /// Shapes of inputs that the module must serve. Unlike `shapes` they leave sizes open: where one decides what the module
  /// looks like, it is made for those that decide as these do, and its guards say which.
  public var examples: [String: [Int]] = [:]
  /// What conditions on sizes and values are taken for that nothing else decides. The module can be looked at, not run.
  public var assumption: Bool?
  /// What inputs that are no tensors hold. Each of their tensors becomes a parameter, called as ``Structured/named(_:)`` does.
  public var forms: [String: Structured<TensorForm>] = [:]
  /// Values of inputs that the model is to be specialised on. They stay inputs, whose values are not looked at again.
  public var values: [String: Tensor] = [:]
  /// Inputs that are given although the model has a default for them.
  public var given: Set<String> = []
  /// Bytes that a tensor of the model may have.
  public var memoryLimit = Int.max
  /// Runs a module of constants: the interpreter. Without it nothing that takes computing is known while importing.
  public var evaluate: (@Sendable (Module) throws(DiagnosticError) -> [Tensor])?

  public init(evaluate: (@Sendable (Module) throws(DiagnosticError) -> [Tensor])? = nil) { self.evaluate = evaluate }
}

/// What came of an import.
public enum ImportOutcome: Sendable {
  /// The function's results are the tensors of the outputs; `outputs` are those by the number of their result. It is for
  /// shapes that the guards hold for, and refuses others.
  case module(Module, outputs: [Structured<Int>], guards: SizeGuards)
  /// The model can be imported once the values of these inputs, or the shapes of all, are known; the problems say what
  /// depends on them.
  case needs(values: Set<String>, shapes: Bool, problems: [Diagnostic])
}
