internal import CLLVM

extension Emitter {
  /// An integer constant, in every lane of `type`; higher bits are dropped.
  func int(_ constant: Int, _ type: CodeType) -> CodeValue {
    bits(UInt64(bitPattern: Int64(constant)), type)
  }

  /// An index or a size.
  func index(_ constant: Int) -> CodeValue { int(constant, types.i64) }

  func bool(_ constant: Bool) -> CodeValue { int(constant ? 1 : 0, types.i1) }

  /// A float constant in every lane, rounded to nearest even. NaN and its payload go through `bits`.
  func float(_ constant: Double, _ type: CodeType) -> CodeValue {
    precondition(type.isFloat, "a float constant needs a float type")
    let lane = LLVMConstReal(type.scalar.ref, constant)
    return splatConstant(lane, type)
  }

  /// The value with this bit pattern, in every lane of an integer or float type.
  func bits(_ pattern: UInt64, _ type: CodeType) -> CodeValue {
    let integer = types.integer(bits: type.scalarBits)
    let mask = type.scalarBits == 64 ? UInt64.max : (1 << UInt64(type.scalarBits)) - 1
    let lane = LLVMConstInt(integer.ref, pattern & mask, 0)
    return splatConstant(type.isFloat ? LLVMConstBitCast(lane, type.scalar.ref) : lane, type)
  }

  func zero(_ type: CodeType) -> CodeValue { value(LLVMConstNull(type.ref)) }
  func allOnes(_ type: CodeType) -> CodeValue { value(LLVMConstAllOnes(type.ref)) }
  func poison(_ type: CodeType) -> CodeValue { value(LLVMGetPoison(type.ref)) }
  var nullPointer: CodeValue { value(LLVMConstNull(types.pointer.ref)) }

  /// A vector constant with one integer a lane.
  func lanes(_ constants: [Int], _ element: CodeType) -> CodeValue {
    constantVector(constants.map { int($0, element) })
  }

  /// A vector constant with one float a lane.
  func lanes(_ constants: [Double], _ element: CodeType) -> CodeValue {
    constantVector(constants.map { float($0, element) })
  }

  /// 0, 1, 2, … in the lanes of an integer vector type.
  func laneIndices(_ type: CodeType) -> CodeValue {
    type.isVector ? lanes(Array(0..<type.laneCount), type.scalar) : int(0, type)
  }

  /// The number, if a scalar integer is a constant.
  func knownInteger(_ value: CodeValue) -> Int? {
    LLVMIsAConstantInt(value.ref) == nil ? nil : Int(LLVMConstIntGetSExtValue(value.ref))
  }

  /// The address of read-only data under a symbol that the linker resolves.
  func externalData(_ symbol: String) -> CodeValue {
    if let known = LLVMGetNamedGlobal(module, symbol) { return value(known) }
    let global = value(LLVMAddGlobal(module, types.i8.ref, symbol))
    LLVMSetGlobalConstant(global.ref, 1)
    LLVMSetAlignment(global.ref, 64)
    return global
  }

  /// Read-only data of this module; the result is its address.
  ///
  /// LLVM numbers equal names (`data.1`), so `name` must not be the stem of any external symbol.
  func constantData(_ bytes: [UInt8], alignment: Int, name: String = "data") -> CodeValue {
    let data = bytes.withUnsafeBytes {
      LLVMConstStringInContext2(context, $0.bindMemory(to: CChar.self).baseAddress, $0.count, 1)
    }
    let global = value(LLVMAddGlobal(module, LLVMTypeOf(data), name))
    LLVMSetInitializer(global.ref, data)
    LLVMSetGlobalConstant(global.ref, 1)
    LLVMSetLinkage(global.ref, LLVMPrivateLinkage)
    LLVMSetUnnamedAddress(global.ref, LLVMGlobalUnnamedAddr)
    LLVMSetAlignment(global.ref, UInt32(alignment))
    return global
  }

  private func splatConstant(_ lane: LLVMValueRef?, _ type: CodeType) -> CodeValue {
    guard type.isVector else { return value(lane) }
    return constantVector([CodeValue](repeating: value(lane), count: type.laneCount))
  }

  func constantVector(_ constants: [CodeValue]) -> CodeValue {
    guard constants.count > 1 else { return constants[0] }
    var refs: [LLVMValueRef?] = constants.map(\.ref)
    return value(LLVMConstVector(&refs, UInt32(refs.count)))
  }
}
