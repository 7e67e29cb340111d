/// A Swift type whose values lie in a tensor's bytes as they are.
public protocol TensorElement: BitwiseCopyable, Sendable {
  static var elementType: ElementType { get }
  /// The values in `bytes`, which need not be aligned; a rest shorter than one value is left out.
  static func values(in bytes: UnsafeRawBufferPointer) -> [Self]
}

extension TensorElement {
  @inlinable public static func values(in bytes: UnsafeRawBufferPointer) -> [Self] {
    let count = bytes.count / MemoryLayout<Self>.stride
    return [Self](unsafeUninitializedCapacity: count) { buffer, initialized in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[..<(count * MemoryLayout<Self>.stride)]))
      initialized = count
    }
  }
}

extension Float: TensorElement { @inlinable public static var elementType: ElementType { .f32 } }
extension Double: TensorElement { @inlinable public static var elementType: ElementType { .f64 } }
#if !(os(macOS) && arch(x86_64))
  extension Float16: TensorElement { @inlinable public static var elementType: ElementType { .f16 } }
#endif
extension BFloat16: TensorElement { @inlinable public static var elementType: ElementType { .bf16 } }
extension Int8: TensorElement { @inlinable public static var elementType: ElementType { .s8 } }
extension Int16: TensorElement { @inlinable public static var elementType: ElementType { .s16 } }
extension Int32: TensorElement { @inlinable public static var elementType: ElementType { .s32 } }
extension Int64: TensorElement { @inlinable public static var elementType: ElementType { .s64 } }
extension UInt8: TensorElement { @inlinable public static var elementType: ElementType { .u8 } }
extension UInt16: TensorElement { @inlinable public static var elementType: ElementType { .u16 } }
extension UInt32: TensorElement { @inlinable public static var elementType: ElementType { .u32 } }
extension UInt64: TensorElement { @inlinable public static var elementType: ElementType { .u64 } }

extension Bool: TensorElement {
  @inlinable public static var elementType: ElementType { .bool }
  /// Any byte but 0 is true: a Swift `Bool` with another bit pattern than 0 or 1 is undefined.
  @inlinable public static func values(in bytes: UnsafeRawBufferPointer) -> [Bool] { bytes.map { $0 != 0 } }
}
