import ApusSupport
import ApusTensor

/// Names a node of one `Syntax` tree.
public struct NodeID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// The expressions of one text in the graph language (IR-specs/language.md), as a table: children
/// are ids, so a tree of any depth is built, copied and dropped without recursion.
public struct Syntax: Sendable {
  public let source: SourceText
  private var nodes = Table<NodeID, Node>()

  /// The number of nodes: those that one graph adds are consecutive.
  public var count: Int { nodes.count }

  public init(source: SourceText) { self.source = source }

  public subscript(id: NodeID) -> Node { nodes[id] }
  public mutating func append(_ kind: Node.Kind, _ range: Range<Int>) -> NodeID {
    nodes.append(Node(kind: kind, range: range))
  }

  /// A node and the bytes of the text it was read from.
  public struct Node: Sendable {
    public var kind: Kind
    public var range: Range<Int>

    public enum Kind: Sendable {
      /// The magnitude: a sign is an operator.
      case integer(UInt64)
      case float(Double)
      case bool(Bool)
      case string(String)
      case name(String)
      case list([NodeID])
      case call(String, [Argument])
      case unary(UnaryOperator, NodeID)
      case binary(BinaryOperator, NodeID, NodeID)
      case index(NodeID, NodeID)
      case range(NodeID, lower: NodeID?, upper: NodeID?)
      case conditional(NodeID, then: Block, else: Block)
      case loop([Carried], condition: NodeID, body: Block)
      case weight(WeightSyntax)
    }
  }

  public struct Argument: Sendable {
    public var label: String?
    public var value: NodeID
    public var range: Range<Int>
  }

  /// `name = initial value` of a loop.
  public struct Carried: Sendable {
    public var name: String
    public var value: NodeID
    public var range: Range<Int>
  }

  public struct Block: Sendable {
    public var statements: [Statement]
    /// Empty where the text was wrong.
    public var results: [NodeID]
    public var range: Range<Int>
  }

  public struct Statement: Sendable {
    public enum Kind: Sendable {
      case bind([String], NodeID)
      case assert(NodeID, String)
      case repeated(String, over: NodeID, [Statement])
      case result([NodeID])
      /// A statement that could not be read, and has been reported. Lowering takes the names for known
      /// and says nothing about them.
      case invalid([String])
    }
    public var kind: Kind
    public var range: Range<Int>
  }

  /// `weight f32[784, 10] from "w.npz" name: "w1"`.
  public struct WeightSyntax: Sendable {
    public enum Source: Sendable {
      /// `range` is that of the file's name.
      case file(String, name: String?, range: Range<Int>)
      /// The file named like the graph's, with any ending that is there.
      case neighbour
      /// The labels `seed` and `scale`.
      case random([Argument])
      case literal(NodeID)
    }
    public var type: TypeSyntax
    public var source: Source
    /// What the weight is bound to.
    public var binding: String
  }

  /// `f32[B, 10]` before its symbols are known.
  public struct TypeSyntax: Sendable {
    public var element: ElementType
    public var dims: [NodeID]
    public var range: Range<Int>
  }
}

public enum UnaryOperator: Sendable, Hashable {
  case minus, not
}

public enum BinaryOperator: String, Sendable, Hashable, CaseIterable {
  case or = "||"
  case and = "&&"
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessEqual = "<="
  case greater = ">"
  case greaterEqual = ">="
  case add = "+"
  case subtract = "-"
  case concatenate = "++"
  case multiply = "*"
  case divide = "/"
  case remainder = "%"
  case matmul = "@"

  /// Loosest first, from 1.
  public var precedence: Int {
    switch self {
    case .or: 1
    case .and: 2
    case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual: 3
    case .add, .subtract, .concatenate: 4
    case .multiply, .divide, .remainder, .matmul: 5
    }
  }

  public var isComparison: Bool { precedence == 3 }

  /// The op it stands for on tensors; `nil` for `++`, which joins lists only.
  public var opcode: OpCode? {
    switch self {
    case .or: .or
    case .and: .and
    case .equal: .equal
    case .notEqual: .notEqual
    case .less: .less
    case .lessEqual: .lessEqual
    case .greater: .greater
    case .greaterEqual: .greaterEqual
    case .add: .add
    case .subtract: .sub
    case .concatenate: nil
    case .multiply: .mul
    case .divide: .div
    case .remainder: .rem
    case .matmul: .matmul
    }
  }
}
