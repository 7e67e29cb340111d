import ApusIR
public import ApusSupport
public import ApusTensor

/// An `.onnx` file: read once, imported for as many shapes and values as are asked for.
public struct ONNXFile: Sendable {
  /// An input or output of the model as the file declares it.
  public struct Signature: Sendable {
    public let name: String
    public let kind: Kind
    /// Whether the model has a value for it, so that it need not be given.
    public let hasDefault: Bool

    public init(name: String, kind: Kind, hasDefault: Bool) {
      (self.name, self.kind, self.hasDefault) = (name, kind, hasDefault)
    }

    /// nil for what is no tensor, and for types that Apus has no tensors of; of a narrow type, the one that carries it.
    public var elementType: ElementType? {
      if case .tensor(let type) = kind { type?.element } else { nil }
    }
  }

  /// What an input or output holds.
  public indirect enum Kind: Sendable {
    /// nil where the file does not say of what type, or Apus has no tensors of it.
    case tensor(TensorKind?)
    case sequence(Kind)
    case optional(Kind)
    /// Maps and sparse tensors.
    case other
  }

  /// The declared type of a tensor.
  public struct TensorKind: Sendable {
    /// For a narrow type, the one that carries its values.
    public let element: ElementType
    package let narrowType: NarrowType?
    /// nil where even the rank is open. A size is a number, or as the file calls it, or "?".
    public let sizes: [Size]?
  }

  public enum Size: Sendable, Hashable {
    case fixed(Int)
    case open(String)
  }

  public let path: String
  let file: FileBytes
  let model: ModelProto
  let externalData: ExternalData

  /// Maps the file and reads its structure; the data of tensors stays where it is.
  ///
  /// Throws what ``FileBytes/init(path:)`` throws, `onnx.wire`, `onnx.depth` and `onnx.model`.
  public init(path: String) throws(DiagnosticError) { try self.init(path, FileBytes(path: path)) }

  /// A file that is in memory already; `name` is what diagnostics call it, and its folder that of external data.
  ///
  /// Throws `onnx.wire`, `onnx.depth` and `onnx.model`.
  public init(name: String, bytes: [UInt8]) throws(DiagnosticError) {
    try self.init(name, FileBytes(name: name, bytes: bytes))
  }

  private init(_ path: String, _ file: FileBytes) throws(DiagnosticError) {
    self.path = path
    self.file = file
    model = try ModelProto(file)
    externalData = ExternalData(modelPath: path)
    try model.check(path)
  }

  /// All inputs, those with defaults included, in the order of the file.
  public var inputs: [Signature] {
    let defaults = Set(model.graph.initializers.map(\.name))
    return model.graph.inputs.map { Signature($0, hasDefault: defaults.contains($0.name)) }
  }

  public var outputs: [Signature] { model.graph.outputs.map { Signature($0, hasDefault: false) } }

  /// Translates the model.
  ///
  /// Throws everything that is wrong with it and everything in it that is not supported.
  public func imported(_ options: ImportOptions = ImportOptions()) throws(DiagnosticError) -> ImportOutcome {
    try ModelImport(self, options).outcome()
  }
}

extension ONNXFile.Signature {
  fileprivate init(_ value: ValueProto, hasDefault: Bool) {
    self.init(name: value.name, kind: value.type.map { ONNXFile.Kind($0) } ?? .tensor(nil), hasDefault: hasDefault)
  }
}

extension ONNXFile.Kind {
  fileprivate init(_ type: TypeProto) {
    switch type {
    case .tensor(let dataType, let shape):
      self = .tensor(StoredType(onnx: dataType).map {
        .init(element: $0.carrier, narrowType: $0.narrow, sizes: shape?.map { ONNXFile.Size($0) })
      })
    case .sequence(let element): self = .sequence(element.map { Self($0) } ?? .tensor(nil))
    case .optional(let element): self = .optional(element.map { Self($0) } ?? .tensor(nil))
    case .map, .sparseTensor, .opaque: self = .other
    }
  }
}

extension ONNXFile.Size {
  fileprivate init(_ dim: DimProto) {
    switch dim {
    case .value(let size) where size >= 0: self = .fixed(Int(size))
    case .name(let name): self = .open(name)
    case .value, .unknown: self = .open("?")
    }
  }
}

extension ModelProto {
  /// The newest IR version that there is.
  private static let newestVersion: Int64 = 14

  /// Refuses what no version of ONNX has. Throws `onnx.model`.
  fileprivate func check(_ path: String) throws(DiagnosticError) {
    func wrong(_ message: String) -> DiagnosticError { DiagnosticError(id: "onnx.model", message, at: .file(path)) }
    guard irVersion > 0, irVersion <= Self.newestVersion else {
      throw wrong("the file's format is ONNX's IR version \(irVersion), and versions 1 to \(Self.newestVersion) are known")
    }
    guard !opsets.isEmpty || graph.nodes.isEmpty else {
      throw wrong("the file does not say which operator set it uses")
    }
    for (domain, version) in opsets.sorted(by: { $0.key < $1.key }) {
      guard version >= 1 else {
        throw wrong("opset version \(version) of the domain \(quoted(domain)) is none: versions begin with 1")
      }
    }
    guard let version = opsets[""], version > Schemas.newest else { return }
    throw wrong("the model uses opset version \(version), and the newest one known is \(Schemas.newest)")
  }
}
