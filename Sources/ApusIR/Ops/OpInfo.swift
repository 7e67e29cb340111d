import ApusTensor

/// What the declaration of one op in `IR-specs/*.ops` says, as data. The instances are generated;
/// verifier, inference, printer, parser, fuzzer and documentation are written against this type only.
///
/// A class, because `OpCode.info` is read for every op of every pass and a copy of its lists would cost more than the
/// question.
public final class OpInfo: Sendable {
  public let code: OpCode
  /// As written in text: `reduce_sum`.
  public let name: String
  /// The group of the reference it belongs to: the name of its `.ops` file.
  public let group: String
  /// The head of the declaration on one line: `neg(x: [..s]T) -> [..s]T  where T: number`.
  public let signature: String
  /// The declaration's `///` comment.
  public let summary: String
  public let operands: [OperandInfo]
  public let attributes: [AttributeInfo]
  public let results: ResultRule
  /// What the results are called; empty where there is only one.
  public let resultNames: [String]
  public let regions: [RegionInfo]
  /// `where T: float`.
  public let typeVariables: [TypeVariable]
  public let traits: OpTraits
  public let phases: Set<Phase>
  public let constraints: [ConstraintInfo]
  /// A composite's definition in the graph language; `nil` for a primitive.
  public let body: String?
  public let examples: [String]
  /// Largest error against exact arithmetic on the rounded operands, in units in the last place of
  /// the result type; 0 for exact and correctly rounded ops, `nil` where it depends on the length of
  /// a reduction (see IR-specs/semantics.md).
  public let maxULP: Double?

  public init(
    code: OpCode, name: String, group: String, signature: String = "", summary: String,
    operands: [OperandInfo] = [], attributes: [AttributeInfo] = [], results: ResultRule = .patterns([]),
    resultNames: [String] = [], regions: [RegionInfo] = [], typeVariables: [TypeVariable] = [],
    traits: OpTraits = [], phases: Set<Phase> = [.graph],
    constraints: [ConstraintInfo] = [], body: String? = nil, examples: [String] = [], maxULP: Double? = 0
  ) {
    self.code = code
    self.name = name
    self.group = group
    self.signature = signature
    self.summary = summary
    self.operands = operands
    self.attributes = attributes
    self.results = results
    self.resultNames = resultNames
    self.regions = regions
    self.typeVariables = typeVariables
    self.traits = traits
    self.phases = phases
    self.constraints = constraints
    self.body = body
    self.examples = examples
    self.maxULP = maxULP
  }

  public var isComposite: Bool { body != nil }

  public func attribute(_ name: String) -> AttributeInfo? {
    // An element is dear to copy, and most are not the one.
    for index in attributes.indices where attributes[index].name == name { return attributes[index] }
    return nil
  }
}

/// The form a function's body has reached.
public enum Phase: String, Sendable, Hashable, CaseIterable {
  case graph, fused, loops
}

/// One operand of a declaration: `lhs: [..b, m, k]T`.
public struct OperandInfo: Hashable, Sendable {
  public enum Arity: Hashable, Sendable {
    case one, optional, zeroOrMore, oneOrMore
  }

  public var name: String
  public var pattern: TypePattern
  public var arity: Arity

  public init(_ name: String, _ pattern: TypePattern, _ arity: Arity = .one) {
    self.name = name
    self.pattern = pattern
    self.arity = arity
  }
}

/// A type with holes: `[..b, m, k]T`, `[n]s64`, `[]bool`, `any`.
public struct TypePattern: Hashable, Sendable {
  public enum Shape: Hashable, Sendable {
    /// Any rank and sizes; nothing is bound.
    case any
    case dims([DimPattern])
  }

  public enum Element: Hashable, Sendable {
    /// Any type; nothing is bound.
    case any
    case variable(String)
    case fixed(ElementType)
  }

  public var shape: Shape
  public var element: Element
  public var form: ValueForm?

  public init(_ shape: Shape, _ element: Element, form: ValueForm? = nil) {
    self.shape = shape
    self.element = element
    self.form = form
  }
}

/// One entry of a shape pattern.
public enum DimPattern: Hashable, Sendable {
  /// `..b`: any number of axes, the same in all places.
  case pack(String)
  /// `m`: one axis, the same size in all places.
  case dim(String)
  /// `4`: exactly this size.
  case constant(Int)
}

public struct TypeVariable: Hashable, Sendable {
  public var name: String
  public var elementClass: ElementClass
  public init(_ name: String, _ elementClass: ElementClass) {
    self.name = name
    self.elementClass = elementClass
  }
}

/// A set of element types that a type variable ranges over.
public enum ElementClass: String, Sendable, Hashable, CaseIterable {
  /// Every element type.
  case any
  /// Floats and integers.
  case number
  case float
  /// Signed and unsigned integers.
  case integer
  /// Floats and signed integers.
  case signed
  /// Integers and bool.
  case bits
  /// s32 and s64.
  case index
  /// s8 and u8.
  case byte

  public func contains(_ element: ElementType) -> Bool {
    switch self {
    case .any: true
    case .number: element != .bool
    case .float: element.isFloat
    case .integer: element.isInteger
    case .signed: element.isFloat || element.isSignedInteger
    case .bits: element.isInteger || element == .bool
    case .index: element == .s32 || element == .s64
    case .byte: element == .s8 || element == .u8
    }
  }

  public var members: [ElementType] { ElementType.allCases.filter(contains) }
}

public struct AttributeInfo: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case int, float, bool, string, ints, floats, dims, elementType, function
    /// A scalar or a tensor.
    case constant
    case schedule
    /// One of these names.
    case name([String])
    /// An axis of the named operand; negative counts from the end, and the stored value never is.
    case axis(of: String)
    /// A list of different axes of the named operand, stored sorted as written, never negative.
    case axes(of: String)
  }

  public var name: String
  public var kind: Kind
  /// What it is when it is left out; `nil` with `isOptional` false means it must be written.
  public var defaultValue: Attribute?
  public var isOptional: Bool

  public init(_ name: String, _ kind: Kind, default defaultValue: Attribute? = nil, isOptional: Bool = false) {
    self.name = name
    self.kind = kind
    self.defaultValue = defaultValue
    self.isOptional = isOptional
  }
}

/// Where result types come from.
public enum ResultRule: Hashable, Sendable {
  /// The signature is the shape rule.
  case patterns([TypePattern])
  /// A Swift function of `Inference`.
  case custom(ShapeFunction)
  /// Stated in the text; the verifier checks what the constraints say.
  case stated
}

public struct RegionInfo: Hashable, Sendable {
  public var name: String
  /// An isolated region sees nothing but its own parameters.
  public var isIsolated: Bool
  public init(_ name: String, isIsolated: Bool = false) {
    self.name = name
    self.isIsolated = isIsolated
  }
}

/// A numbered rule of a declaration: `C1 "ranks agree"`; its id in diagnostics is `concat.C1`.
public struct ConstraintInfo: Hashable, Sendable {
  public var id: String
  public var text: String
  public init(_ id: String, _ text: String) {
    self.id = id
    self.text = text
  }
}

public struct OpTraits: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// No effect but its results: may be erased, repeated, moved.
  public static let pure = OpTraits(rawValue: 1 << 0)
  /// Each result element depends on the operand elements at the same index only.
  public static let elementwise = OpTraits(rawValue: 1 << 1)
  public static let commutative = OpTraits(rawValue: 1 << 2)
  /// Moves elements without changing them: its index map is derived when it is lowered.
  public static let movement = OpTraits(rawValue: 1 << 3)
  /// Folds one or more axes.
  public static let reduction = OpTraits(rawValue: 1 << 4)
  /// Multiplies and sums over contracted axes: lowered through the micro-kernel.
  public static let contraction = OpTraits(rawValue: 1 << 5)
  /// Ends a block.
  public static let terminator = OpTraits(rawValue: 1 << 6)
  /// Its result's shape depends on operand values: it defines a fresh symbol.
  public static let dataDependentShape = OpTraits(rawValue: 1 << 7)
  public static let associative = OpTraits(rawValue: 1 << 8)
  /// Reads or writes buffers.
  public static let memory = OpTraits(rawValue: 1 << 9)
  /// Runs other code: `if`, `while`, `for`.
  public static let controlFlow = OpTraits(rawValue: 1 << 10)
}

extension OpCode {
  @inlinable public var info: OpInfo { OpInfo.all[Int(rawValue)] }
  public var name: String { info.name }
  /// The op as a primitive; `nil` for one that is defined by its body.
  @inlinable public var primitive: PrimitiveOp? { PrimitiveOp(rawValue: rawValue) }
  public var traits: OpTraits { Self.traitTable[Int(rawValue)] }
  public var isElementwise: Bool { traits.contains(.elementwise) }
  public var isMovement: Bool { traits.contains(.movement) }
  public var isReduction: Bool { traits.contains(.reduction) }
  public var isContraction: Bool { traits.contains(.contraction) }
  public var isTerminator: Bool { traits.contains(.terminator) }
  public var isPure: Bool { traits.contains(.pure) }

  public init?(name: String) {
    guard let code = Self.byName[name] else { return nil }
    self = code
  }

  private static let traitTable: [OpTraits] = OpInfo.all.map(\.traits)
  private static let byName: [String: OpCode] = Dictionary(
    uniqueKeysWithValues: OpInfo.all.map { ($0.name, $0.code) })
}
