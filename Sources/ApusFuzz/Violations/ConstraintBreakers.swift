import ApusIR
import ApusTensor

/// Ways to break each numbered constraint, and no other rule before it. False where the op as drawn leaves no way.
///
/// Each family of ops has a file with a table of its own; what several of them do stands here.
enum ConstraintBreakers {
  typealias Breaker = @Sendable (inout OpUse, inout Draw) -> Bool

  static let all: [OpCode: [String: Breaker]] = movement.merging(indexing) { $1 }.merging(folds) { $1 }
    .merging(images) { $1 }.merging(blocks) { $1 }.merging(sources) { $1 }

  /// Gives a list one entry too many.
  static func lengthened(_ name: String, by entry: Dim = 0) -> Breaker {
    { use, _ in
      use.set(name, .dims(use.dims(name) + [entry]))
      return true
    }
  }

  /// An attribute that is one size, and not negative.
  static func oneSize(_ name: String) -> Breaker {
    { use, draw in
      let isLong = draw.chance(50)
      use.set(name, .dims(isLong ? use.dims(name) + [1] : [-1]))
      return true
    }
  }

  /// Strides, dilations or pads that are too many for so many axes.
  static func wrongLengths(_ count: Int, _ use: inout OpUse, _ draw: inout Draw) -> Bool {
    switch draw.int(0...2) {
    case 0: use.set("strides", .ints([Int](repeating: 1, count: count + 1)))
    case 1: use.set("dilations", .ints([Int](repeating: 1, count: count + 1)))
    case _: use.set("pads", .ints([Int](repeating: 0, count: 2 * count + 1)))
    }
    return true
  }

  /// Strides, dilations or pads that are too small.
  static func wrongSigns(_ count: Int, _ use: inout OpUse, _ draw: inout Draw) -> Bool {
    var list = [Int](repeating: 1, count: count)
    list[draw.int(0...(count - 1))] = draw.one(of: [0, -2])
    switch draw.int(0...2) {
    case 0: use.set("strides", .ints(list))
    case 1: use.set("dilations", .ints(list))
    case _: use.set("pads", .ints([Int](repeating: 0, count: 2 * count - 1) + [-1]))
    }
    return true
  }
}
