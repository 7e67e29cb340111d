import ApusTensor

/// A compile-time operand of an op.
public enum Attribute: Hashable, Sendable {
  case int(Int)
  case float(Double)
  case bool(Bool)
  /// Quoted text.
  case string(String)
  /// One of an enumeration's cases, written bare: `mode: nearest`.
  case name(String)
  case ints([Int])
  case floats([Double])
  case dims([Dim])
  case elementType(ElementType)
  /// A function of the module, written `@name`.
  case function(String)
  /// One value that fills a tensor.
  case scalar(Scalar)
  case tensor(ConstantTensor)
  case schedule(Schedule)
}

/// A tensor held by a `constant` op. Equal when type, shape and bytes are.
public struct ConstantTensor: Hashable, Sendable {
  public let tensor: Tensor
  /// Where the bytes came from, so that text can name the file instead of repeating them.
  public let origin: Origin?

  public struct Origin: Hashable, Sendable {
    public var file: String
    public var name: String?
    /// Where the plain little-endian bytes start, if the file holds them so.
    public var offset: Int?
    public init(file: String, name: String? = nil, offset: Int? = nil) {
      self.file = file
      self.name = name
      self.offset = offset
    }
  }

  public init(_ tensor: Tensor, origin: Origin? = nil) {
    self.tensor = tensor
    self.origin = origin
  }

  public static func == (a: Self, b: Self) -> Bool {
    guard a.tensor.elementType == b.tensor.elementType, a.tensor.shape == b.tensor.shape else { return false }
    return a.tensor.withUnsafeBytes { x in
      b.tensor.withUnsafeBytes { y in
        x.count == y.count && (x.baseAddress == y.baseAddress || x.elementsEqual(y))
      }
    }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(tensor.elementType)
    hasher.combine(tensor.shape)
    // A prefix is enough for a hash, and weights are large.
    tensor.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(256))) }
  }
}

/// An attribute and the name the op's declaration gives it.
public struct NamedAttribute: Hashable, Sendable {
  public var name: String
  public var value: Attribute
  public init(_ name: String, _ value: Attribute) {
    self.name = name
    self.value = value
  }
}
