import ApusIR

/// Values of one shape, seen with their trailing axes as one: positions are those of the leading
/// axes and one for the rest.
struct TrailingFlat {
  var shape: [Dim]
  /// The first trailing axis.
  var split: Int

  /// The positions of a broadcast's operand, which does not run over the trailing axes.
  func positions(ofBroadcastFrom sizes: [Dim], axes: [Int], at p: [Position], zero: Position) -> [Position] {
    zip(axes, sizes).map { axis, size in size == 1 || axis >= split ? zero : p[axis] }
  }
}
