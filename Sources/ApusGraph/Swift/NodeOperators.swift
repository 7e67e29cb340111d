import ApusIR
import ApusSupport
import ApusTensor

/// Operators on nodes: those of the graph language, element by element and broadcast.
extension Node {
  public static func + (a: Node, b: Node) -> Node { operation(.add, [a, b]) }
  public static func - (a: Node, b: Node) -> Node { operation(.sub, [a, b]) }
  public static func * (a: Node, b: Node) -> Node { operation(.mul, [a, b]) }
  public static func / (a: Node, b: Node) -> Node { operation(.div, [a, b]) }
  /// The remainder of the division towards zero.
  public static func % (a: Node, b: Node) -> Node { operation(.rem, [a, b]) }
  public static prefix func - (a: Node) -> Node { operation(.neg, [a]) }
  public static prefix func ! (a: Node) -> Node { operation(.not, [a]) }
  public static func && (a: Node, b: Node) -> Node { operation(.and, [a, b]) }
  public static func || (a: Node, b: Node) -> Node { operation(.or, [a, b]) }
  /// Whether elements are equal, as a `bool` tensor.
  public static func == (a: Node, b: Node) -> Node { operation(.equal, [a, b]) }
  public static func != (a: Node, b: Node) -> Node { operation(.notEqual, [a, b]) }
  public static func < (a: Node, b: Node) -> Node { operation(.less, [a, b]) }
  public static func <= (a: Node, b: Node) -> Node { operation(.lessEqual, [a, b]) }
  public static func > (a: Node, b: Node) -> Node { operation(.greater, [a, b]) }
  public static func >= (a: Node, b: Node) -> Node { operation(.greaterEqual, [a, b]) }

  public static func += (a: inout Node, b: Node) { a = a + b }
  public static func -= (a: inout Node, b: Node) { a = a - b }
  public static func *= (a: inout Node, b: Node) { a = a * b }
  public static func /= (a: inout Node, b: Node) { a = a / b }

  /// The matrix product, `@` of the graph language: batch axes are broadcast, and a vector counts as a row on the
  /// left, as a column on the right.
  public func matmul(_ other: Node, fileID: StaticString = #fileID, line: Int = #line) -> Node {
    Node.call(.matmul, [self, other], [:], fileID, line)
  }

  public func matmul(_ other: Tensor, fileID: StaticString = #fileID, line: Int = #line) -> Node {
    matmul(Node(other, fileID: fileID, line: line), fileID: fileID, line: line)
  }

  /// The same elements in another shape.
  public func reshaped(_ shape: [Size], fileID: StaticString = #fileID, line: Int = #line) -> Node {
    reshape(self, shape: shape, fileID: fileID, line: line)
  }

  /// The last two axes exchanged.
  public func transposed(fileID: StaticString = #fileID, line: Int = #line) -> Node {
    let rank = rank
    var axes = Array(0..<rank)
    if rank > 1 { axes.swapAt(rank - 1, rank - 2) }
    return transpose(self, perm: axes, fileID: fileID, line: line)
  }

  /// The same values in another element type.
  public func cast(to type: ElementType, fileID: StaticString = #fileID, line: Int = #line) -> Node {
    convert(self, to: type, fileID: fileID, line: line)
  }
}

/// Constants beside nodes.
extension Node {
  public static func + (a: Node, b: Tensor) -> Node { a + Node(.tensor(TensorBox(b)), at: a.place) }
  public static func - (a: Node, b: Tensor) -> Node { a - Node(.tensor(TensorBox(b)), at: a.place) }
  public static func * (a: Node, b: Tensor) -> Node { a * Node(.tensor(TensorBox(b)), at: a.place) }
  public static func / (a: Node, b: Tensor) -> Node { a / Node(.tensor(TensorBox(b)), at: a.place) }
}

/// Runs an operation that is registered under a name; its results have the stated types.
public func customCall(
  _ name: String, _ arguments: [Node], results: [(type: ElementType, shape: [Size])],
  fileID: StaticString = #fileID, line: Int = #line
) -> [Node] {
  let attributes: [(String, NodeAttribute)] = [
    ("name", .string(name)),
    ("shape", .node(Node(.list(results.map { result in Node(.list(result.shape.map { Node($0) })) })))),
    ("to", .node(Node(.list(results.map { Node(.literal(.elementType($0.type))) })))),
  ]
  let place = Place.swift(fileID: "\(fileID)", line: line)
  return Node.calls(DeferredCall(.customCall, arguments, attributes, place), results: results.count)
}
