import ApusSupport
import ApusTarget
import Synchronization

internal import CLLVM

/// Links object files into this process and finds their symbols.
///
/// Linked code reaches only what was defined with `define` or `add`: the process's own symbols are hidden, so
/// that a compiled model cannot come to depend on the program it is loaded into. `memcpy`, `memmove` and
/// `memset` are defined from the start, because LLVM emits calls to them.
///
/// Thread-safe. Code lives as long as the `JIT`, or as long as the `LoadedObject` that `addRemovable` gives.
public final class JIT: Sendable {
  private let session: Mutex<Session>

  /// Throws `llvm.jit` when LLVM cannot set up a linker for this process.
  public init(for machine: Machine) throws(DiagnosticError) {
    session = Mutex(try Session(machine))
    for symbol in memorySymbols() { try define(symbol.name, at: symbol.address) }
  }

  /// Makes `name` resolve to a fixed address in this process. Throws `llvm.jit.define` for a name defined twice.
  public func define(_ name: String, at address: UnsafeRawPointer) throws(DiagnosticError) {
    let bits = UInt64(UInt(bitPattern: address))
    try session.withLock { (session) throws(DiagnosticError) in try session.define(name, at: bits) }
  }

  /// Adds an object for the life of the JIT. Throws `llvm.jit.add` for bytes that are no object file for this
  /// machine; unresolved names show at `lookup`.
  public func add(_ object: ObjectFile) throws(DiagnosticError) {
    try session.withLock { (session) throws(DiagnosticError) in try session.add(object) }
  }

  /// Adds an object that is unlinked again when the result is released.
  public func addRemovable(_ object: ObjectFile) throws(DiagnosticError) -> LoadedObject {
    try addRemovable([object])
  }

  /// Adds objects that are unlinked together when the result is released.
  public func addRemovable(_ objects: [ObjectFile]) throws(DiagnosticError) -> LoadedObject {
    let tracker = try session.withLock { (session) throws(DiagnosticError) in
      try session.addTracked(objects)
    }
    return LoadedObject(jit: self, tracker: tracker)
  }

  /// The address of a symbol, linking it and what it needs. Valid while the JIT and the object live.
  /// Throws `llvm.jit.lookup` for a name that is not defined or refers to one that is not.
  public func lookup(_ name: String) throws(DiagnosticError) -> UnsafeRawPointer {
    let bits = try session.withLock { (session) throws(DiagnosticError) in try session.lookup(name) }
    guard let address = UnsafeRawPointer(bitPattern: UInt(bits)) else {
      throw DiagnosticError(id: "llvm.jit.lookup", "symbol '\(name)' has address 0")
    }
    return address
  }

  fileprivate func remove(_ tracker: UInt) {
    session.withLock { $0.remove(tracker) }
  }
}

/// Code that leaves the JIT when the last reference goes.
public final class LoadedObject: Sendable {
  private let jit: JIT
  private let tracker: UInt

  fileprivate init(jit: JIT, tracker: UInt) {
    self.jit = jit
    self.tracker = tracker
  }

  deinit { jit.remove(tracker) }

  /// As `JIT.lookup`.
  public func lookup(_ name: String) throws(DiagnosticError) -> UnsafeRawPointer { try jit.lookup(name) }
}

/// The unsynchronised part, reached only under the JIT's lock. Addresses and trackers cross as integers, because
/// a result of `withLock` must be Sendable.
private struct Session: ~Copyable {
  private let jit: LLVMOrcLLJITRef
  /// A bare library: LLJIT's main one links against the whole process.
  private let library: LLVMOrcJITDylibRef
  private let reports = Reports()

  init(_ machine: Machine) throws(DiagnosticError) {
    let generator = try TargetMachine(machine)
    let builder = LLVMOrcCreateLLJITBuilder()
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder, generator.releasedToTargetMachineBuilder())
    var created: LLVMOrcLLJITRef?
    try throwIfFailed(LLVMOrcCreateLLJIT(&created, builder), id: "llvm.jit")
    guard let created,
      let library = LLVMOrcExecutionSessionCreateBareJITDylib(
        LLVMOrcLLJITGetExecutionSession(created), "apus")
    else { throw DiagnosticError(id: "llvm.jit", "LLVM made no JIT") }
    jit = created
    self.library = library
    // The default reporter prints to stderr, and lookup's own error does not name what was missing.
    LLVMOrcExecutionSessionSetErrorReporter(
      LLVMOrcLLJITGetExecutionSession(created),
      { context, error in
        guard let context, let text = LLVMGetErrorMessage(error) else { return }
        Unmanaged<Reports>.fromOpaque(context).takeUnretainedValue().add(String(cString: text))
        LLVMDisposeErrorMessage(text)
      }, Unmanaged.passUnretained(reports).toOpaque())
  }

  deinit {
    if let error = LLVMOrcDisposeLLJIT(jit) { LLVMConsumeError(error) }
  }

  func define(_ name: String, at address: UInt64) throws(DiagnosticError) {
    let generic = LLVMJITSymbolGenericFlagsExported.rawValue | LLVMJITSymbolGenericFlagsCallable.rawValue
    let flags = LLVMJITSymbolFlags(GenericFlags: UInt8(generic), TargetFlags: 0)
    var pair = LLVMOrcCSymbolMapPair(
      Name: LLVMOrcLLJITMangleAndIntern(jit, name),
      Sym: LLVMJITEvaluatedSymbol(Address: address, Flags: flags))
    let unit = LLVMOrcAbsoluteSymbols(&pair, 1)
    let error = LLVMOrcJITDylibDefine(library, unit)
    if error != nil { LLVMOrcDisposeMaterializationUnit(unit) }
    try throwIfFailed(error, id: "llvm.jit.define")
  }

  func add(_ object: ObjectFile) throws(DiagnosticError) {
    try throwIfFailed(LLVMOrcLLJITAddObjectFile(jit, library, buffer(object)), id: "llvm.jit.add")
  }

  func addTracked(_ objects: [ObjectFile]) throws(DiagnosticError) -> UInt {
    guard let tracker = LLVMOrcJITDylibCreateResourceTracker(library) else {
      throw DiagnosticError(id: "llvm.jit.add", "LLVM made no resource tracker")
    }
    for object in objects {
      guard let error = LLVMOrcLLJITAddObjectFileWithRT(jit, tracker, buffer(object)) else { continue }
      // What was added before goes as well.
      if let failure = LLVMOrcResourceTrackerRemove(tracker) { LLVMConsumeError(failure) }
      LLVMOrcReleaseResourceTracker(tracker)
      try throwIfFailed(error, id: "llvm.jit.add")
    }
    return UInt(bitPattern: tracker)
  }

  func remove(_ tracker: UInt) {
    guard let ref = LLVMOrcResourceTrackerRef(bitPattern: tracker) else { return }
    if let error = LLVMOrcResourceTrackerRemove(ref) { LLVMConsumeError(error) }
    LLVMOrcReleaseResourceTracker(ref)
  }

  func lookup(_ name: String) throws(DiagnosticError) -> UInt64 {
    var order = LLVMOrcCJITDylibSearchOrderElement(
      JD: library, JDLookupFlags: LLVMOrcJITDylibLookupFlagsMatchAllSymbols)
    var wanted = LLVMOrcCLookupSetElement(
      Name: LLVMOrcLLJITMangleAndIntern(jit, name), LookupFlags: LLVMOrcSymbolLookupFlagsRequiredSymbol)
    var result = LookupResult()
    // Work is dispatched on the calling thread and the lock keeps others out, so the handler runs before this
    // call returns.
    withUnsafeMutablePointer(to: &result) { result in
      LLVMOrcExecutionSessionLookup(
        LLVMOrcLLJITGetExecutionSession(jit), LLVMOrcLookupKindStatic, &order, 1, &wanted, 1,
        { error, pairs, count, context in
          guard let result = context?.assumingMemoryBound(to: LookupResult.self) else { return }
          result.pointee.finished = true
          result.pointee.error = error
          if error == nil, count == 1, let pairs { result.pointee.address = pairs[0].Sym.Address }
        }, result)
    }
    precondition(result.finished, "LLVM deferred a lookup to another thread")
    let reasons = reports.takeAll()
    do {
      try throwIfFailed(result.error, id: "llvm.jit.lookup")
    } catch {
      var error = error
      error.diagnostics[0].notes = reasons.map { Diagnostic.Note($0) }
      throw error
    }
    return result.address
  }

  private func buffer(_ object: ObjectFile) -> LLVMMemoryBufferRef? {
    object.bytes.withUnsafeBytes {
      LLVMCreateMemoryBufferWithMemoryRangeCopy($0.bindMemory(to: CChar.self).baseAddress, $0.count, "apus.o")
    }
  }
}

/// What the linker had to say, in its own words.
private final class Reports: Sendable {
  private let messages = Mutex<[String]>([])

  func add(_ message: String) { messages.withLock { $0.append(message) } }
  func takeAll() -> [String] {
    messages.withLock { messages in
      defer { messages = [] }
      return messages
    }
  }
}

private struct LookupResult {
  var finished = false
  var address: UInt64 = 0
  var error: LLVMErrorRef?
}
