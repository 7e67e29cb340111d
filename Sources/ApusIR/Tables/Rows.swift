import ApusSupport

/// Names an op of one function.
public struct OpID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// Names a value of one function: the result of an op or the parameter of a block.
public struct ValueID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// Names a block of one function. A region is exactly one block.
public struct BlockID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// Names an operand slot of one function, which is also a link of its value's list of uses.
public struct OperandID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// Names an interned type of one function.
public struct TypeID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// Names a source location of one function.
public struct LocationID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

struct OpRow: BitwiseCopyable, Sendable {
  var code: OpCode
  var operandCount: UInt16 = 0
  var resultCount: UInt16 = 0
  var regionCount: UInt8 = 0
  var isErased = false
  var block: BlockID = .none
  var previous: OpID = .none
  var next: OpID = .none
  var firstOperand: OperandID = .none
  var firstResult: ValueID = .none
  /// Index of the first region in `Function.regionBlocks`.
  var firstRegion: UInt32 = 0
  /// Index in `Function.attributeLists`; 0 is the empty list.
  var attributes: UInt32 = 0
  var location: LocationID = .none
}

struct OperandRow: BitwiseCopyable, Sendable {
  var value: ValueID
  var owner: OpID
  var previousUse: OperandID = .none
  var nextUse: OperandID = .none
}

struct ValueRow: BitwiseCopyable, Sendable {
  var type: TypeID
  /// The op whose result it is, or none for a block parameter.
  var definition: OpID = .none
  /// The block whose parameter it is, or none.
  var block: BlockID = .none
  var index: UInt32 = 0
  var firstUse: OperandID = .none
  var useCount: UInt32 = 0
}

struct BlockRow: BitwiseCopyable, Sendable {
  var first: OpID = .none
  var last: OpID = .none
  /// The op whose region it is; none for the function's entry block.
  var owner: OpID = .none
  var region: UInt32 = 0
}
