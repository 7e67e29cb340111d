public import ApusTensor

/// A tensor, or what ONNX makes of several: a sequence, or an optional, which is what it holds or absent.
public indirect enum Structured<Leaf> {
  case tensor(Leaf)
  case sequence([Structured])
  /// An optional that holds nothing.
  case absent
}

extension Structured: Sendable where Leaf: Sendable {}
extension Structured: Equatable where Leaf: Equatable {}
extension Structured: Hashable where Leaf: Hashable {}

extension Structured {
  /// The leaves in order.
  public var leaves: [Leaf] {
    switch self {
    case .tensor(let leaf): [leaf]
    case .sequence(let entries): entries.flatMap(\.leaves)
    case .absent: []
    }
  }

  /// The leaves in order, each with a name of its own: `name` for one alone, `name.2` for the third of a sequence.
  public func named(_ name: String) -> [(name: String, leaf: Leaf)] {
    switch self {
    case .tensor(let leaf): [(name, leaf)]
    case .sequence(let entries): entries.enumerated().flatMap { $1.named("\(name).\($0)") }
    case .absent: []
    }
  }

  public func map<Other>(_ transform: (Leaf) throws -> Other) rethrows -> Structured<Other> {
    switch self {
    case .tensor(let leaf): .tensor(try transform(leaf))
    case .sequence(let entries): .sequence(try entries.map { try $0.map(transform) })
    case .absent: .absent
    }
  }
}

/// The type and sizes of a tensor without its elements.
public struct TensorForm: Sendable, Hashable {
  public var elementType: ElementType
  public var shape: [Int]

  public init(_ tensor: Tensor) { (elementType, shape) = (tensor.elementType, tensor.shape) }
}

/// What an input or output of an ONNX model holds.
public typealias ONNXValue = Structured<Tensor>
