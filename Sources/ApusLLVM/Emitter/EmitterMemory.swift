internal import CLLVM

/// Memory. Alignments are in bytes and default to one lane's, which holds for every tensor element.
extension Emitter {
  /// `pointer` moved by `count` elements of `type`, an i64.
  func offset(_ pointer: CodeValue, _ type: CodeType, by count: CodeValue) -> CodeValue {
    var refs: [LLVMValueRef?] = [count.ref]
    return value(LLVMBuildInBoundsGEP2(builder, type.ref, pointer.ref, &refs, 1, ""))
  }

  func offset(_ pointer: CodeValue, _ type: CodeType, by count: Int) -> CodeValue {
    count == 0 ? pointer : offset(pointer, type, by: index(count))
  }

  func offset(_ pointer: CodeValue, bytes: CodeValue) -> CodeValue { offset(pointer, types.i8, by: bytes) }
  func offset(_ pointer: CodeValue, bytes: Int) -> CodeValue { offset(pointer, types.i8, by: bytes) }

  func load(_ type: CodeType, _ pointer: CodeValue, alignment: Int? = nil) -> CodeValue {
    let loaded = value(LLVMBuildLoad2(builder, type.ref, pointer.ref, ""))
    LLVMSetAlignment(loaded.ref, UInt32(alignment ?? type.scalarBytes))
    return loaded
  }

  /// Returns the instruction, as `store(_:_:mask:alignment:)` does.
  @discardableResult
  func store(_ stored: CodeValue, _ pointer: CodeValue, alignment: Int? = nil) -> CodeValue {
    let instruction = value(LLVMBuildStore(builder, stored.ref, pointer.ref))
    LLVMSetAlignment(instruction.ref, UInt32(alignment ?? stored.type.scalarBytes))
    return instruction
  }

  /// A load that sees what other threads store, and is not moved out of a loop.
  func loadShared(_ type: CodeType, _ pointer: CodeValue) -> CodeValue {
    let loaded = load(type, pointer)
    LLVMSetOrdering(loaded.ref, LLVMAtomicOrderingMonotonic)
    return loaded
  }

  /// Lanes whose mask bit is off are not read and take the lane of `other`.
  func load(_ type: CodeType, _ pointer: CodeValue, mask: CodeValue, other: CodeValue, alignment: Int? = nil)
    -> CodeValue
  {
    guard type.isVector else {
      return ifElse(mask) { [load(type, pointer, alignment: alignment)] } else: { [other] }[0]
    }
    return masked("llvm.masked.load", type, [pointer], [mask, other], pointerAt: 1, alignment ?? type.scalarBytes)
  }

  /// Lanes whose mask bit is off are not written.
  @discardableResult
  func store(_ stored: CodeValue, _ pointer: CodeValue, mask: CodeValue, alignment: Int? = nil) -> CodeValue {
    guard stored.type.isVector else {
      var instruction = stored
      ifThen(mask) { instruction = store(stored, pointer, alignment: alignment) }
      return instruction
    }
    let bytes = alignment ?? stored.type.scalarBytes
    return masked("llvm.masked.store", stored.type, [stored, pointer], [mask], pointerAt: 2, bytes)
  }

  /// Stack memory of the current function, made in its entry block so that a loop does not grow the stack.
  func stackSlot(_ type: CodeType, count: Int = 1, alignment: Int? = nil) -> CodeValue {
    let resume = currentBlock
    let entry = built(LLVMGetEntryBasicBlock(currentFunction))
    if let first = LLVMGetFirstInstruction(entry) {
      LLVMPositionBuilderBefore(builder, first)
    } else {
      LLVMPositionBuilderAtEnd(builder, entry)
    }
    let slot = value(LLVMBuildArrayAlloca(builder, type.ref, index(count).ref, ""))
    LLVMSetAlignment(slot.ref, UInt32(alignment ?? type.scalarBytes))
    LLVMPositionBuilderAtEnd(builder, resume)
    return slot
  }

  /// Copies bytes between blocks that do not overlap.
  func copyBytes(to: CodeValue, from: CodeValue, count: CodeValue, alignment: Int = 1) {
    LLVMBuildMemCpy(builder, to.ref, UInt32(alignment), from.ref, UInt32(alignment), count.ref)
  }

  /// Sets `count` bytes to `byte`, an i8.
  func fillBytes(_ to: CodeValue, _ byte: CodeValue, count: CodeValue, alignment: Int = 1) {
    LLVMBuildMemSet(builder, to.ref, byte.ref, count.ref, UInt32(alignment))
  }
}

extension Emitter {
  /// The alignment stands between `first` and `second` up to LLVM 21; later it is an attribute of the pointer.
  @discardableResult
  private func masked(
    _ name: String, _ type: CodeType, _ first: [CodeValue], _ second: [CodeValue], pointerAt position: Int,
    _ bytes: Int
  ) -> CodeValue {
    if intrinsicParameterCount(name, [type, types.pointer]) > first.count + second.count {
      return intrinsic(name, [type, types.pointer], first + [int(bytes, types.i32)] + second)
    }
    let call = intrinsic(name, [type, types.pointer], first + second)
    let kind = LLVMGetEnumAttributeKindForName("align", 5)
    LLVMAddCallSiteAttribute(
      call.ref, LLVMAttributeIndex(position), LLVMCreateEnumAttribute(context, kind, UInt64(bytes)))
    return call
  }
}
