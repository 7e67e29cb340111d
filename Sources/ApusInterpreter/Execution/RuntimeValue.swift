import ApusSupport
import ApusTensor

/// What a value of a function is while it runs.
enum RuntimeValue {
  case tensor(Tensor)
  case register(Register)
  case buffer(Buffer)

  /// The value as a tensor; a buffer's contents are copied.
  func tensor() throws -> Tensor {
    switch self {
    case .tensor(let tensor): return tensor
    case .buffer(let buffer): return try buffer.contents()
    case .register(let register):
      var tensor = try Tensor.uninitialized(register.element, shape: register.lanes.map { [$0] } ?? [])
      tensor.withUnsafeMutableBytes { register.elements.store(to: $0, as: register.element) }
      return tensor
    }
  }

  /// The sizes that a type's dims describe.
  var shape: [Int] {
    switch self {
    case .tensor(let tensor): tensor.shape
    case .buffer(let buffer): buffer.shape
    case .register(let register): register.lanes.map { [$0] } ?? []
    }
  }

  var element: ElementType {
    switch self {
    case .tensor(let tensor): tensor.elementType
    case .buffer(let buffer): buffer.element
    case .register(let register): register.element
    }
  }

  /// A scalar bool.
  func condition() throws -> Bool {
    switch self {
    case .tensor(let tensor): return Elements(tensor).integers[0] != 0
    case .register(let register): return register.elements.integers[0] != 0
    case .buffer(let buffer): return Elements(try buffer.contents()).integers[0] != 0
    }
  }

  var register: Register {
    guard case .register(let register) = self else { preconditionFailure("a register was expected") }
    return register
  }

  var buffer: Buffer {
    guard case .buffer(let buffer) = self else { preconditionFailure("a buffer was expected") }
    return buffer
  }

  /// Bytes that the value keeps alive by itself; those of a buffer are counted where it is made.
  var byteCount: Int {
    switch self {
    case .tensor(let tensor): tensor.byteCount
    case .register, .buffer: 0
    }
  }
}

/// A scalar or a vector of lanes.
struct Register {
  var element: ElementType
  /// `nil` for a scalar.
  var lanes: Int?
  var elements: Elements

  /// A scalar s64.
  init(index: Int) {
    element = .s64
    elements = .integers([Int64(index)])
  }

  init(_ element: ElementType, lanes: Int?, _ elements: Elements) {
    precondition(elements.count == lanes ?? 1, "\(elements.count) elements for \(lanes ?? 1) lanes")
    self.element = element
    self.lanes = lanes
    self.elements = elements
  }

  /// The value of a scalar s64.
  var index: Int { Int(elements.integers[0]) }
}
