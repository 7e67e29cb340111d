import ApusTarget

/// Rounding of f32 and f64 to whole numbers; zeros keep their sign.
extension Emitter {
  /// To the nearest integer, ties to even.
  func roundEven(_ a: CodeValue) -> CodeValue {
    guard target.roundsFloats else { return copySign(nearest(absolute(a)), a) }
    return intrinsic("llvm.roundeven", [a.type], [a])
  }

  func floor(_ a: CodeValue) -> CodeValue {
    guard target.roundsFloats else { return adjusted(a, where: .greater, by: -1) }
    return intrinsic("llvm.floor", [a.type], [a])
  }

  func ceiling(_ a: CodeValue) -> CodeValue {
    guard target.roundsFloats else { return adjusted(a, where: .less, by: 1) }
    return intrinsic("llvm.ceil", [a.type], [a])
  }

  func truncate(_ a: CodeValue) -> CodeValue {
    guard target.roundsFloats else { return copySign(adjusted(absolute(a), where: .greater, by: -1), a) }
    return intrinsic("llvm.trunc", [a.type], [a])
  }
}

extension Emitter {
  /// A magnitude as the nearest integer: adding 2ᵖ leaves no fraction bits, and larger numbers have none.
  private func nearest(_ a: CodeValue) -> CodeValue {
    let digits = float(a.type.scalar == types.f64 ? 0x1p52 : 0x1p23, a.type)
    return select(compare(a, .less, digits), sub(add(a, digits), digits), a)
  }

  /// The nearest integer, corrected where it lies beyond `a`.
  private func adjusted(_ a: CodeValue, where isBeyond: Comparison, by step: Double) -> CodeValue {
    let rounded = copySign(nearest(absolute(a)), a)
    let moved = select(compare(rounded, isBeyond, a), add(rounded, float(step, a.type)), rounded)
    return copySign(moved, a)
  }
}

extension Machine {
  /// Whether rounding to a whole number is an instruction; elsewhere LLVM calls the C library.
  fileprivate var roundsFloats: Bool {
    switch architecture {
    case .x86_64: has("sse4.1")
    case .aarch64: true
    }
  }
}
