import ApusIR
import ApusInterpreter
public import ApusONNX
import ApusRuntime
import ApusSupport
public import ApusTensor
import Synchronization

/// A model from an ONNX file, compiled once for all inputs where that is possible, and where it is not once more for each
/// set of shapes and values that an attribute of ours depends on. Any number of tasks may run one at once; a variant that
/// several of them need is compiled by the first, and the others wait for it.
public final class ImportedModel: Sendable {
  /// The model as it was made for some inputs.
  public struct Variant: Sendable {
    public let model: Model
    /// The outputs of the file, by the numbers of the model's.
    let outputs: [Structured<Int>]
  }

  public let file: ONNXFile
  /// What the file declares; inputs with defaults need not be given.
  public let inputs: [ONNXFile.Signature]
  public let outputs: [ONNXFile.Signature]
  public let options: CompilerOptions
  /// Whether the reference interpreter runs it.
  public let isInterpreted: Bool
  private let state: Mutex<VariantCache>

  /// - Parameter variantLimit: how many variants are kept; of more, those are dropped that were used least recently.
  public init(
    _ file: ONNXFile, _ options: CompilerOptions = CompilerOptions(), isInterpreted: Bool = false, variantLimit: Int = 32
  ) {
    self.file = file
    self.options = options
    self.isInterpreted = isInterpreted
    inputs = file.inputs
    outputs = file.outputs
    state = Mutex(VariantCache(limit: variantLimit))
  }

  /// How many variants have been compiled so far, those included that were dropped since.
  public var variantCount: Int { state.withLock { $0.compiledCount } }

  /// Runs on inputs by name; those with defaults may be left out. The outputs come in the order of the file.
  ///
  /// Throws `input.missing`, `input.unknown`, `input.type`, what stands in the way of compiling the model, and what
  /// `Model.run` throws.
  public func run(values inputs: [String: ONNXValue]) throws -> [(name: String, value: ONNXValue)] {
    try running(values: inputs).outputs
  }

  /// As ``run(values:)``, with the variant that has run. It may be another one than ``variant(for:)`` gives.
  public func running(
    values inputs: [String: ONNXValue]
  ) throws -> (variant: Variant, outputs: [(name: String, value: ONNXValue)]) {
    let variant = try variant(for: inputs)
    do {
      return (variant, structured(try variant.model.run(variant.arguments(inputs)), variant))
    } catch let error as DiagnosticError {
      guard error.diagnostics.contains(where: { $0.id == "input.shape" || $0.id == "assert.failed" }) else {
        throw error.placed(in: file.path)
      }
      // What holds for all sizes takes those to be equal that meet; where one is 1, ONNX can mean another thing.
      return try runningExactly(inputs, otherwise: error)
    }
  }

  /// Runs a variant for just these shapes. Where they are what is wrong, the import says it of the node that they meet in.
  private func runningExactly(
    _ inputs: [String: ONNXValue], otherwise failure: DiagnosticError
  ) throws -> (variant: Variant, outputs: [(name: String, value: ONNXValue)]) {
    do {
      let exact = try self.variant(Given(inputs, self.inputs), Need(shapes: true))
      return (exact, structured(try exact.model.run(exact.arguments(inputs)), exact))
    } catch let error as DiagnosticError {
      let isClear = error.diagnostics.contains { $0.severity == .error }
      throw (isClear ? error : failure).placed(in: file.path)
    }
  }

  /// Runs a model whose inputs and outputs are tensors. The parts of an output that is a sequence come one by one.
  ///
  /// Throws as ``run(values:)`` does.
  public func run(_ inputs: [String: Tensor]) throws -> [(name: String, tensor: Tensor)] {
    try run(values: inputs.mapValues { .tensor($0) }).flatMap { output in
      output.value.named(output.name).map { (name: $0.name, tensor: $0.leaf) }
    }
  }

  /// The model for these inputs, compiled if need be.
  ///
  /// Throws as ``run(values:)`` does.
  public func variant(for inputs: [String: ONNXValue]) throws -> Variant {
    try check(inputs)
    let given = Given(inputs, self.inputs)
    let variant = try variant(given)
    // Memory is planned for sizes that are known: where it is short, the model is compiled for those of the inputs.
    guard let target = options.memoryGoal.target, variant.model.inputs.contains(where: \.isOpen),
      let need = try variant.model.memoryNeed(of: variant.arguments(inputs)), need > target
    else { return variant }
    return try self.variant(given, Need(shapes: true))
  }

  /// Compiles the variant that all inputs share; nil where there is none, because shapes or values must be known.
  ///
  /// Throws what stands in the way whatever the inputs are.
  @discardableResult
  public func prepare() throws -> Variant? {
    let takesSequences = inputs.contains { if case .sequence = $0.kind { $0.isRequired } else { false } }
    if takesSequences { return nil }
    let key = VariantKey(Given([:], inputs), Need())
    let problems: [Diagnostic]
    do {
      return try state.withLock { $0.slot(for: key) }.variant(from: state) {
        guard case .module(let module, let outputs, _) = try file.imported(limited(key.importOptions)) else {
          throw MoreNeeded(need: Need())
        }
        return Variant(model: try compiled(module), outputs: outputs)
      }
    } catch is MoreNeeded {
      return nil
    } catch let error as DiagnosticError {
      problems = error.diagnostics
    }
    // What is not supported may be once the sizes are known; an operator that nobody knows will not.
    let isFinal = problems.contains { $0.severity == .error || $0.id == "onnx.operator" } || !inputs.contains(where: \.isOpen)
    guard isFinal else { return nil }
    throw DiagnosticError(problems)
  }

  /// The outputs of the file, put together from the variant's.
  private func structured(_ results: [Tensor], _ variant: Variant) -> [(name: String, value: ONNXValue)] {
    zip(outputs, variant.outputs).map { (name: $0.name, value: $1.map { results[$0] }) }
  }

  /// - Parameter least: what is settled in any case, but not for other inputs.
  private func variant(_ given: Given, _ least: Need? = nil) throws -> Variant {
    var need = state.withLock { $0.needs[given.names] ?? Need() }
    if let least { need.formUnion(least) }
    // What an import gave that turned out to be for some shapes only.
    var imported: (module: Module, outputs: [Structured<Int>], guards: SizeGuards)?
    // Each round settles more: first nothing, then shapes, then the values that something depends on.
    while true {
      let base = VariantKey(given, need)
      let key = state.withLock { $0.guarded(base, for: given) }
      let slot = state.withLock { $0.slot(for: key) }
      do {
        let variant = try slot.variant(from: state) {
          if let imported, imported.guards == key.guards {
            return Variant(model: try compiled(imported.module), outputs: imported.outputs)
          }
          var options = limited(key.importOptions)
          options.examples = given.tensors.mapValues(\.shape)
          switch try file.imported(options) {
          case .module(let module, let outputs, let guards):
            guard guards.isEmpty || guards == key.guards else {
              imported = (module, outputs, guards)
              throw Guarded(guards: guards)
            }
            return Variant(model: try compiled(module), outputs: outputs)
          case .needs(let values, let shapes, let problems):
            let isNew = !values.isSubset(of: need.values) || shapes && !need.shapes
            guard values.isSubset(of: given.tensors.keys), isNew else { throw DiagnosticError(problems) }
            throw MoreNeeded(need: Need(shapes: shapes, values: values))
          }
        }
        let settled = need
        if least == nil { state.withLock { $0.needs[given.names, default: Need()].formUnion(settled) } }
        return variant
      } catch let found as Guarded {
        state.withLock { $0.insert(found.guards, for: base) }
      } catch let more as MoreNeeded {
        need.formUnion(more.need)
      } catch let error as DiagnosticError {
        guard !need.shapes, error.diagnostics.contains(where: { $0.severity == .unsupported }), !given.tensors.isEmpty else {
          throw error
        }
        need.shapes = true
      }
    }
  }

  private struct MoreNeeded: Error {
    let need: Need
  }

  private struct Guarded: Error {
    let guards: SizeGuards
  }

  private func compiled(_ module: Module) throws -> Model {
    do {
      return isInterpreted ? try Model(interpreting: module, options) : Model(try Compiler(options).compile(module))
    } catch is DimOverflow {
      throw DiagnosticError(id: "dim.overflow", "the sizes of its tensors cannot be counted", at: .file(file.path))
    }
  }

  private func limited(_ options: ImportOptions) -> ImportOptions {
    var limited = options
    limited.memoryLimit = self.options.memoryBytes
    return limited
  }

  /// Throws everything that is wrong with the inputs, whatever the model makes of them.
  private func check(_ given: [String: ONNXValue]) throws(DiagnosticError) {
    var problems: [Diagnostic] = []
    for input in inputs {
      guard let value = given[input.name] else {
        if input.isRequired {
          problems.append(Diagnostic(id: "input.missing", "no value is given for input '\(input.name)'", at: .file(file.path)))
        }
        continue
      }
      if let problem = input.kind.mismatch(value, input.name) { problems.append(problem.placed(in: file.path)) }
    }
    for name in given.keys.sorted() where !inputs.contains(where: { $0.name == name }) {
      let names = inputs.prefix(20).map { "'\($0.name)'" }.joined(separator: ", ")
      problems.append(
        Diagnostic(
          id: "input.unknown", "the model has no input '\(name)'", at: .file(file.path),
          hint: inputs.isEmpty ? "it has no inputs" : "its inputs are \(names)"))
    }
    guard problems.isEmpty else { throw DiagnosticError(problems) }
  }
}

extension ImportedModel.Variant {
  /// The tensors that the variant's function takes, which may be fewer than are given.
  ///
  /// Throws `input.missing`.
  public func arguments(_ inputs: [String: ONNXValue]) throws(DiagnosticError) -> [Tensor] {
    var named: [String: Tensor] = [:]
    for (name, value) in inputs {
      for (name, tensor) in value.named(name) { named[name] = tensor }
    }
    let taken = Set(model.inputs.map(\.name))
    return try model.positional(named.filter { taken.contains($0.key) })
  }
}

extension TensorSignature {
  fileprivate var isOpen: Bool { dimensions.contains { if case .fixed = $0 { false } else { true } } }
}

extension ONNXFile.Signature {
  /// An optional without a value is absent.
  var isRequired: Bool {
    if case .optional = kind { return false }
    return !hasDefault
  }

  /// Whether a size of it is not known before there is a value.
  fileprivate var isOpen: Bool {
    guard case .tensor(let type?) = kind, let sizes = type.sizes else { return true }
    return sizes.contains { if case .open = $0 { true } else { false } }
  }
}

extension ONNXFile.Kind {
  /// What keeps the value from being of this kind.
  fileprivate func mismatch(_ value: ONNXValue, _ name: String) -> Diagnostic? {
    func problem(_ expected: String) -> Diagnostic {
      Diagnostic(id: "input.type", "'\(name)' is \(value.kindText), but \(expected) is expected")
    }
    switch (self, value) {
    case (.tensor(let type), .tensor(let tensor)):
      guard let type else { return nil }
      guard type.element == tensor.elementType else { return problem("a tensor of \(type.element.name)") }
      guard let narrow = type.narrowType, let index = narrow.firstMisfit(in: tensor) else { return nil }
      return Diagnostic(
        id: "input.value", "'\(name)' is of type \(narrow.name), which does not have its element \(index): \(tensor.scalar(at: index))")
    case (.tensor, _): return problem("a tensor")
    case (.sequence(let element), .sequence(let entries)):
      return entries.lazy.compactMap { element.mismatch($0, name) }.first
    case (.sequence, _): return problem("a sequence")
    case (.optional, .absent): return nil
    case (.optional(let element), _): return element.mismatch(value, name)
    case (.other, _): return problem("a value of another kind")
    }
  }
}

extension ONNXValue {
  fileprivate var kindText: String {
    switch self {
    case .tensor(let tensor): "a tensor of \(tensor.elementType.name)"
    case .sequence: "a sequence"
    case .absent: "absent"
    }
  }
}

extension Diagnostic {
  /// What is said of a run without a place is said of the model's file.
  fileprivate func placed(in path: String) -> Diagnostic {
    var shown = self
    if place == .none { shown.place = .file(path) }
    return shown
  }
}

extension DiagnosticError {
  fileprivate func placed(in path: String) -> DiagnosticError { DiagnosticError(diagnostics.map { $0.placed(in: path) }) }
}
