import ApusTensor

/// A model as its file has it: onnx.proto's messages, with the data of tensors left where it lies.
struct ModelProto: Sendable {
  var irVersion: Int64 = 0
  var producer = ""
  /// Version by domain; the default domain is "".
  var opsets: [String: Int] = [:]
  var graph = GraphProto()
  var functions: [FunctionProto] = []
}

struct GraphProto: Sendable {
  var name = ""
  var nodes: [NodeProto] = []
  var initializers: [TensorProto] = []
  var sparseInitializers: [SparseTensorProto] = []
  var inputs: [ValueProto] = []
  var outputs: [ValueProto] = []
  var values: [ValueProto] = []
}

struct FunctionProto: Sendable {
  var name = ""
  var domain = ""
  var overload = ""
  var inputs: [String] = []
  var outputs: [String] = []
  /// Attributes that a call must give, and those with defaults.
  var attributes: [String] = []
  var defaults: [AttributeProto] = []
  var nodes: [NodeProto] = []
  var opsets: [String: Int] = [:]
}

struct NodeProto: Sendable {
  var name = ""
  var op = ""
  var domain = ""
  var overload = ""
  /// Names of values; an empty one is an operand that is left out.
  var inputs: [String] = []
  var outputs: [String] = []
  var attributes: [AttributeProto] = []
}

struct AttributeProto: Sendable {
  /// AttributeProto.AttributeType.
  enum Kind: Int64, Sendable {
    case float = 1, int, string, tensor, graph, floats, ints, strings, tensors, graphs, sparseTensor, sparseTensors, type, types
  }

  var name = ""
  var kind: Kind?
  var float: Float = 0
  var int: Int64 = 0
  var string: [UInt8] = []
  var tensor: TensorProto?
  var sparseTensor: SparseTensorProto?
  var graph: GraphProto?
  var type: TypeProto?
  var floats: [Float] = []
  var ints: [Int64] = []
  var strings: [[UInt8]] = []
  var tensors: [TensorProto] = []
  var graphs: [GraphProto] = []
  /// Inside a function: the attribute of the call that it stands for.
  var reference = ""
  /// The kinds of values that it has, as bits by their numbers.
  var written: UInt32 = 0

  mutating func note(_ kind: Kind) { written |= 1 << UInt32(kind.rawValue) }

  /// What is wrong where the values do not fit the kind; nil where they do.
  var contradiction: String? {
    if name.isEmpty { return "has no name" }
    guard written.nonzeroBitCount <= 1 else { return "has values of several kinds" }
    guard let kind else { return reference.isEmpty ? "has neither a kind nor a value" : nil }
    guard written & ~(1 << UInt32(kind.rawValue)) == 0 else { return "has a value of another kind than it states" }
    guard reference.isEmpty || written == 0 else { return "has a value and refers to another" }
    let needsMessage =
      switch kind {
      case .tensor, .graph, .sparseTensor, .type: true
      case .float, .int, .string, .floats, .ints, .strings, .tensors, .graphs, .sparseTensors, .types: false
      }
    return needsMessage && reference.isEmpty && written == 0 ? "has no value" : nil
  }
}

struct SparseTensorProto: Sendable {
  var values: TensorProto?
  var indices: TensorProto?
  var dims: [Int64] = []
}

/// The name of a value, and its type where the file states it.
struct ValueProto: Sendable {
  var name = ""
  var type: TypeProto?
}

indirect enum TypeProto: Sendable {
  /// `shape` is nil where even the rank is open.
  case tensor(dataType: Int32, shape: [DimProto]?)
  case sequence(TypeProto?)
  case optional(TypeProto?)
  case map, sparseTensor, opaque

  /// The narrow type of the tensors that it is of.
  var narrowType: NarrowType? {
    switch self {
    case .tensor(let dataType, _): NarrowType(rawValue: dataType)
    case .sequence(let element), .optional(let element): element?.narrowType
    case .map, .sparseTensor, .opaque: nil
    }
  }
}

enum DimProto: Sendable, Hashable {
  case value(Int64)
  case name(String)
  case unknown
}
