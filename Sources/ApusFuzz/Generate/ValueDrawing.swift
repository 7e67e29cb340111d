import ApusCompiler
import ApusIR
import ApusSupport
import ApusTensor

/// Numbers.
extension Draw {
  /// A number that ops are likely to take, sometimes one at which they go wrong.
  mutating func scalar(_ element: ElementType, extremePercent: Int = 15) -> Scalar {
    if element == .bool { return .bool(chance(50)) }
    if chance(extremePercent) { return extreme(element) }
    if chance(10) { return Scalar.signed(Int64(int(0...1))).converted(to: element) }
    if element.isFloat {
      let number = chance(50) ? Double(int(-8...8)) / 4 : Double(int(-2000...2000)) / 256
      return Scalar.float(number).converted(to: element)
    }
    return Scalar.signed(Int64(element.isUnsignedInteger ? int(0...9) : int(-6...9))).converted(to: element)
  }

  mutating func tensor(_ element: ElementType, _ shape: [Int], extremePercent: Int = 15) throws(DiagnosticError) -> Tensor {
    var tensor = try Tensor.zeros(element, shape: shape)
    // Where there are few numbers, equal ones meet: ties, zeros of both signs, NaN beside NaN.
    let few = chance(20) ? numbers(element, extremePercent: extremePercent) : []
    for index in 0..<tensor.count {
      tensor.setScalar(few.isEmpty ? scalar(element, extremePercent: extremePercent) : one(of: few), at: index)
    }
    return tensor
  }

  /// A power of two of any magnitude that the type has.
  mutating func powerOfTwo(_ element: ElementType) -> Scalar {
    if element == .bool { return .bool(true) }
    guard let exponents = element.exponents else { return Scalar.signed(1 << Int64(int(0...62))).converted(to: element) }
    return Scalar.float(Double(sign: .plus, exponent: int(exponents), significand: 1)).converted(to: element)
  }

  private mutating func numbers(_ element: ElementType, extremePercent: Int) -> [Scalar] {
    var numbers = (0..<int(1...3)).map { _ in scalar(element, extremePercent: extremePercent) }
    if element.isFloat, chance(50) { numbers += [0.0, -0.0].map { Scalar.float($0).converted(to: element) } }
    if element.isFloat, extremePercent > 0, chance(20) { numbers.append(Scalar.float(.nan).converted(to: element)) }
    return numbers
  }

  // MARK: Numbers at which ops go wrong

  private mutating func extreme(_ element: ElementType) -> Scalar {
    switch int(0...9) {
    case 0...5: one(of: element.extremes)
    case 6...7: anywhere(element)
    case _: element.isFloat ? nearTie(element) : anywhere(element)
    }
  }

  /// A number of any magnitude that the type has.
  private mutating func anywhere(_ element: ElementType) -> Scalar {
    let bits = seed()
    guard let exponents = element.exponents else {
      return Scalar.signed(Int64(bitPattern: bits >> UInt64(int(0...63)))).converted(to: element)
    }
    let number = Double(sign: bits & 1 == 0 ? .plus : .minus, exponent: int(exponents), significand: 1)
    return Scalar.float(number * (1 + Double(bits >> 12) * 0x1p-52)).converted(to: element)
  }

  /// A number halfway between two of a narrower type, or beside it: rounded twice, it ends elsewhere.
  private mutating func nearTie(_ element: ElementType) -> Scalar {
    let narrower = [ElementType.f32, .f16, .bf16].filter { $0.precision + 1 < element.precision }
    guard let narrow = pick(narrower) else { return Scalar.float(Double(int(-300...300)) + 0.5).converted(to: element) }
    let near = Scalar.float(Double(int(1...4000)) * Double(sign: .plus, exponent: int(-24...3), significand: 1))
    let number = near.converted(to: narrow).asDouble
    let tie = number + Double(sign: .plus, exponent: Int(number.exponent) - narrow.precision, significand: 1)
    let step = Double(sign: .plus, exponent: Int(tie.exponent) + 1 - element.precision, significand: 1)
    return Scalar.float((tie + Double(int(-1...1)) * step) * (chance(50) ? 1 : -1)).converted(to: element)
  }
}

extension ElementType {
  /// The bits of a float's significand, the first one among them.
  fileprivate var precision: Int {
    switch self {
    case .f16: 11
    case .bf16: 8
    case .f32: 24
    case .f64: 53
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: 0
    }
  }

  /// The exponents of a float's numbers, those of denormals among them.
  fileprivate var exponents: ClosedRange<Int>? {
    switch self {
    case .f16: -24...15
    case .bf16: -133...127
    case .f32: -149...127
    case .f64: -1074...1023
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: nil
    }
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
