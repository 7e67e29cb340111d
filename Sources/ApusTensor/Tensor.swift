import ApusSupport

/// An n-dimensional array: an element type, a shape, and contiguous row-major bytes in the machine's byte order.
///
/// A value type; copies share their bytes until one of them is written. Equality and hashing compare type,
/// shape and *bytes*: −0 differs from 0, and a NaN equals a NaN of the same bits. Bytes of `bool` are 0 or 1.
///
/// The bytes may start at any address: weights stay where a mapped file has them. Whoever reads elements through a typed
/// pointer asks for ``aligned(to:)`` first; all else reads them wherever they lie.
public struct Tensor: Sendable {
  public let elementType: ElementType
  /// Extents from outermost to innermost, none negative; empty for a scalar.
  public let shape: [Int]
  /// The number of elements; 1 for a scalar.
  public let count: Int
  public private(set) var storage: TensorStorage

  public var byteCount: Int { count * elementType.byteCount }
  public var rank: Int { shape.count }

  /// Takes `storage` as the elements, without a copy.
  ///
  /// Throws `tensor.too-large`, `tensor.negative-dimension`, or `tensor.size` when `storage` does not hold exactly
  /// the bytes that `shape` asks for.
  public init(_ elementType: ElementType, shape: [Int], storage: TensorStorage) throws(DiagnosticError) {
    let bytes = try Self.byteCount(of: elementType, shape: shape)
    guard bytes == storage.byteCount else {
      throw DiagnosticError(
        id: "tensor.size",
        "\(Self.describe(elementType, shape)) takes \(bytes) bytes, but \(storage.byteCount) are given")
    }
    self.init(elementType, shape, storage)
  }

  private init(_ elementType: ElementType, _ shape: [Int], _ storage: TensorStorage) {
    self.elementType = elementType
    self.shape = shape
    self.storage = storage
    count = storage.byteCount / elementType.byteCount
  }

  /// All elements zero (false for `bool`).
  ///
  /// Throws `tensor.too-large`, `tensor.negative-dimension` or `tensor.no-memory`.
  public static func zeros(_ elementType: ElementType, shape: [Int]) throws(DiagnosticError) -> Tensor {
    var tensor = try uninitialized(elementType, shape: shape)
    tensor.withUnsafeMutableBytes { bytes in _ = bytes.initializeMemory(as: UInt8.self, repeating: 0) }
    return tensor
  }

  /// Elements of unspecified value, for a caller that writes them all.
  ///
  /// Throws as ``zeros(_:shape:)`` does.
  public static func uninitialized(_ elementType: ElementType, shape: [Int]) throws(DiagnosticError) -> Tensor {
    Tensor(elementType, shape, try TensorStorage(byteCount: byteCount(of: elementType, shape: shape)))
  }

  /// The bytes a tensor takes.
  ///
  /// Throws `tensor.negative-dimension`, or `tensor.too-large` when the product of the element size and of all
  /// extents but the zeros overflows `Int`: strides of an empty tensor must be computable as well.
  public static func byteCount(of elementType: ElementType, shape: [Int]) throws(DiagnosticError) -> Int {
    var bytes = elementType.byteCount
    var isEmpty = false
    for extent in shape {
      guard extent >= 0 else {
        throw DiagnosticError(id: "tensor.negative-dimension", "a dimension of \(shape) is negative")
      }
      if extent == 0 { isEmpty = true; continue }
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      guard !overflow else {
        throw DiagnosticError(
          id: "tensor.too-large", "\(describe(elementType, shape)) takes more bytes than an address can count")
      }
      bytes = product
    }
    return isEmpty ? 0 : bytes
  }

  /// The bytes, which need not be aligned for the element type; valid while the call lasts.
  @inlinable public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try storage.withUnsafeBytes(body)
  }

  /// The bytes for writing; valid while the call lasts. They are copied first when another tensor shares them or
  /// when they are read-only. Bytes of `bool` must be left 0 or 1.
  public mutating func withUnsafeMutableBytes<Result, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if !storage.isWritable || !isKnownUniquelyReferenced(&storage) {
      do { storage = try storage.copied() } catch { preconditionFailure("no memory to copy a tensor on write") }
    }
    defer { withExtendedLifetime(storage) {} }
    return try body(storage.mutableBytes)
  }

  /// The same elements under another shape, sharing the bytes.
  ///
  /// Throws `tensor.size` when the number of elements differs.
  public func reshaped(_ shape: [Int]) throws(DiagnosticError) -> Tensor {
    try Tensor(elementType, shape: shape, storage: storage)
  }

  /// The tensor itself where its bytes start at a multiple of `alignment`, at most that of owned storage; else a copy that does,
  /// in place of which `self` is hardly read again.
  ///
  /// Throws `tensor.no-memory`.
  public func aligned(to alignment: Int) throws(DiagnosticError) -> Tensor {
    precondition(TensorStorage.alignment % alignment == 0, "owned storage is not aligned to \(alignment) bytes")
    return storage.isAligned(to: alignment) ? self : Tensor(elementType, shape, try storage.movedOut())
  }

  /// Says that the elements will hardly be read again: where they are part of a mapped file, its pages leave memory, and come
  /// back when they are read.
  package func leaveMemory() { storage.leaveMemory() }

  private static func describe(_ elementType: ElementType, _ shape: [Int]) -> String {
    "\(elementType)[\(shape.map(String.init).joined(separator: ", "))]"
  }
}

extension Tensor {
  /// Copies `values`, in row-major order. `shape` must hold exactly as many elements.
  public init<Element: TensorElement>(_ values: [Element], shape: [Int]) {
    do {
      self = try .uninitialized(Element.elementType, shape: shape)
    } catch {
      preconditionFailure("\(values.count) values cannot have the shape \(shape): \(error)")
    }
    precondition(values.count == count, "\(values.count) values cannot have the shape \(shape)")
    withUnsafeMutableBytes { bytes in values.withUnsafeBytes { bytes.copyMemory(from: $0) } }
  }

  /// A vector.
  public init<Element: TensorElement>(_ values: [Element]) { self.init(values, shape: [values.count]) }

  /// A tensor of rank 0.
  public init<Element: TensorElement>(scalar value: Element) { self.init([value], shape: []) }

  /// A tensor with every element `value`, converted to `elementType` as ``Scalar/converted(to:)`` does.
  ///
  /// Throws as ``zeros(_:shape:)`` does.
  public init(repeating value: Scalar, _ elementType: ElementType, shape: [Int]) throws(DiagnosticError) {
    self = try .uninitialized(elementType, shape: shape)
    if count == 0 { return }
    let byteCount = byteCount
    withUnsafeMutableBytes { bytes in
      value.store(to: bytes, at: 0, as: elementType)
      guard let base = bytes.baseAddress else { return }
      // What is filled already is copied behind itself.
      var filled = elementType.byteCount
      while filled < byteCount {
        let next = min(filled, byteCount - filled)
        (base + filled).copyMemory(from: base, byteCount: next)
        filled += next
      }
    }
  }

  /// The elements in row-major order. `Element` must be the Swift type of `elementType`.
  public func values<Element: TensorElement>(as type: Element.Type) -> [Element] {
    precondition(
      Element.elementType == elementType, "the elements are \(elementType), not \(Element.elementType)")
    return withUnsafeBytes { Element.values(in: $0) }
  }

  /// The element at a row-major index, exactly.
  public func scalar(at linearIndex: Int) -> Scalar {
    precondition(linearIndex >= 0 && linearIndex < count, "index \(linearIndex) of \(count) elements")
    return withUnsafeBytes { Scalar(from: $0, at: linearIndex, as: elementType) }
  }

  /// Replaces the element at a row-major index, converted as ``Scalar/converted(to:)`` does.
  public mutating func setScalar(_ value: Scalar, at linearIndex: Int) {
    precondition(linearIndex >= 0 && linearIndex < count, "index \(linearIndex) of \(count) elements")
    let type = elementType
    withUnsafeMutableBytes { value.store(to: $0, at: linearIndex, as: type) }
  }
}

extension Tensor: Hashable {
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.elementType == b.elementType, a.shape == b.shape else { return false }
    if a.storage === b.storage { return true }
    return a.withUnsafeBytes { x in b.withUnsafeBytes { y in x.elementsEqual(y) } }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(elementType)
    hasher.combine(shape)
    withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

extension Tensor: CustomStringConvertible {
  /// "f32[2, 3]".
  public var description: String { Self.describe(elementType, shape) }
}
