import ApusIR
import ApusTensor

/// What a name of an ONNX graph stands for while the graph is imported.
indirect enum Imported {
  /// Computed when the model runs.
  case value(ValueID)
  /// Known now: an initializer, a constant, or what was computed from such.
  case constant(ImportedConstant)
  /// Integers that sizes define, in row-major order; the element type may be one of floats.
  case sizes([Dim], shape: [Int], ElementType)
  /// Fractions of sizes, which floats stand for.
  case fractions(SizeTensor)
  case sequence([Imported])
  /// A value or constant of the carrier of a narrow type, of which ONNX has it.
  case narrow(Imported, NarrowType)
  /// An operand or result that is left out, and the empty optional.
  case absent
  /// What a node that was refused would have given. Reading it is not another mistake.
  case poison

  static func constant(_ tensor: Tensor) -> Imported { .constant(ImportedConstant(tensor)) }

  /// A vector of sizes.
  static func shape(_ dims: [Dim]) -> Imported { .sizes(dims, shape: [dims.count], .s64) }

  var isAbsent: Bool {
    if case .absent = self { true } else { false }
  }

  var isPoison: Bool {
    if case .poison = self { true } else { false }
  }
}

/// A constant, which becomes one op of the function once some node reads it as a value.
final class ImportedConstant {
  let tensor: Tensor
  /// The op's result in the function that is being written.
  var value: ValueID?

  init(_ tensor: Tensor) { self.tensor = tensor }
}

/// Asks for the import to be repeated with more known: an attribute depends on it.
struct NeedsValues: Error {
  /// Inputs whose values must be known.
  let inputs: Set<String>
  /// Whether the shapes of the inputs must be.
  var shapes = false
  /// Why, should that not be possible.
  let problem: String
}
