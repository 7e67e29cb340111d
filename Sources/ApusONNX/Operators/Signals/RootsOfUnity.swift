#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The numbers e^(2πi·k/count) for k in 0 ..< count, in f64.
///
/// Angles are reduced to an eighth of a turn in integers, so that roots on the axes and diagonals are what they should be and
/// no error grows with k.
struct RootsOfUnity {
  let count: Int
  private let table: [(cosine: Double, sine: Double)]

  /// `count` is positive, and less than 2³¹.
  init(_ count: Int) {
    precondition(count > 0 && count < 1 << 31)
    self.count = count
    table = (0..<count).map { Self.root($0, of: count) }
  }

  /// The root of this number, which is counted around the circle.
  subscript(number: Int) -> (cosine: Double, sine: Double) { table[number % count] }

  private static func root(_ number: Int, of count: Int) -> (cosine: Double, sine: Double) {
    // In units of a quarter turn over `count`.
    let quarter = 4 * number / count
    let rest = 4 * number - quarter * count
    let isUpper = 2 * rest > count
    let angle = Double.pi / 2 * Double(isUpper ? count - rest : rest) / Double(count)
    let (x, y) = isUpper ? (sin(angle), cos(angle)) : (cos(angle), sin(angle))
    return switch quarter {
    case 0: (x, y)
    case 1: (-y, x)
    case 2: (-x, -y)
    default: (y, -x)
    }
  }
}
