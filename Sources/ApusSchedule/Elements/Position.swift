import ApusIR

/// Where along one axis of a value an element lies, for all lanes of the register being computed.
struct Position: Hashable {
  /// The index of lane 0: a scalar s64 register.
  var value: ValueID
  /// How far each lane lies after the one before; 0 where all lanes read the same place.
  var laneStride = 0
  /// How the index follows an axis of the iteration space, where that is known: scale · counter + offset.
  var source: Source?

  struct Source: Hashable {
    var axis: Int
    var scale: Int
    var offset: Dim
  }

  /// The same index for every lane, unrelated to the iteration space.
  static func fixed(_ value: ValueID) -> Position { Position(value: value) }
}

/// Half-open range of one axis of the iteration space.
struct Interval: Hashable {
  var lower: Dim
  var upper: Dim
}

/// Thrown where lanes of a register would have to read places that no single load reaches; the
/// kernel is then lowered with scalar code.
struct NotVectorizable: Error {}
