import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor

/// Inputs drawn for a function: sizes within the bounds of its symbols, and values that ops are likely to take.
public struct RandomInputs {
  private var numbers: SplitMix64

  public init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

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
    var inputs: [Tensor] = []
    for parameter in function.parameters {
      let type = function.type(of: parameter)
      var shape: [Int] = []
      for dim in type.dims {
        guard let size = try? dim.evaluate({ values[$0] ?? 1 }), size >= 0 else {
          throw DiagnosticError(id: "inputs.size", "no size was found for \(function.symbols.text(dim))")
        }
        shape.append(size)
      }
      inputs.append(try tensor(type.element, shape))
    }
    return inputs
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
    // Small numbers are valid as indices more often.
    return .signed(Int64.random(in: 0...3, using: &numbers))
  }
}

extension ImportedModel {
  /// Values drawn for the inputs that must be given. Sizes that the file calls by one name are one size.
  ///
  /// - Parameter sizes: shapes by input, for those that shall not be drawn.
  /// - Parameter batch: the size of first axes that are open.
  /// Throws `inputs.size` for an input whose rank is open or that is no tensor, and what `Tensor` throws.
  public func randomInputs(
    sizes: [String: [Int]] = [:], batch: Int? = nil, seed: UInt64 = 1
  ) throws(DiagnosticError) -> [String: ONNXValue] {
    var random = RandomInputs(seed: seed)
    var drawn: [String: Int] = [:]
    var values: [String: ONNXValue] = [:]
    for input in inputs where input.isRequired {
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
}
