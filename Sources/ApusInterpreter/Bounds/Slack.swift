import ApusIR
import ApusTensor

/// What an implementation that does not keep to IR-specs/semantics.md may be off by at each op that rounds: other functions and
/// formulas, wider types in between, additions that are fused into products.
public struct Slack: Sendable {
  /// The part of a result, and what it may be off by besides, near 0.
  struct Error: Sendable {
    var relative: Double
    var absolute: Double
  }

  /// What implementations of ONNX are granted, which says little of accuracy: some units in the last place of narrow
  /// types, 10⁻⁵ in f32, and values near 0 that an approximation loses.
  public static let ofONNX = Slack(
    f16: Error(relative: 0x1p-8, absolute: 0x1p-13), bf16: Error(relative: 0x1p-5, absolute: 0x1p-10),
    f32: Error(relative: 0x1p-16, absolute: 0x1p-20), f64: Error(relative: 0x1p-30, absolute: 0x1p-34))

  var f16: Error
  var bf16: Error
  var f32: Error
  var f64: Error

  private func error(_ type: ElementType) -> Error? {
    switch type {
    case .f16: f16
    case .bf16: bf16
    case .f32: f32
    case .f64: f64
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: nil
    }
  }

  /// The result of an op with its bounds moved apart.
  func loosened(_ result: Enclosure, _ code: OpCode, _ operands: [Enclosure]) -> Enclosure {
    guard let error = error(result.value.elementType), let kind = Rounding(code, operands, result) else { return result }
    let values = Elements(result.value).floats
    var (certainty, lower, upper) = (result.certainty, result.lower, result.upper)
    for index in certainty.indices where certainty[index] != .open {
      switch kind {
      case .choice:
        // Which zero of two is chosen is left open.
        guard certainty[index] == .pinned, values[index] == 0 else { continue }
        (certainty[index], lower[index], upper[index]) = (.bounded, 0, 0)
      case .rounds:
        if values[index].isNaN { continue }
        guard lower[index].isFinite, upper[index].isFinite else {
          // What overflows in one type need not in a wider one.
          if operands.allSatisfy({ $0.areFinite }), !Self.poles.contains(code) { certainty[index] = .open }
          continue
        }
        let low = lower[index] - error.relative * lower[index].magnitude - error.absolute
        let high = upper[index] + error.relative * upper[index].magnitude + error.absolute
        let type = result.value.elementType
        (certainty[index], lower[index], upper[index]) = (
          .bounded, low < -type.largest ? -.infinity : low, high > type.largest ? .infinity : high
        )
      }
    }
    return Enclosure(result.value, certainty, lower, upper)
  }

  /// Ops that are infinite at places, whoever computes them.
  private static let poles: Set<OpCode> = [.div, .log, .log1p, .atanh, .pow]

  private enum Rounding {
    case rounds
    /// It chooses among its operands.
    case choice

    init?(_ code: OpCode, _ operands: [Enclosure], _ result: Enclosure) {
      switch OpFamily.of(code) {
      case .unary(.sqrt), .unary(.elementary), .binary(.add), .binary(.sub), .binary(.mul), .binary(.div), .binary(.rem),
        .binary(.pow), .fma, .fold(.sum), .fold(.prod), .matmul, .conv, .scan, .dequantize, .reduceWindow:
        self = .rounds
      case .binary(.max), .binary(.min), .fold(.max), .fold(.min): self = .choice
      case .convert:
        guard let from = operands.first?.value.elementType, from != .bool, from.isInteger || from.byteCount > 2 else { return nil }
        self = .rounds
      case .indexing(.scatterElements), .indexing(.scatterND): self = .rounds
      case .unary, .binary, .fold, .comparison, .select, .bitcast, .quantize, .movement, .indexing, .argument, .sort, .topK,
        .source, .control, .memory, .composite:
        return nil
      }
    }
  }
}

extension Enclosure {
  fileprivate var areFinite: Bool {
    guard value.elementType.isFloat else { return true }
    return zip(lower, upper).allSatisfy { $0.isFinite && $1.isFinite }
  }
}
