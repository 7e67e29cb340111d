import ApusIR
import ApusSupport
import ApusTensor

/// A tensor of a graph that is being built in Swift; arithmetic on it adds ops to the graph.
///
/// Nodes behave as expressions of the graph language do: literals take the type of the node beside them
/// (`x * 0.5`), operands are broadcast, negative axes count from the end. What is wrong is remembered with the
/// line of the Swift program it came from and thrown by ``GraphBuilder/build(returning:)``.
///
/// A node belongs to one builder, and both to one task.
public struct Node {
  enum Form {
    case value(GraphBuilder, ValueID)
    /// Known while building, with nothing that is computed in it.
    case literal(Meaning)
    case size(Size)
    case list([Node])
    case tensor(TensorBox)
    /// An op over literals only: it joins the first graph that uses it.
    case deferred(DeferredCall, result: Int)
    /// What came of a mistake.
    case invalid
  }

  let form: Form
  let place: Place

  init(_ form: Form, at place: Place = .none) {
    self.form = form
    self.place = place
  }

  /// A constant.
  public init(_ tensor: Tensor, fileID: StaticString = #fileID, line: Int = #line) {
    self.init(.tensor(TensorBox(tensor)), at: .swift(fileID: "\(fileID)", line: line))
  }

  /// A constant vector, or with `shape` a tensor, of these elements in row-major order.
  public init<Element: TensorElement>(
    _ values: [Element], shape: [Int]? = nil, fileID: StaticString = #fileID, line: Int = #line
  ) {
    self.init(Tensor(values, shape: shape ?? [values.count]), fileID: fileID, line: line)
  }

  /// A size as a number: s64 on its own.
  public init(_ size: Size) { self.init(.size(size)) }

  /// A number like a literal: it takes the type of the node beside it.
  public init(_ value: Double) { self.init(.literal(.number(value))) }
  public init(_ value: Int) { self.init(.literal(.integer(value))) }
  public init(_ value: Bool) { self.init(.literal(.bool(value))) }
}

/// A constant, once however often it is used.
final class TensorBox {
  let tensor: Tensor
  init(_ tensor: Tensor) { self.tensor = tensor }
}

/// An op that waits for its graph.
final class DeferredCall {
  let code: OpCode
  let operands: [Node?]
  let attributes: [(String, NodeAttribute)]
  let place: Place

  init(_ code: OpCode, _ operands: [Node?], _ attributes: [(String, NodeAttribute)], _ place: Place) {
    self.code = code
    self.operands = operands
    self.attributes = attributes
    self.place = place
  }
}

/// The attribute of an op as Swift gives it.
enum NodeAttribute {
  case int(Int)
  case float(Double)
  case bool(Bool)
  case string(String)
  case name(String)
  case ints([Int])
  case floats([Double])
  case sizes([Size])
  case elementType(ElementType)
  case node(Node)
}

extension Node: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral
{
  public init(integerLiteral value: Int) { self.init(value) }
  public init(floatLiteral value: Double) { self.init(value) }
  public init(booleanLiteral value: Bool) { self.init(value) }
  public init(arrayLiteral elements: Node...) { self.init(.list(elements)) }
}

// MARK: - Calls

extension Node {
  /// Adds an op with one result to the graph of its operands.
  static func call(
    _ code: OpCode, _ operands: [Node?], _ attributes: KeyValuePairs<String, NodeAttribute>, _ fileID: StaticString,
    _ line: Int
  ) -> Node {
    calls(code, operands, attributes, results: 1, fileID, line)[0]
  }

  static func calls(
    _ code: OpCode, _ operands: [Node?], _ attributes: KeyValuePairs<String, NodeAttribute>, results: Int,
    _ fileID: StaticString, _ line: Int
  ) -> [Node] {
    let call = DeferredCall(
      code, operands, attributes.map { ($0.key, $0.value) }, .swift(fileID: "\(fileID)", line: line))
    return calls(call, results: results)
  }

  static func calls(_ call: DeferredCall, results: Int) -> [Node] {
    let builder = call.operands.lazy.compactMap { $0?.builder }.first
    if let builder { return builder.nodes(of: call, results: results) }
    return (0..<results).map { Node(.deferred(call, result: $0), at: call.place) }
  }

  /// An operator: it stands where its later operand was made, as Swift does not tell its line.
  static func operation(_ code: OpCode, _ operands: [Node]) -> Node {
    var place = Place.none
    for operand in operands {
      guard case .swift(let fileID, let line) = operand.place else { continue }
      if case .swift(fileID, let known) = place, known > line { continue }
      place = operand.place
    }
    return calls(DeferredCall(code, operands, [], place), results: 1)[0]
  }

  /// The builder whose graph the node is in, if it is in one.
  var builder: GraphBuilder? {
    switch form {
    case .value(let builder, _): builder
    case .list(let nodes): nodes.lazy.compactMap(\.builder).first
    case .literal, .size, .tensor, .deferred, .invalid: nil
    }
  }

  /// Any op of the graph language by its name there.
  ///
  ///     x.op("softmax", axis: …)   is   softmax(x, axis: …)
  ///
  /// For ops whose name is known only when the program runs; `integers` are attributes that are integers.
  public static func op(
    _ name: String, _ operands: [Node], integers: KeyValuePairs<String, Int> = [:],
    fileID: StaticString = #fileID, line: Int = #line
  ) -> Node {
    let place = Place.swift(fileID: "\(fileID)", line: line)
    guard let code = OpCode(name: name), code.isCallable else {
      let builder = operands.lazy.compactMap(\.builder).first
      builder?.report("name.unknown", "no op is called '\(name)'", at: place)
      return Node(.invalid, at: place)
    }
    return calls(DeferredCall(code, operands, integers.map { ($0.key, .int($0.value)) }, place), results: 1)[0]
  }
}

// MARK: - Types

extension Node {
  /// The size of each axis.
  public var shape: [Size] { type.map { $0.dims.map { Size(.known($0)) } } ?? [] }

  /// The element type; `nil` for what came of a mistake.
  public var elementType: ElementType? { type?.element }

  public var rank: Int { type?.rank ?? 0 }

  private var type: TensorType? {
    let builder = builder ?? GraphBuilder("literal")
    return builder.value(self).map { builder.type(of: $0) }
  }
}
