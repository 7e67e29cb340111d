import Apus

/// Tensors for people: all values of small ones, the ends of each axis of large ones.
struct TensorText {
  /// Tensors of more elements are shortened.
  static let mostElements = 64
  /// How many entries of a shortened axis are shown at either end.
  static let ends = 4

  private let tensor: Tensor
  private let isShortened: Bool

  init(_ tensor: Tensor) {
    self.tensor = tensor
    isShortened = tensor.count > Self.mostElements
  }

  /// `name: f32[2, 3] = …`.
  static func line(_ name: String, _ tensor: Tensor) -> String {
    let text = TensorText(tensor).text
    return "\(name): \(tensor) =\(text.contains("\n") ? "\n  " + text.replacing("\n", with: "\n  ") : " " + text)"
  }

  var text: String { tensor.count == 0 ? "[]" : text(axis: 0, start: 0) }

  private func text(axis: Int, start: Int) -> String {
    guard axis < tensor.rank else { return Self.text(tensor.scalar(at: start), tensor.elementType) }
    let stride = tensor.shape[(axis + 1)...].reduce(1, *)
    let count = tensor.shape[axis]
    var shown = Array(0..<count)
    let isCut = isShortened && count > 2 * Self.ends + 1
    if isCut { shown = Array(0..<Self.ends) + Array((count - Self.ends)..<count) }
    var entries = shown.map { text(axis: axis + 1, start: start + $0 * stride) }
    if isCut { entries.insert("…", at: Self.ends) }
    let isInnermost = axis == tensor.rank - 1
    return "[" + entries.joined(separator: isInnermost ? ", " : ",\n" + String(repeating: " ", count: axis + 1)) + "]"
  }

  /// The shortest text that reads back as the same value of its type.
  static func text(_ scalar: Scalar, _ type: ElementType) -> String {
    switch scalar {
    case .float(let value) where value.isNaN: "nan"
    case .float(let value): type == .f64 ? "\(value)" : "\(Float(value))"
    case .signed(let value): "\(value)"
    case .unsigned(let value): "\(value)"
    case .bool(let value): "\(value)"
    }
  }

  /// Every element, nested as the shape is.
  static func json(_ tensor: Tensor) -> JSONValue {
    func value(_ axis: Int, _ start: Int) -> JSONValue {
      guard axis < tensor.rank else {
        switch tensor.scalar(at: start) {
        case .float(let number): return .number(tensor.elementType == .f64 ? number : Double("\(Float(number))") ?? number)
        case .signed(let number): return .int(Int(number))
        case .unsigned(let number): return Int(exactly: number).map { .int($0) } ?? .string("\(number)")
        case .bool(let flag): return .bool(flag)
        }
      }
      let stride = tensor.shape[(axis + 1)...].reduce(1, *)
      return .list((0..<tensor.shape[axis]).map { value(axis + 1, start + $0 * stride) })
    }
    return value(0, 0)
  }
}
