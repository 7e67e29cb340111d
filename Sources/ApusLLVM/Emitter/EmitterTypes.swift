import ApusTensor
internal import CLLVM

/// The types of one context. bf16 has no type here: it is stored as `i16` and computed in f32, because LLVM's own
/// `bfloat` conversions are wrong or do not link on some targets.
struct CodeTypes {
  let void: CodeType
  let i1: CodeType
  let i8: CodeType
  let i16: CodeType
  let i32: CodeType
  let i64: CodeType
  let f16: CodeType
  let f32: CodeType
  let f64: CodeType
  let pointer: CodeType

  init(_ context: LLVMContextRef) {
    void = CodeType(ref: LLVMVoidTypeInContext(context))
    i1 = CodeType(ref: LLVMInt1TypeInContext(context))
    i8 = CodeType(ref: LLVMInt8TypeInContext(context))
    i16 = CodeType(ref: LLVMInt16TypeInContext(context))
    i32 = CodeType(ref: LLVMInt32TypeInContext(context))
    i64 = CodeType(ref: LLVMInt64TypeInContext(context))
    f16 = CodeType(ref: LLVMHalfTypeInContext(context))
    f32 = CodeType(ref: LLVMFloatTypeInContext(context))
    f64 = CodeType(ref: LLVMDoubleTypeInContext(context))
    pointer = CodeType(ref: LLVMPointerTypeInContext(context, 0))
  }

  /// The integer type of this many bits: 1, 8, 16, 32 or 64.
  func integer(bits: Int) -> CodeType {
    switch bits {
    case 1: return i1
    case 8: return i8
    case 16: return i16
    case 32: return i32
    case 64: return i64
    case _: preconditionFailure("no integer type of \(bits) bits is used")
    }
  }

  /// How an element lies in memory: f16 and bf16 as their bits, bool as a byte.
  func storage(_ element: ElementType) -> CodeType {
    switch element {
    case .f32: f32
    case .f64: f64
    case .f16, .bf16, .s16, .u16: i16
    case .s8, .u8, .bool: i8
    case .s32, .u32: i32
    case .s64, .u64: i64
    }
  }
}

extension CodeType {
  /// The same element in a vector of `count` lanes; one lane is the scalar itself.
  func vector(_ count: Int) -> CodeType {
    precondition(count >= 1 && !isVector, "a vector is made of one or more scalars")
    return count == 1 ? self : CodeType(ref: LLVMVectorType(ref, UInt32(count)))
  }

  var isVector: Bool { LLVMGetTypeKind(ref) == LLVMVectorTypeKind }

  /// Lanes of a vector, 1 for a scalar.
  var laneCount: Int { isVector ? Int(LLVMGetVectorSize(ref)) : 1 }

  /// The type of one lane.
  var scalar: CodeType { isVector ? CodeType(ref: LLVMGetElementType(ref)) : self }

  /// `element` in as many lanes as this type has.
  func with(scalar element: CodeType) -> CodeType { element.vector(laneCount) }

  var isFloat: Bool {
    let kind = LLVMGetTypeKind(scalar.ref)
    return kind == LLVMFloatTypeKind || kind == LLVMDoubleTypeKind || kind == LLVMHalfTypeKind
  }

  var isInteger: Bool { LLVMGetTypeKind(scalar.ref) == LLVMIntegerTypeKind }
  var isPointer: Bool { LLVMGetTypeKind(scalar.ref) == LLVMPointerTypeKind }

  /// Bits of one lane. Pointers are 64 bits wide on every target of Apus.
  var scalarBits: Int {
    let element = scalar.ref
    let kind = LLVMGetTypeKind(element)
    if kind == LLVMIntegerTypeKind { return Int(LLVMGetIntTypeWidth(element)) }
    if kind == LLVMHalfTypeKind { return 16 }
    if kind == LLVMFloatTypeKind { return 32 }
    return 64
  }

  /// Bytes of one lane in memory.
  var scalarBytes: Int { (scalarBits + 7) / 8 }
}

extension Emitter {
  /// The integer type with the lanes and the lane width of `type`.
  func bitsType(like type: CodeType) -> CodeType { type.with(scalar: types.integer(bits: type.scalarBits)) }
}
