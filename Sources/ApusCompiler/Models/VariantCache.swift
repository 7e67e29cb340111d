import ApusIR
import ApusInterpreter
import ApusONNX
import ApusSupport
import ApusTensor
import Synchronization

/// The inputs of one run of an imported model, tensor by tensor.
struct Given {
  /// Of inputs with defaults, those that are given; and whatever else decides on what is needed.
  let names: GivenNames
  let tensors: [String: Tensor]

  struct GivenNames: Hashable {
    var defaulted: Set<String> = []
    var forms: [String: Structured<TensorForm>] = [:]
  }

  init(_ inputs: [String: ONNXValue], _ signatures: [ONNXFile.Signature]) {
    var names = GivenNames()
    var tensors: [String: Tensor] = [:]
    for signature in signatures {
      let value = inputs[signature.name]
      switch signature.kind {
      case .sequence, .optional: names.forms[signature.name] = (value ?? .absent).map { TensorForm($0) }
      case .tensor, .other: break
      }
      guard let value else { continue }
      if signature.hasDefault { names.defaulted.insert(signature.name) }
      for (name, tensor) in value.named(signature.name) { tensors[name] = tensor }
    }
    (self.names, self.tensors) = (names, tensors)
  }
}

/// What must be known of the inputs before a model can be compiled.
struct Need {
  var shapes = false
  var values: Set<String> = []

  mutating func formUnion(_ other: Need) {
    shapes = shapes || other.shapes
    values.formUnion(other.values)
  }
}

/// What one variant was specialised on.
struct VariantKey: Hashable {
  var names = Given.GivenNames()
  var shapes: [String: [Int]] = [:]
  var values: [String: Tensor] = [:]
  /// What it takes for granted of shapes that are not settled; nil for nothing.
  var guards: SizeGuards?

  init() {}

  init(_ given: Given, _ need: Need) {
    names = given.names
    if need.shapes { shapes = given.tensors.mapValues(\.shape) }
    values = given.tensors.filter { need.values.contains($0.key) }
  }

  var importOptions: ImportOptions {
    var settled = ImportOptions.folding
    settled.given = names.defaulted
    settled.forms = names.forms
    settled.shapes = shapes
    settled.values = values
    return settled
  }
}

/// The variants of a model, of which those are dropped that were used least recently.
struct VariantCache {
  /// A place for one variant, which whoever comes first fills.
  final class Slot: Sendable {
    private let content = Mutex<ImportedModel.Variant?>(nil)

    /// The variant, made by `make` unless there is one. Those who come meanwhile wait.
    ///
    /// Throws what `make` throws; the next to come tries again.
    func variant(
      from cache: borrowing Mutex<VariantCache>, _ make: () throws -> ImportedModel.Variant
    ) throws -> ImportedModel.Variant {
      try content.withLock { content in
        if let content { return content }
        let made = try make()
        content = made
        cache.withLock { $0.compiledCount += 1 }
        return made
      }
    }
  }

  let limit: Int
  var compiledCount = 0
  /// What has been found to be needed.
  var needs: [Given.GivenNames: Need] = [:]
  /// Of variants that are not for all shapes, what they are for; by their keys without it.
  private var guards: [VariantKey: [SizeGuards]] = [:]
  private var slots: [VariantKey: (slot: Slot, lastUse: Int)] = [:]
  private var uses = 0

  init(limit: Int) { self.limit = max(1, limit) }

  mutating func slot(for key: VariantKey) -> Slot {
    uses += 1
    if let found = slots[key]?.slot {
      slots[key]?.lastUse = uses
      return found
    }
    let slot = Slot()
    slots[key] = (slot, uses)
    while slots.count > limit, let oldest = slots.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      slots[oldest.key] = nil
    }
    if needs.count > 8 * limit { needs = [:] }
    if guards.count > limit { guards = [:] }
    return slot
  }

  /// The key with the guards of a variant that serves these shapes, if there has been one.
  func guarded(_ key: VariantKey, for given: Given) -> VariantKey {
    var result = key
    result.guards = guards[key]?.last { $0.hold { given.tensors[$0]?.shape } }
    return result
  }

  /// Takes down that there are variants which hold for some shapes only.
  mutating func insert(_ found: SizeGuards, for key: VariantKey) {
    // Last, to be found first: more than one may hold for the same shapes.
    let others = (guards[key] ?? []).filter { $0 != found }
    guards[key] = others.suffix(4 * limit) + [found]
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

extension ONNXFile {
  /// What can be inferred of the model's tensors.
  public func importedTypes(shapes: [String: [Int]]) -> NamedTypes {
    var options = ImportOptions.folding
    options.shapes = shapes
    return types(options)
  }
}
