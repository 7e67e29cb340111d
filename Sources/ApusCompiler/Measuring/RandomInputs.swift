import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor

/// Inputs drawn for a function: sizes within the bounds of its symbols, and values that ops are likely to take.
public struct RandomInputs {
  private var numbers: SplitMix64
  /// The largest integer that is drawn: small numbers are valid as indices more often.
  private let largest: Int64

  public init(seed: UInt64, largest: Int64 = 3) { (numbers, self.largest) = (SplitMix64(seed: seed), largest) }

  /// - Parameter sizes: the values of symbols by name, for those that shall not be drawn.
  /// Throws `inputs.size` when the sizes come out negative, and what `Tensor` throws.
  public mutating func inputs(of function: Function, sizes: [String: Int] = [:]) throws(DiagnosticError) -> [Tensor] {
    var values: [SymbolID: Int] = [:]
    for id in function.symbols.ids {
      let symbol = function.symbols[id]
      let lower = max(symbol.bounds.lower ?? 0, 0)
      let upper = min(symbol.bounds.upper ?? .max, max(lower, 1) + 4)
      values[id] = sizes[symbol.name] ?? Int.random(in: max(lower, min(1, upper))...upper, using: &numbers)
    }
    return try function.inputs(sizes: values) { (element, shape) throws(DiagnosticError) in
      try tensor(element, shape)
    }
  }

  fileprivate mutating func size() -> Int { Int.random(in: 1...5, using: &numbers) }

  fileprivate mutating func tensor(_ type: ElementType, _ shape: [Int]) throws(DiagnosticError) -> Tensor {
    var tensor = try Tensor.zeros(type, shape: shape)
    for index in 0..<tensor.count { tensor.setScalar(scalar(type), at: index) }
    return tensor
  }

  private mutating func scalar(_ type: ElementType) -> Scalar {
    if type == .bool { return .bool(Bool.random(using: &numbers)) }
    if type.isFloat { return .float(Double.random(in: -2...2, using: &numbers)) }
    return .signed(Int64.random(in: 0...largest, using: &numbers))
  }
}

extension Function {
  /// A tensor for each parameter, of the shape that it has for these values of the symbols; 1 stands for those left out.
  ///
  /// Throws `inputs.size` when a size comes out negative, and what `make` throws.
  public func inputs(
    sizes: [SymbolID: Int], _ make: (ElementType, [Int]) throws(DiagnosticError) -> Tensor
  ) throws(DiagnosticError) -> [Tensor] {
    var inputs: [Tensor] = []
    for parameter in parameters {
      let type = type(of: parameter)
      var shape: [Int] = []
      for dim in type.dims {
        guard let size = try? dim.evaluate({ sizes[$0] ?? 1 }), size >= 0 else {
          throw DiagnosticError(id: "inputs.size", "no size was found for \(symbols.text(dim))")
        }
        shape.append(size)
      }
      inputs.append(try make(type.element, shape))
    }
    return inputs
  }
}

extension ImportedModel {
  /// The inputs that must be given: those that are, and values drawn for the others. Sizes that the file calls by one name
  /// are one size.
  ///
  /// - Parameter sizes: shapes by input, for those that shall not be drawn.
  /// - Parameter batch: the size of first axes that are open.
  /// - Parameter largest: the largest integer that is drawn.
  /// Throws `inputs.size` for an input whose rank is open or that is no tensor, and what `Tensor` throws.
  public func randomInputs(
    given: [String: ONNXValue] = [:], sizes: [String: [Int]] = [:], batch: Int? = nil, seed: UInt64 = 1, largest: Int64 = 3
  ) throws(DiagnosticError) -> [String: ONNXValue] {
    var random = RandomInputs(seed: seed, largest: largest)
    var drawn: [String: Int] = [:]
    var values = given
    for input in inputs {
      guard case .tensor(let tensor)? = given[input.name], case .tensor(let type?) = input.kind, let declared = type.sizes,
        declared.count == tensor.rank
      else { continue }
      for case (.open(let name), let size) in zip(declared, tensor.shape) where name != "?" { drawn[name] = size }
    }
    for input in inputs where input.isRequired && given[input.name] == nil {
      guard case .tensor(let type?) = input.kind, let declared = type.sizes, declared.count == (sizes[input.name] ?? []).count
        || sizes[input.name] == nil
      else {
        throw DiagnosticError(
          id: "inputs.size", "no value can be drawn for input '\(input.name)'", at: .file(file.path),
          hint: "give it with --input or --inputs")
      }
      var shape: [Int] = []
      for (axis, size) in declared.enumerated() {
        switch size {
        case .fixed(let extent): shape.append(extent)
        case .open(let name):
          let size = sizes[input.name]?[axis] ?? drawn[name] ?? (axis == 0 ? batch : nil) ?? random.size()
          if name != "?" { drawn[name] = size }
          shape.append(size)
        }
      }
      values[input.name] = .tensor(try random.tensor(type.element, shape))
    }
    return values
  }

  /// Inputs whose values, drawn at random, may be none that the model takes: those that are not given and hold no floats.
  public func delicateInputs(given: [String: ONNXValue]) -> [String] {
    inputs.filter { given[$0.name] == nil && $0.isRequired && $0.elementType.map { !$0.isFloat } ?? false }.map(\.name)
  }

  /// What kept the model from running on values that ``randomInputs(given:sizes:batch:seed:largest:)`` gave: `inputs.value`
  /// for each input that it is compiled for the value of, as of a shape; else `failure`, with a hint where an index is meant.
  public func explained(
    _ failure: DiagnosticError, given: [String: ONNXValue], drawn values: [String: ONNXValue]
  ) -> DiagnosticError {
    let delicate = delicateInputs(given: given)
    let known = values.filter { !delicate.contains($0.key) }
    if let problem = (try? problemOfUnknown(known, shapes: values)) ?? nil { return problem }
    let names = delicate.map { "'\($0)'" }.joined(separator: ", ")
    return DiagnosticError(
      failure.diagnostics.map { found in
        guard found.id == "index.range", !delicate.isEmpty else { return found }
        var shown = found
        shown.hint = "\(names) had random values: give them with --input or --inputs"
        return shown
      })
  }

  /// What is said where the model has to be compiled for values that are not known.
  private func problemOfUnknown(
    _ known: [String: ONNXValue], shapes: [String: ONNXValue]
  ) throws(DiagnosticError) -> DiagnosticError? {
    func tensors(_ values: [String: ONNXValue]) -> [String: Tensor] {
      values.compactMapValues { if case .tensor(let tensor) = $0 { tensor } else { nil } }
    }
    var options = ImportOptions.folding
    options.given = Set(known.keys)
    options.shapes = tensors(shapes).mapValues(\.shape)
    options.values = tensors(known)
    guard case .needs(let needed, _, let problems) = try file.imported(options), !needed.isEmpty else { return nil }
    let reason = problems.first.map { ": \($0.message)" } ?? ""
    return DiagnosticError(
      needed.sorted().map {
        Diagnostic(
          id: "inputs.value", "the model is compiled for the value of input '\($0)', which cannot be drawn at random\(reason)",
          at: problems.first?.place ?? .file(file.path), hint: "give it with --input, as '\($0)=2xs64=3,4', or with --inputs")
      })
  }
}
