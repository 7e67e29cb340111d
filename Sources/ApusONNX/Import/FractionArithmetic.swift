import ApusIR
import ApusTensor

/// A node that computes with fractions of sizes, as exporters do with scales: `Floor(size * 0.5)`.
///
/// The model computes these in floating point. They are followed only where that is exact, or where what it rounds to makes no
/// difference to the whole number next to it; the module checks that sizes are small enough for that.
struct FractionArithmetic {
  private let n: NodeTranslation
  private let operands: [SizeTensor]
  private let element: ElementType

  /// nil where an operand is no fraction that sizes or constants define.
  init?(_ translation: NodeTranslation) {
    n = translation
    let operands = translation.inputs.compactMap { translation.context.fractions(of: $0) }
    guard operands.count == translation.inputs.count, let element = operands.first?.element,
      element == .f32 || element == .f64
    else { return nil }
    self.operands = operands
    self.element = element
  }

  func result() throws -> Imported? {
    switch n.node.op {
    case "Mul": try product()
    case "Div": try quotient()
    case "Add": try sum { try n.sum($0, $1) }
    case "Sub": try sum { try n.difference($0, $1) }
    case "Floor": try whole(element) { try n.quotient($0, $1) }
    case "Ceil": try whole(element) { try n.quotient(n.sum($0, n.difference($1, 1)), $1) }
    case "Cast": try converted(ElementType(onnx: Int32(clamping: n.int("to", 0))))
    default: nil
    }
  }

  /// Integers up to here are exact in the type.
  private var largest: Int { element == .f32 ? 1 << 24 : 1 << 53 }

  private func product() throws -> Imported? {
    guard operands.count == 2, operands.allSatisfy(\.isExact), let (shape, columns) = SizeTensor.together(operands) else { return nil }
    let (denominator, overflow) = operands[0].denominator.multipliedReportingOverflow(by: operands[1].denominator)
    guard !overflow else { return nil }
    return try fraction(zip(columns[0], columns[1]).map { try n.product($0, $1) }, over: denominator, shape)
  }

  private func quotient() throws -> Imported? {
    guard operands.count == 2, operands.allSatisfy(\.isExact), let (shape, columns) = SizeTensor.together(operands) else { return nil }
    let divisors = columns[1].compactMap(\.constantValue)
    guard divisors.count == columns[1].count, let divisor = divisors.first, divisor > 0, divisors.allSatisfy({ $0 == divisor })
    else { return nil }
    let (denominator, overflow) = operands[0].denominator.multipliedReportingOverflow(by: divisor)
    guard !overflow else { return nil }
    return try fraction(
      columns[0].map { try n.product($0, .constant(operands[1].denominator)) }, over: denominator, shape)
  }

  private func sum(_ operation: (Dim, Dim) throws -> Dim) throws -> Imported? {
    guard operands.count == 2, operands.allSatisfy(\.isExact) else { return nil }
    // Powers of two: the larger one is a multiple of the other.
    let denominator = max(operands[0].denominator, operands[1].denominator)
    let scaled = try operands.map { try $0.over(denominator, n) }
    guard let (shape, columns) = SizeTensor.together(scaled) else { return nil }
    return try fraction(zip(columns[0], columns[1]).map { try operation($0, $1) }, over: denominator, shape)
  }

  private func converted(_ target: ElementType?) throws -> Imported? {
    guard let target, operands.count == 1 else { return nil }
    let x = operands[0]
    switch target {
    case .s64, .s32, .u64, .u32:
      // Towards zero, which is down where nothing is negative.
      guard x.dims.allSatisfy({ n.isAtMost(0, $0) == .yes }) else { return nil }
      return try whole(target) { try n.quotient($0, $1) }
    case .f32, .f64:
      guard x.isExact || target == element else { return nil }
      if target == .f32 { try limit(x.dims, to: 1 << 24) }
      var result = x
      result.element = target
      return result.imported
    case .s8, .s16, .u8, .u16, .f16, .bf16, .bool: return nil
    }
  }

  /// A quotient of integers that the type holds lies no nearer to a whole number that it does not reach than the type
  /// tells apart: its rounding does not reach it either.
  private func whole(_ target: ElementType, _ rounding: (Dim, Dim) throws -> Dim) throws -> Imported? {
    guard operands.count == 1 else { return nil }
    let x = operands[0]
    return SizeTensor(try x.dims.map { try rounding($0, .constant(x.denominator)) }, shape: x.shape, target).imported
  }

  private func fraction(_ numerators: [Dim], over denominator: Int, _ shape: [Int]) throws -> Imported? {
    guard denominator <= 1 << 24 else { return nil }
    try limit(numerators, to: largest)
    let whole = numerators.compactMap { try? $0.exactQuotient(by: .constant(denominator)) }
    if whole.count == numerators.count { return SizeTensor(whole, shape: shape, element).imported }
    var result = SizeTensor(numerators, shape: shape, element)
    result.denominator = denominator
    return result.imported
  }

  /// Has the module check that numbers are exact in the type.
  private func limit(_ dims: [Dim], to largest: Int) throws {
    guard largest < 1 << 53 else { return }
    for dim in dims {
      for (a, b) in [(dim, Dim.constant(largest)), (.constant(-largest), dim)] {
        try n.context.emitter.require(
          a, atMost: b, "sizes are computed in floating point, which is exact up to \(largest)", id: "onnx.size")
      }
    }
  }
}

extension SizeTensor {
  /// Floats over a power of two that all of them have in common; nil where that, or one of them, is too large to be exact.
  init?(fractionsOf tensor: Tensor) {
    guard tensor.count <= Self.maximumOpenCount, tensor.elementType == .f32 || tensor.elementType == .f64 else { return nil }
    let values = (0..<tensor.count).map { tensor.scalar(at: $0).asDouble }
    var denominator = 1
    while !values.allSatisfy({ ($0 * Double(denominator)).rounded(.towardZero) == $0 * Double(denominator) }) {
      denominator *= 2
      guard denominator <= 1 << 24 else { return nil }
    }
    let numerators = values.compactMap { Int(exactly: $0 * Double(denominator)) }
    // A decimal fraction's in binary leaves no room for the size that it is multiplied with.
    guard numerators.count == values.count, numerators.allSatisfy({ abs($0) <= 1 << 10 }) else { return nil }
    self.init(numerators.map { .constant($0) }, shape: tensor.shape, tensor.elementType)
    self.denominator = denominator
  }

  /// Whether floating point holds its elements as they are.
  var isExact: Bool { denominator & (denominator - 1) == 0 }

  /// The same numbers over a multiple of the denominator.
  func over(_ multiple: Int, _ n: NodeTranslation) throws -> SizeTensor {
    guard multiple != denominator else { return self }
    var result = self
    result.dims = try dims.map { try n.product($0, .constant(multiple / denominator)) }
    result.denominator = multiple
    return result
  }
}

extension ModelImport {
  /// Numbers that are known or fractions of sizes; nil for anything else.
  func fractions(of imported: Imported) -> SizeTensor? {
    if case .fractions(let fractions) = imported { return fractions }
    return sizeTensor(of: imported) ?? constant(of: imported).flatMap { SizeTensor(fractionsOf: $0) }
  }
}
