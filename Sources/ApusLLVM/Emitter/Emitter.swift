import ApusSupport
import ApusTarget

internal import CLLVM

/// Writes one LLVM module: owns its context, module and builder.
///
/// Code is vectorised by whoever emits it; `passes` only tidies up. An emitter belongs to one thread; two threads
/// compile at once with an emitter and a target machine each.
final class Emitter {
  let generator: TargetMachine
  let context: LLVMContextRef
  let module: LLVMModuleRef
  let builder: LLVMBuilderRef
  let types: CodeTypes

  /// Lets the code generator fuse products into sums that `markContractable` has marked.
  var contractsProducts = false

  var target: Machine { generator.machine }

  init(_ name: String, for generator: TargetMachine) {
    self.generator = generator
    context = LLVMContextCreate()
    module = LLVMModuleCreateWithNameInContext(name, context)
    builder = LLVMCreateBuilderInContext(context)
    types = CodeTypes(context)
    let layout = LLVMCreateTargetDataLayout(generator.ref)
    LLVMSetModuleDataLayout(module, layout)
    LLVMDisposeTargetData(layout)
    LLVMSetTarget(module, generator.machine.triple)
  }

  deinit {
    LLVMDisposeBuilder(builder)
    LLVMDisposeModule(module)
    LLVMContextDispose(context)
  }

  // MARK: Functions

  /// Defines a function. `body` is called with the builder at its entry; a body that falls off its end returns
  /// nothing. Emission goes on afterwards where it was, so a function may be outlined in the midst of another.
  ///
  /// - Parameter isCold: takes code that is quickly made over code that runs fast.
  @discardableResult
  func function(
    _ name: String, _ parameters: [CodeParameter], result: CodeType? = nil, isExported: Bool = true,
    isCold: Bool = false, body: (CodeFunction) -> Void
  ) -> CodeFunction {
    let function = declare(name, parameters, result: result)
    if !isExported { LLVMSetLinkage(function.ref, LLVMInternalLinkage) }
    if isCold {
      // LLVM wants them together.
      addAttribute("noinline", to: function.ref, at: -1)
      addAttribute("optnone", to: function.ref, at: -1)
    }
    let resume = LLVMGetInsertBlock(builder)
    LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(context, function.ref, "entry"))
    body(function)
    if !isTerminated { returnVoid() }
    if let resume { LLVMPositionBuilderAtEnd(builder, resume) }
    return function
  }

  /// Declares a function without a body, or finds the one already declared under this name.
  func declare(_ name: String, _ parameters: [CodeParameter], result: CodeType? = nil) -> CodeFunction {
    let type = functionType(parameters.map(\.type), result: result)
    if let existing = LLVMGetNamedFunction(module, name) {
      precondition(LLVMGlobalGetValueType(existing) == type.ref, "function '\(name)' is declared with two types")
      precondition(LLVMCountBasicBlocks(existing) == 0, "function '\(name)' is defined twice")
      return described(existing, type)
    }
    guard let ref = LLVMAddFunction(module, name, type.ref) else {
      preconditionFailure("LLVM made no function '\(name)'")
    }
    addFunctionAttributes(ref)
    for (index, parameter) in parameters.enumerated() {
      if parameter.noAlias { addAttribute("noalias", to: ref, at: index + 1) }
      if parameter.readOnly { addAttribute("readonly", to: ref, at: index + 1) }
      if let alignment = parameter.alignment {
        addAttribute("align", to: ref, at: index + 1, value: UInt64(alignment))
      }
    }
    return described(ref, type)
  }

  /// A function that `function` has defined under this name already.
  func definedFunction(_ name: String, _ parameters: [CodeParameter], result: CodeType? = nil) -> CodeFunction? {
    guard let existing = LLVMGetNamedFunction(module, name), LLVMCountBasicBlocks(existing) > 0 else { return nil }
    return described(existing, functionType(parameters.map(\.type), result: result))
  }

  func functionType(_ parameters: [CodeType], result: CodeType? = nil) -> CodeType {
    var refs: [LLVMTypeRef?] = parameters.map(\.ref)
    let type = LLVMFunctionType((result ?? types.void).ref, &refs, UInt32(refs.count), 0)
    return CodeType(ref: built(type))
  }

  @discardableResult
  func call(_ function: CodeFunction, _ arguments: [CodeValue]) -> CodeValue {
    call(function.address, as: function.type, arguments)
  }

  /// Calls through a pointer.
  @discardableResult
  func call(_ address: CodeValue, as type: CodeType, _ arguments: [CodeValue]) -> CodeValue {
    var refs: [LLVMValueRef?] = arguments.map(\.ref)
    return value(LLVMBuildCall2(builder, type.ref, address.ref, &refs, UInt32(refs.count), ""))
  }

  /// Calls an LLVM intrinsic: `intrinsic("llvm.fma", [vector], [a, b, c])`.
  @discardableResult
  func intrinsic(_ name: String, _ overloads: [CodeType], _ arguments: [CodeValue]) -> CodeValue {
    let id = intrinsicID(name)
    var refs: [LLVMTypeRef?] = overloads.map(\.ref)
    let function = built(LLVMGetIntrinsicDeclaration(module, id, &refs, refs.count))
    let type = built(LLVMIntrinsicGetType(context, id, &refs, refs.count))
    return call(CodeValue(ref: function), as: CodeType(ref: type), arguments)
  }

  /// How many arguments an intrinsic takes; a few changed between LLVM's versions.
  func intrinsicParameterCount(_ name: String, _ overloads: [CodeType]) -> Int {
    var refs: [LLVMTypeRef?] = overloads.map(\.ref)
    return Int(LLVMCountParamTypes(LLVMIntrinsicGetType(context, intrinsicID(name), &refs, refs.count)))
  }

  func returnVoid() { LLVMBuildRetVoid(builder) }
  func returnValue(_ value: CodeValue) { LLVMBuildRet(builder, value.ref) }
  func unreachable() { LLVMBuildUnreachable(builder) }

  // MARK: Plumbing of the other files

  func value(_ ref: LLVMValueRef?) -> CodeValue { CodeValue(ref: built(ref)) }

  func built(_ ref: OpaquePointer?) -> OpaquePointer {
    guard let ref else { preconditionFailure("LLVM returned null where it never does") }
    return ref
  }

  /// The function that is being written.
  var currentFunction: LLVMValueRef { built(LLVMGetBasicBlockParent(currentBlock)) }
  var currentBlock: LLVMBasicBlockRef { built(LLVMGetInsertBlock(builder)) }
  var isTerminated: Bool { LLVMGetBasicBlockTerminator(currentBlock) != nil }
}

extension Emitter {
  private func intrinsicID(_ name: String) -> UInt32 {
    let id = LLVMLookupIntrinsicID(name, name.utf8.count)
    precondition(id != 0, "LLVM has no intrinsic '\(name)'")
    return id
  }

  private func described(_ ref: LLVMValueRef, _ type: CodeType) -> CodeFunction {
    let parameters = (0..<LLVMCountParams(ref)).map { value(LLVMGetParam(ref, $0)) }
    return CodeFunction(ref: ref, type: type, parameters: parameters)
  }

  private func addFunctionAttributes(_ function: LLVMValueRef) {
    // All bits set is LLVM's index for the function itself, not a parameter.
    addAttribute("nounwind", to: function, at: -1)
    addAttribute("target-cpu", value: target.cpuName, to: function)
    addAttribute("target-features", value: generator.features, to: function)
    // Without this LLVM splits 64-byte vectors in two on CPUs that once clocked down under them.
    if target.vectorBytes == 64 { addAttribute("prefer-vector-width", value: "512", to: function) }
  }

  private func addAttribute(_ name: String, to function: LLVMValueRef, at index: Int, value: UInt64 = 0) {
    let kind = LLVMGetEnumAttributeKindForName(name, name.utf8.count)
    precondition(kind != 0, "LLVM has no attribute '\(name)'")
    let attribute = LLVMCreateEnumAttribute(context, kind, value)
    LLVMAddAttributeAtIndex(function, LLVMAttributeIndex(truncatingIfNeeded: index), attribute)
  }

  private func addAttribute(_ name: String, value: String, to function: LLVMValueRef) {
    let attribute = LLVMCreateStringAttribute(
      context, name, UInt32(name.utf8.count), value, UInt32(value.utf8.count))
    LLVMAddAttributeAtIndex(function, LLVMAttributeIndex(truncatingIfNeeded: -1), attribute)
  }
}
