import ApusIR
import ApusInterpreter
import ApusONNX
import ApusSupport
import ApusTensor
import Synchronization

/// A model from an ONNX file, compiled once for all inputs where that is possible, and where it is not once more for each
/// set of shapes and values that an attribute of ours depends on. Any number of tasks may run one at once.
public final class ImportedModel: Sendable {
  public let file: ONNXFile
  public let options: CompilerOptions
  /// Whether the reference interpreter runs it.
  public let isInterpreted: Bool
  private let state = Mutex(State())

  private struct State {
    var variants: [Key: Model] = [:]
    /// What a key has been found to depend on.
    var needs: [Set<String>: Need] = [:]
  }

  /// What one variant was specialised on.
  private struct Key: Hashable {
    var given: Set<String>
    var shapes: [String: [Int]] = [:]
    var values: [String: Tensor] = [:]
  }

  private struct Need {
    var shapes = false
    var values: Set<String> = []
  }

  public init(_ file: ONNXFile, _ options: CompilerOptions = CompilerOptions(), isInterpreted: Bool = false) {
    self.file = file
    self.options = options
    self.isInterpreted = isInterpreted
  }

  /// How many variants have been compiled.
  public var variantCount: Int { state.withLock { $0.variants.count } }

  /// Runs on inputs by name; those with defaults may be left out. The outputs come in the order of the file.
  ///
  /// Throws what stands in the way of compiling the model, and what `Model.run` throws.
  public func run(_ inputs: [String: Tensor]) throws -> [(name: String, tensor: Tensor)] {
    let model = try variant(for: inputs)
    let results = try model.run(model.positional(inputs.filter { name, _ in model.inputs.contains { $0.name == name } }))
    return Array(zip(model.outputs.map(\.name), results).map { (name: $0, tensor: $1) })
  }

  /// The model for these inputs, compiled if need be.
  public func variant(for inputs: [String: Tensor]) throws -> Model {
    let given = Set(file.inputs.filter { $0.hasDefault && inputs[$0.name] != nil }.map(\.name))
    var need = state.withLock { $0.needs[given] } ?? Need()
    // Each round settles more: first nothing, then shapes, then the values that something depends on.
    while true {
      var key = Key(given: given)
      if need.shapes { key.shapes = inputs.mapValues(\.shape) }
      key.values = inputs.filter { need.values.contains($0.key) }
      if let known = state.withLock({ $0.variants[key] }) { return known }
      do {
        switch try file.imported(importOptions(key)) {
        case .module(let module):
          let model = try compiled(module)
          state.withLock {
            $0.variants[key] = model
            $0.needs[given] = need
          }
          return model
        case .needs(let values, let shapes, let problems):
          let isNew = !values.isSubset(of: need.values) || shapes && !need.shapes
          guard values.isSubset(of: inputs.keys), isNew else { throw DiagnosticError(problems) }
          need.values.formUnion(values)
          need.shapes = need.shapes || shapes
        }
      } catch let error as DiagnosticError {
        guard !need.shapes, error.diagnostics.contains(where: { $0.severity == .unsupported }), !inputs.isEmpty else { throw error }
        need.shapes = true
      }
    }
  }

  private func compiled(_ module: Module) throws -> Model {
    isInterpreted ? try Model(interpreting: module, options) : Model(try Compiler(options).compile(module))
  }

  private func importOptions(_ key: Key) -> ImportOptions {
    var settled = ImportOptions.folding
    settled.given = key.given
    settled.shapes = key.shapes
    settled.values = key.values
    return settled
  }
}

extension ImportOptions {
  /// With the interpreter for what is known while importing.
  static let folding = ImportOptions { module throws(DiagnosticError) in
    let interpreter = Interpreter(module, limits: Limits(memory: 1 << 30, steps: 1 << 24))
    do {
      return try interpreter.run([])
    } catch let error as DiagnosticError {
      throw error
    } catch {
      throw DiagnosticError(id: "onnx.internal", "\(error)")
    }
  }
}
