import ApusIR
public import ApusSupport

/// What a module takes for granted of the shapes of its inputs, because its import depended on it: a size that decides a
/// branch, or stands where only a number can. Its sizes are open apart from that, and it serves all shapes for which this holds.
public struct SizeGuards: Sendable, Hashable {
  struct Guard: Sendable, Hashable {
    /// Of symbols that are sizes of inputs.
    var size: Dim
    var value: Int
    /// Both, as one reads them: `T == 1`.
    var text: String
    var place: Place
  }

  private struct Axis: Hashable {
    var input: String
    var axis: Int
  }

  private(set) var list: [Guard] = []
  /// Conditions on values that were taken for true or false, which no input can be held against.
  private(set) var assumed: [Diagnostic] = []
  /// Where a symbol's value is seen.
  private var axes: [SymbolID: Axis] = [:]

  public init() {}

  /// Whether the module serves every shape that its inputs may have.
  public var isEmpty: Bool { list.isEmpty && assumed.isEmpty }

  /// What the module depends on, as notes for those who read of it.
  public var notes: [Diagnostic] {
    let sizes = list.map { found in
      Diagnostic(
        .note, id: "onnx.guard", "this is for sizes with \(found.text); for others the model is compiled once more", at: found.place)
    }
    return sizes + assumed
  }

  /// Whether it serves inputs of these shapes.
  public func hold(for shapes: (String) -> [Int]?) -> Bool {
    guard assumed.isEmpty else { return false }
    return list.allSatisfy { value(of: $0.size, for: shapes) == $0.value }
  }

  /// nil for a size that the shapes do not decide.
  func value(of size: Dim, for shapes: (String) -> [Int]?) -> Int? {
    var isKnown = true
    let value = try? size.evaluate { symbol in
      guard let place = axes[symbol], let shape = shapes(place.input), place.axis < shape.count else {
        isKnown = false
        return 1
      }
      return shape[place.axis]
    }
    return isKnown ? value : nil
  }

  /// The value that the size has been taken to have.
  func value(of size: Dim) -> Int? { list.first { $0.size == size }?.value }

  /// Takes down where the size of an input's axis is seen.
  mutating func bind(_ symbol: SymbolID, _ input: String, axis: Int) {
    if axes[symbol] == nil { axes[symbol] = Axis(input: input, axis: axis) }
  }

  /// Whether shapes of inputs decide on the size.
  func isDecided(_ size: Dim) -> Bool {
    var isDecided = true
    size.forEachSymbol { if axes[$0] == nil { isDecided = false } }
    return isDecided
  }

  mutating func append(_ added: Guard) { list.append(added) }
  mutating func assume(_ condition: Diagnostic) { assumed.append(condition) }
}
