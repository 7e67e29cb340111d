package import ApusTensor

/// An ONNX model made in code, and its file.
///
///     let model = ModelWriter(
///       opset: 13, inputs: [.tensor("x", .f32, ["N", 4])], outputs: ["y"], initializers: ["w": Tensor([1, 2, 3, 4] as [Float])],
///       nodes: [.init("Mul", ["x", "w"], ["s"]), .init("ReduceSum", ["s"], ["y"], ["keepdims": 0])])
///     let file = model.bytes
///
/// Attributes are written as `1`, `0.5`, `"text"`, `[1, 2]` (integers), or `.floats([1])`, `.tensor(t)`, `.graph(g)` ….
package struct ModelWriter: Sendable {
  package var opsets: [String: Int]
  package var irVersion: Int64 = 10
  package var graph: Graph
  package var functions: [Function]

  package init(
    opset: Int = 21, domains: [String: Int] = [:], inputs: [Value], outputs: [Value],
    initializers: KeyValuePairs<String, Tensor> = [:], functions: [Function] = [], nodes: [Node]
  ) {
    opsets = domains.merging(["": opset]) { own, _ in own }
    graph = Graph(inputs: inputs, outputs: outputs, initializers: initializers, nodes: nodes)
    self.functions = functions
  }

  /// The file's bytes.
  package var bytes: [UInt8] {
    var model = WireWriter()
    model.integer(1, irVersion)
    model.text(2, "apus")
    model.message(7, graph.message)
    for (domain, version) in opsets.sorted(by: { $0.key < $1.key }) { model.message(8, Self.opset(domain, version)) }
    for function in functions { model.message(25, function.message) }
    return model.bytes
  }

  /// The model as a file that was read.
  package func file(_ name: String = "model.onnx") throws -> ONNXFile { try ONNXFile(name: name, bytes: bytes) }

  fileprivate static func opset(_ domain: String, _ version: Int) -> WireWriter {
    var opset = WireWriter()
    opset.text(1, domain)
    opset.integer(2, Int64(version))
    return opset
  }
}

extension ModelWriter {
  package struct Graph: Sendable {
    package var name = "g"
    package var inputs: [Value] = []
    package var outputs: [Value] = []
    /// TensorProtos: messages, so that types that have no `Tensor` can be written too.
    package var initializers: [[UInt8]] = []
    package var nodes: [Node] = []

    package init(
      inputs: [Value] = [], outputs: [Value], initializers: KeyValuePairs<String, Tensor> = [:], nodes: [Node]
    ) {
      self.inputs = inputs
      self.outputs = outputs
      self.initializers = initializers.map { TensorProto.encoded($0.value, name: $0.key) }
      self.nodes = nodes
    }

    package var message: WireWriter {
      var graph = WireWriter()
      for node in nodes { graph.message(1, node.message) }
      graph.text(2, name)
      for tensor in initializers { graph.data(5, tensor) }
      for value in inputs { graph.message(11, value.message) }
      for value in outputs { graph.message(12, value.message) }
      return graph
    }
  }

  package struct Node: Sendable {
    package var op: String
    package var domain: String
    package var name: String
    /// An empty name is an operand that is left out.
    package var inputs: [String]
    package var outputs: [String]
    package var attributes: [(name: String, value: Attribute)]

    package init(
      _ op: String, _ inputs: [String], _ outputs: [String], _ attributes: KeyValuePairs<String, Attribute> = [:],
      domain: String = "", name: String = ""
    ) {
      (self.op, self.domain, self.name, self.inputs, self.outputs) = (op, domain, name, inputs, outputs)
      self.attributes = attributes.map { ($0.key, $0.value) }
    }

    package var message: WireWriter {
      var node = WireWriter()
      for input in inputs { node.text(1, input) }
      for output in outputs { node.text(2, output) }
      node.text(3, name)
      node.text(4, op)
      for attribute in attributes { node.message(5, attribute.value.message(attribute.name)) }
      node.text(7, domain)
      return node
    }
  }

  /// A function of the model's own: in its body an attribute may be `.reference` to one of the call.
  package struct Function: Sendable {
    package var domain: String
    package var name: String
    package var inputs: [String]
    package var outputs: [String]
    package var attributes: [String] = []
    package var opset: Int
    package var nodes: [Node]

    package init(
      domain: String, name: String, inputs: [String], outputs: [String], attributes: [String] = [], opset: Int = 21,
      nodes: [Node]
    ) {
      (self.domain, self.name, self.inputs, self.outputs) = (domain, name, inputs, outputs)
      (self.attributes, self.opset, self.nodes) = (attributes, opset, nodes)
    }

    package var message: WireWriter {
      var function = WireWriter()
      function.text(1, name)
      for input in inputs { function.text(4, input) }
      for output in outputs { function.text(5, output) }
      for attribute in attributes { function.text(6, attribute) }
      for node in nodes { function.message(7, node.message) }
      function.message(9, ModelWriter.opset("", opset))
      function.text(10, domain)
      return function
    }
  }

  /// An input or output. A text alone is one whose type is left out.
  package struct Value: Sendable, ExpressibleByStringLiteral {
    package var name: String
    package var type: Kind?

    package init(_ name: String, _ type: Kind? = nil) { (self.name, self.type) = (name, type) }
    package init(stringLiteral value: String) { self.init(value) }

    /// `sizes` are numbers, names, or nil for unknown ones; without a list the rank is open.
    package static func tensor(_ name: String, _ element: ElementType, _ sizes: [Size]?) -> Value {
      Value(name, .tensor(dataType: element.onnxDataType, sizes))
    }

    package var message: WireWriter {
      var value = WireWriter()
      value.text(1, name)
      if let type { value.message(2, type.message) }
      return value
    }
  }

  package indirect enum Kind: Sendable {
    /// `dataType` is a number of TensorProto.DataType.
    case tensor(dataType: Int32, [Size]?)
    case sequence(Kind)
    case optional(Kind)

    package static func tensor(_ element: ElementType, _ sizes: [Size]?) -> Kind {
      .tensor(dataType: element.onnxDataType, sizes)
    }

    package var message: WireWriter {
      var type = WireWriter()
      var inner = WireWriter()
      switch self {
      case .tensor(let dataType, let sizes):
        inner.integer(1, Int64(dataType))
        if let sizes {
          var shape = WireWriter()
          for size in sizes { shape.message(1, size.message) }
          inner.message(2, shape)
        }
        type.message(1, inner)
      case .sequence(let element):
        inner.message(1, element.message)
        type.message(4, inner)
      case .optional(let element):
        inner.message(1, element.message)
        type.message(9, inner)
      }
      return type
    }
  }

  package enum Size: Sendable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByNilLiteral {
    case fixed(Int)
    case named(String)
    case unknown

    package init(integerLiteral value: Int) { self = .fixed(value) }
    package init(stringLiteral value: String) { self = .named(value) }
    package init(nilLiteral: ()) { self = .unknown }

    fileprivate var message: WireWriter {
      var dim = WireWriter()
      switch self {
      case .fixed(let size): dim.integer(1, Int64(size))
      case .named(let name): dim.text(2, name)
      case .unknown: break
      }
      return dim
    }
  }

  package indirect enum Attribute: Sendable, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
    case float(Float)
    case int(Int)
    case string(String)
    case tensor(Tensor)
    case graph(Graph)
    case floats([Float])
    case ints([Int])
    case strings([String])
    case type(Kind)
    /// Inside a function: what the call has under this name. `kind` is a number of AttributeProto.AttributeType.
    case reference(String, kind: Int64)
    /// Any field of AttributeProto.
    case raw(kind: Int64, field: Int, [UInt8])

    package init(integerLiteral value: Int) { self = .int(value) }
    package init(floatLiteral value: Float) { self = .float(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: Int...) { self = .ints(elements) }

    package func message(_ name: String) -> WireWriter {
      var attribute = WireWriter()
      attribute.text(1, name)
      let kind: Int64
      switch self {
      case .float(let value):
        kind = 1
        attribute.fixed32(2, value.bitPattern)
      case .int(let value):
        kind = 2
        attribute.integer(3, Int64(value))
      case .string(let value):
        kind = 3
        attribute.text(4, value)
      case .tensor(let value):
        kind = 4
        attribute.data(5, TensorProto.encoded(value, name: ""))
      case .graph(let value):
        kind = 5
        attribute.message(6, value.message)
      case .floats(let values):
        kind = 6
        for value in values { attribute.fixed32(7, value.bitPattern) }
      case .ints(let values):
        kind = 7
        for value in values { attribute.integer(8, Int64(value)) }
      case .strings(let values):
        kind = 8
        for value in values { attribute.text(9, value) }
      case .type(let value):
        kind = 13
        attribute.message(14, value.message)
      case .reference(let name, let referred):
        kind = referred
        attribute.text(21, name)
      case .raw(let stated, let field, let bytes):
        kind = stated
        attribute.data(field, bytes)
      }
      attribute.integer(20, kind)
      return attribute
    }
  }
}
