import ApusCompiler
import ApusIR
import ApusSupport
import ApusTensor

/// Numbers.
extension Draw {
  /// A number that ops are likely to take, sometimes one at which they go wrong.
  mutating func scalar(_ element: ElementType, extremePercent: Int = 15) -> Scalar {
    if element == .bool { return .bool(chance(50)) }
    if chance(extremePercent) { return one(of: element.extremes) }
    if chance(10) { return Scalar.signed(Int64(int(0...1))).converted(to: element) }
    if element.isFloat {
      let number = chance(50) ? Double(int(-8...8)) / 4 : Double(int(-2000...2000)) / 256
      return Scalar.float(number).converted(to: element)
    }
    return Scalar.signed(Int64(element.isUnsignedInteger ? int(0...9) : int(-6...9))).converted(to: element)
  }

  mutating func tensor(_ element: ElementType, _ shape: [Int], extremePercent: Int = 15) throws(DiagnosticError) -> Tensor {
    var tensor = try Tensor.zeros(element, shape: shape)
    for index in 0..<tensor.count {
      tensor.setScalar(scalar(element, extremePercent: extremePercent), at: index)
    }
    return tensor
  }
}

extension ElementType {
  /// Values at which kernels go wrong.
  public var extremes: [Scalar] {
    guard isFloat else {
      let ends: [Int64] = [0, 1, -1, .max, .min, 63, 64, 7, 8, 31, 32, -2]
      let width = Int64(bitWidth)
      let narrow: [Int64] = width < 64 ? [(1 << width) - 1, 1 << (width - 1), (1 << (width - 1)) - 1] : []
      return (ends + narrow).map { Scalar.signed($0).converted(to: self) }
    }
    let (least, normal, most): (Double, Double, Double) =
      switch self {
      case .f16: (0x1p-24, 0x1p-14, 65504)
      case .bf16: (0x1p-133, 0x1p-126, 0x1.FEp127)
      case .f32: (0x1p-149, 0x1p-126, Double(Float.greatestFiniteMagnitude))
      case _: (0x1p-1074, 0x1p-1022, .greatestFiniteMagnitude)
      }
    let positive: [Double] = [
      0, least, 3 * least, normal, normal / 2, 1, 0.5, 1.5, 2.5, 3, 88.5, 127.5, 128, 255.5, 32768, 2147483648, 1e10,
      most, most / 2, .infinity,
    ]
    return (positive + positive.map { -$0 } + [.nan]).map { Scalar.float($0).converted(to: self) }
  }
}

/// Values for the parameters of a function: sizes within the bounds of its symbols, and elements.
public struct InputDrawing: Sendable {
  /// Sizes are at most so much above the least that they can be.
  static let mostAboveLeast = 7
  private var draw: Draw

  public init(seed: UInt64) { draw = Draw(seed: seed) }

  /// Throws `inputs.size` where no sizes are found that the parameters can have together.
  public mutating func inputs(of function: Function) throws(DiagnosticError) -> [Tensor] {
    var values: [SymbolID: Int] = [:]
    for id in function.symbols.ids {
      let bounds = function.symbols[id].bounds
      let lower = max(bounds.lower ?? 0, 0)
      let isEmpty = lower == 0 && draw.chance(20)
      values[id] = isEmpty ? 0 : draw.int(lower...min(bounds.upper ?? .max, lower + Self.mostAboveLeast))
    }
    let extreme = draw.one(of: [0, 5, 40])
    return try function.inputs(sizes: values) { (element, shape) throws(DiagnosticError) in
      try draw.tensor(element, shape, extremePercent: extreme)
    }
  }
}
