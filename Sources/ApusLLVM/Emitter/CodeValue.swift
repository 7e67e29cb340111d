internal import CLLVM

/// A type of generated code, owned by the emitter's context.
struct CodeType: Equatable {
  let ref: LLVMTypeRef
}

/// A value of generated code: a constant, a parameter, or the result of an instruction.
struct CodeValue: Equatable {
  let ref: LLVMValueRef

  var type: CodeType { CodeType(ref: LLVMTypeOf(ref)) }

  /// Whether it is known when the code is generated.
  var isConstant: Bool { LLVMIsConstant(ref) != 0 }
}

/// A function of generated code, defined or only declared.
struct CodeFunction {
  let ref: LLVMValueRef
  let type: CodeType
  let parameters: [CodeValue]

  /// Its address, as a value.
  var address: CodeValue { CodeValue(ref: ref) }
}

/// A parameter of a function under construction.
struct CodeParameter {
  let type: CodeType
  /// No other pointer that the function uses reaches the same memory while one of them writes it.
  var noAlias = false
  var readOnly = false
  /// Bytes by which the caller aligns the pointer.
  var alignment: Int?
}
