import ApusSupport
import ApusTensor

/// What a value is: a whole tensor, a piece of memory, or a register.
public enum ValueForm: UInt8, Sendable, Hashable, CaseIterable {
  /// An immutable tensor: phases `graph` and `fused`. Prints as `f32[B, 10]`.
  case tensor
  /// Memory that is read and written: phase `loops`. Prints as `&f32[B, 10]`.
  case buffer
  /// A scalar (rank 0) or a vector of constant length (rank 1): phase `loops`. Prints as `f32<>`, `f32<8>`.
  case register
}

/// How a tensor's elements lie in memory, from `fused` on: the order of its axes, some cut in two.
///
/// `{0, 1/16, 2, 3, 1%16}` is NCHW with channels in blocks of 16, the block innermost. A blocked axis
/// is padded up to a multiple of its block.
public struct Layout: Hashable, Sendable {
  public enum Part: Hashable, Sendable {
    case whole
    /// The index divided by the block.
    case outer(block: Int)
    /// The index modulo the block.
    case inner(block: Int)
  }

  public struct Entry: Hashable, Sendable {
    public var axis: Int
    public var part: Part
    public init(_ axis: Int, _ part: Part = .whole) {
      self.axis = axis
      self.part = part
    }
  }

  /// Slowest first.
  public var entries: [Entry]
  public init(_ entries: [Entry]) { self.entries = entries }

  /// Row-major, but with one axis of the last two cut into panels that lie one after the other and hold its blocks innermost:
  /// `{0, 2/16, 1, 2%16}` for axis 2 of rank 3.
  public static func panels(rank: Int, axis: Int, width: Int) -> Layout {
    precondition(rank >= 2 && axis >= rank - 2 && axis < rank, "panels are those of one of the last two axes")
    let other = axis == rank - 1 ? rank - 2 : rank - 1
    return Layout(
      (0..<rank - 2).map { Entry($0) } + [
        Entry(axis, .outer(block: width)), Entry(other), Entry(axis, .inner(block: width)),
      ])
  }
}

/// The type of a value: element type, size of each axis, form and layout.
public struct TensorType: Hashable, Sendable {
  public var element: ElementType
  public var dims: [Dim]
  public var form: ValueForm
  /// `nil` is row-major. Only tensors and buffers from phase `fused` on have one.
  public var layout: Layout?

  public init(_ element: ElementType, _ dims: [Dim], form: ValueForm = .tensor, layout: Layout? = nil) {
    self.element = element
    self.dims = dims
    self.form = form
    self.layout = layout
  }

  public static func scalar(_ element: ElementType) -> TensorType { TensorType(element, []) }

  /// A register of that many lanes; `nil` is a scalar register.
  public static func register(_ element: ElementType, lanes: Int? = nil) -> TensorType {
    TensorType(element, lanes.map { [.constant($0)] } ?? [], form: .register)
  }

  /// The type of loop counters, indices and sizes in phase `loops`.
  public static var index: TensorType { register(.s64) }

  public var rank: Int { dims.count }

  /// The lanes of a register; 1 for a scalar one.
  public var lanes: Int { dims.first?.constantValue ?? 1 }

  /// The sizes, if all are known.
  public var constantShape: [Int]? {
    let known = dims.compactMap(\.constantValue)
    return known.count == dims.count ? known : nil
  }

  public func with(element: ElementType) -> TensorType {
    TensorType(element, dims, form: form, layout: layout)
  }

  public func with(dims: [Dim]) -> TensorType { TensorType(element, dims, form: form, layout: layout) }

  public func with(form: ValueForm) -> TensorType { TensorType(element, dims, form: form, layout: layout) }

  /// The number of elements.
  public func elementCount() throws(DimOverflow) -> Dim { try Dim.product(dims) }

  /// The bytes of all elements, in whatever order a layout has them.
  public func byteCount() throws(DimOverflow) -> Dim { try Dim.product(elementCount(), .constant(element.byteCount)) }
}
