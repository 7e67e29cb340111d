/// The element types of tensors.
public enum ElementType: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
  case f32, f64, f16, bf16
  case s8, s16, s32, s64
  case u8, u16, u32, u64
  /// One byte, 0 or 1.
  case bool

  /// The name used in every text form.
  public var name: String {
    switch self {
    case .f32: "f32"
    case .f64: "f64"
    case .f16: "f16"
    case .bf16: "bf16"
    case .s8: "s8"
    case .s16: "s16"
    case .s32: "s32"
    case .s64: "s64"
    case .u8: "u8"
    case .u16: "u16"
    case .u32: "u32"
    case .u64: "u64"
    case .bool: "bool"
    }
  }

  public init?(name: some StringProtocol) {
    guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  public var byteCount: Int {
    switch self {
    case .s8, .u8, .bool: 1
    case .f16, .bf16, .s16, .u16: 2
    case .f32, .s32, .u32: 4
    case .f64, .s64, .u64: 8
    }
  }

  public var bitWidth: Int { byteCount * 8 }

  public var isFloat: Bool {
    switch self {
    case .f32, .f64, .f16, .bf16: true
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: false
    }
  }

  public var isSignedInteger: Bool {
    switch self {
    case .s8, .s16, .s32, .s64: true
    case .f32, .f64, .f16, .bf16, .u8, .u16, .u32, .u64, .bool: false
    }
  }

  public var isUnsignedInteger: Bool {
    switch self {
    case .u8, .u16, .u32, .u64: true
    case .f32, .f64, .f16, .bf16, .s8, .s16, .s32, .s64, .bool: false
    }
  }

  public var isInteger: Bool { isSignedInteger || isUnsignedInteger }
}

extension ElementType: CustomStringConvertible {
  public var description: String { name }
}
