import ApusSupport
import ApusTensor

extension ModelProto {
  /// Reads the file of a model. Throws `onnx.wire`, and `onnx.model` for a file that holds no model.
  init(_ file: FileBytes) throws(DiagnosticError) {
    var reader = WireReader(file)
    var hasGraph = false
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .varint): irVersion = try reader.integer()
      case (2, .bytes): producer = try reader.string()
      case (7, .bytes):
        graph = try GraphProto(try reader.message(), depth: 0)
        hasGraph = true
      case (8, .bytes): try Self.readOpset(try reader.message(), into: &opsets)
      case (25, .bytes): functions.append(try FunctionProto(try reader.message()))
      default: try reader.skip(tag.type)
      }
    }
    guard hasGraph else {
      throw DiagnosticError(id: "onnx.model", "the file holds no graph", at: .file(file.name))
    }
  }

  fileprivate static func readOpset(_ message: WireReader, into opsets: inout [String: Int]) throws(DiagnosticError) {
    var reader = message
    var (domain, version) = ("", 0)
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): domain = try reader.string()
      case (2, .varint): version = Int(try reader.integer())
      default: try reader.skip(tag.type)
      }
    }
    opsets[domain == "ai.onnx" ? "" : domain] = version
  }
}

/// Graphs within attributes of nodes of graphs, and types within types, at most.
private let maximumDepth = 64

extension WireReader {
  fileprivate func checkDepth(_ depth: Int) throws(DiagnosticError) {
    guard depth <= maximumDepth else {
      throw DiagnosticError(id: "onnx.depth", "messages are nested more than \(maximumDepth) deep", at: .file(file.name))
    }
  }
}

extension GraphProto {
  fileprivate init(_ message: WireReader, depth: Int) throws(DiagnosticError) {
    var reader = message
    try reader.checkDepth(depth)
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): nodes.append(try NodeProto(try reader.message(), depth: depth))
      case (2, .bytes): name = try reader.string()
      case (5, .bytes): initializers.append(try TensorProto(try reader.message()))
      case (11, .bytes): inputs.append(try ValueProto(try reader.message()))
      case (12, .bytes): outputs.append(try ValueProto(try reader.message()))
      case (13, .bytes): values.append(try ValueProto(try reader.message()))
      case (15, .bytes): sparseInitializers.append(try SparseTensorProto(try reader.message()))
      default: try reader.skip(tag.type)
      }
    }
  }
}

extension NodeProto {
  fileprivate init(_ message: WireReader, depth: Int) throws(DiagnosticError) {
    var reader = message
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): inputs.append(try reader.string())
      case (2, .bytes): outputs.append(try reader.string())
      case (3, .bytes): name = try reader.string()
      case (4, .bytes): op = try reader.string()
      case (5, .bytes): attributes.append(try AttributeProto(try reader.message(), depth: depth))
      case (7, .bytes): domain = try reader.string()
      case (8, .bytes): overload = try reader.string()
      default: try reader.skip(tag.type)
      }
    }
    if domain == "ai.onnx" { domain = "" }
  }
}

extension AttributeProto {
  fileprivate init(_ message: WireReader, depth: Int) throws(DiagnosticError) {
    var reader = message
    while let tag = try reader.next() {
      if let written = Self.kind(ofField: tag.field) { note(written) }
      switch (tag.field, tag.type) {
      case (1, .bytes): name = try reader.string()
      case (2, .fixed32): float = Float(bitPattern: try reader.fixed32())
      case (3, .varint): int = try reader.integer()
      case (4, .bytes): string = reader.file.copied(try reader.bytes()) ?? []
      case (5, .bytes): tensor = try TensorProto(try reader.message())
      case (6, .bytes): graph = try GraphProto(try reader.message(), depth: depth + 1)
      case (7, .bytes):
        var packed = try reader.message()
        while !packed.isAtEnd { floats.append(Float(bitPattern: try packed.fixed32())) }
      case (7, .fixed32): floats.append(Float(bitPattern: try reader.fixed32()))
      case (8, .bytes), (8, .varint): try reader.integers(tag.type, into: &ints)
      case (9, .bytes): strings.append(reader.file.copied(try reader.bytes()) ?? [])
      case (10, .bytes): tensors.append(try TensorProto(try reader.message()))
      case (11, .bytes): graphs.append(try GraphProto(try reader.message(), depth: depth + 1))
      case (14, .bytes): type = try TypeProto(try reader.message(), depth: 0)
      case (20, .varint): kind = Kind(rawValue: try reader.integer())
      case (21, .bytes): reference = try reader.string()
      case (22, .bytes): sparseTensor = try SparseTensorProto(try reader.message())
      case (15, .bytes), (23, .bytes): try reader.skip(tag.type)
      case (2...11, _), (14...15, _), (20...23, _): throw reader.broken("an attribute's field \(tag.field) is written as something else")
      default: try reader.skip(tag.type)
      }
    }
    if kind == nil { kind = impliedKind }
  }

  private static func kind(ofField field: Int) -> Kind? {
    switch field {
    case 2...4: Kind(rawValue: Int64(field - 1))
    case 5: .tensor
    case 6: .graph
    case 7: .floats
    case 8: .ints
    case 9: .strings
    case 10: .tensors
    case 11: .graphs
    case 14: .type
    case 15: .types
    case 22: .sparseTensor
    case 23: .sparseTensors
    default: nil
    }
  }

  /// The kind of an attribute of the first versions, which did not state it.
  private var impliedKind: Kind? {
    if tensor != nil { return .tensor }
    if graph != nil { return .graph }
    if !floats.isEmpty { return .floats }
    if !ints.isEmpty { return .ints }
    if !strings.isEmpty { return .strings }
    if !string.isEmpty { return .string }
    if float != 0 { return .float }
    return int != 0 ? .int : nil
  }
}

extension SparseTensorProto {
  fileprivate init(_ message: WireReader) throws(DiagnosticError) {
    var reader = message
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): values = try TensorProto(try reader.message())
      case (2, .bytes): indices = try TensorProto(try reader.message())
      case (3, _): try reader.integers(tag.type, into: &dims)
      default: try reader.skip(tag.type)
      }
    }
  }
}

extension FunctionProto {
  fileprivate init(_ message: WireReader) throws(DiagnosticError) {
    var reader = message
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): name = try reader.string()
      case (4, .bytes): inputs.append(try reader.string())
      case (5, .bytes): outputs.append(try reader.string())
      case (6, .bytes): attributes.append(try reader.string())
      case (7, .bytes): nodes.append(try NodeProto(try reader.message(), depth: 0))
      case (9, .bytes): try ModelProto.readOpset(try reader.message(), into: &opsets)
      case (10, .bytes): domain = try reader.string()
      case (11, .bytes): defaults.append(try AttributeProto(try reader.message(), depth: 0))
      case (13, .bytes): overload = try reader.string()
      default: try reader.skip(tag.type)
      }
    }
    if domain == "ai.onnx" { domain = "" }
  }
}

extension ValueProto {
  fileprivate init(_ message: WireReader) throws(DiagnosticError) {
    var reader = message
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): name = try reader.string()
      case (2, .bytes): type = try TypeProto(try reader.message(), depth: 0)
      default: try reader.skip(tag.type)
      }
    }
  }
}

extension TypeProto {
  /// A message without any of the known fields is an opaque type.
  fileprivate init(_ message: WireReader, depth: Int) throws(DiagnosticError) {
    var reader = message
    try reader.checkDepth(depth)
    self = .opaque
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .bytes): self = try Self.tensor(try reader.message())
      case (4, .bytes): self = .sequence(try Self.element(try reader.message(), depth: depth))
      case (5, .bytes):
        self = .map
        try reader.skip(tag.type)
      case (8, .bytes):
        self = .sparseTensor
        try reader.skip(tag.type)
      case (9, .bytes): self = .optional(try Self.element(try reader.message(), depth: depth))
      default: try reader.skip(tag.type)
      }
    }
  }

  private static func element(_ message: WireReader, depth: Int) throws(DiagnosticError) -> TypeProto? {
    var reader = message
    var type: TypeProto?
    while let tag = try reader.next() {
      if tag.field == 1, tag.type == .bytes {
        type = try TypeProto(try reader.message(), depth: depth + 1)
      } else {
        try reader.skip(tag.type)
      }
    }
    return type
  }

  private static func tensor(_ message: WireReader) throws(DiagnosticError) -> TypeProto {
    var reader = message
    var dataType: Int32 = 0
    var shape: [DimProto]?
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, .varint): dataType = Int32(truncatingIfNeeded: try reader.integer())
      case (2, .bytes):
        var dims = try reader.message()
        shape = []
        while let tag = try dims.next() {
          guard tag.field == 1, tag.type == .bytes else {
            try dims.skip(tag.type)
            continue
          }
          var dim = try dims.message()
          var found = DimProto.unknown
          while let tag = try dim.next() {
            switch (tag.field, tag.type) {
            case (1, .varint): found = .value(try dim.integer())
            case (2, .bytes): found = .name(try dim.string())
            default: try dim.skip(tag.type)
            }
          }
          shape?.append(found)
        }
      default: try reader.skip(tag.type)
      }
    }
    return .tensor(dataType: dataType, shape: shape)
  }
}
