import ApusIR
import ApusRuntime

extension Function {
  /// What a caller must pass: the name and type of each parameter.
  public var inputSignatures: [TensorSignature] {
    parameters.enumerated().map { index, value in
      signature(of: type(of: value), name(of: value) ?? "input_\(index)")
    }
  }

  /// What a caller gets.
  public var outputSignatures: [TensorSignature] {
    resultTypes.enumerated().map { index, type in
      signature(of: type, index < resultNames.count ? resultNames[index] : "output_\(index)")
    }
  }

  func signature(of type: TensorType, _ name: String) -> TensorSignature {
    TensorSignature(
      name, type.element, type.dims.map { dim in dim.constantValue.map { .fixed($0) } ?? .symbolic(symbols.text(dim)) })
  }
}
