import ApusIR
internal import CLLVM

/// Names a set of memory that one call of a function reaches through one root: a parameter, an allocation, a constant.
struct AliasScope: Hashable {
  let index: Int
}

/// Tells LLVM that different roots do not overlap, by `alias.scope` and `noalias` metadata.
///
/// Parameters of a C function could say it with `noalias`, but kernels take their buffers in an array, and bodies of
/// parallel loops in a closure.
struct AliasScopes {
  private let lists: [(own: LLVMValueRef, others: LLVMValueRef)]
  private let kinds: (scope: UInt32, noAlias: UInt32)

  /// Beyond this the lists, one for each scope naming all others, cost more than they bring.
  private static let limit = 64

  init(_ e: Emitter, domain name: String, count: Int) {
    func kind(_ name: String) -> UInt32 { LLVMGetMDKindIDInContext(e.context, name, UInt32(name.utf8.count)) }
    func node(_ parts: [LLVMMetadataRef?]) -> LLVMMetadataRef? {
      var parts = parts
      return LLVMMDNodeInContext2(e.context, &parts, parts.count)
    }
    func text(_ text: String) -> LLVMMetadataRef? { LLVMMDStringInContext2(e.context, text, text.utf8.count) }
    kinds = (kind("alias.scope"), kind("noalias"))
    guard (2...Self.limit).contains(count) else {
      lists = []
      return
    }
    let domain = node([text(name)])
    let scopes = (0..<count).map { node([text("\(name).\($0)"), domain]) }
    lists = (0..<count).map { own in
      let others = scopes.indices.filter { $0 != own }.map { scopes[$0] }
      return (
        e.built(LLVMMetadataAsValue(e.context, node([scopes[own]]))),
        e.built(LLVMMetadataAsValue(e.context, node(others)))
      )
    }
  }

  /// Marks an instruction that reaches memory of `scope` only.
  func mark(_ instruction: CodeValue, _ scope: AliasScope?) {
    guard let scope, lists.indices.contains(scope.index) else { return }
    LLVMSetMetadata(instruction.ref, kinds.scope, lists[scope.index].own)
    LLVMSetMetadata(instruction.ref, kinds.noAlias, lists[scope.index].others)
  }
}
