import ApusIR
import ApusPasses
import ApusSupport

/// The best module and passes so far, and what has been tried.
struct ReductionSearch {
  private(set) var module: Module
  private(set) var passes: Pipeline
  private(set) var tries = 0
  /// Whether every reduction has been tried without finding anything more.
  private var isMinimal = false

  private let limits: Reducer.Limits
  private let hooks: Reducer.Hooks
  private let isInteresting: (Module, Pipeline) throws -> Bool
  private let start: Duration
  private var size: ReductionSize
  private var known: Set<Int> = []
  /// A module that is wrong from the start is reduced without asking the verifier.
  private let isVerified: Bool
  /// A module whose text is not read back is reduced as it is.
  private var isReadBack = true

  init(
    _ module: Module, _ passes: Pipeline, _ limits: Reducer.Limits, _ hooks: Reducer.Hooks,
    _ isInteresting: @escaping (Module, Pipeline) throws -> Bool
  ) {
    self.module = module
    self.passes = passes
    self.limits = limits
    self.hooks = hooks
    self.isInteresting = isInteresting
    start = hooks.clock?() ?? .zero
    size = ReductionSize(module, passes)
    isVerified = module.verify().isEmpty
  }

  var result: Reduction { Reduction(module: module, passes: passes, tries: tries, isMinimal: isMinimal) }

  /// Whether no more is to be tested.
  var isOver: Bool {
    if tries >= limits.tries || hooks.isCancelled() { return true }
    guard let clock = hooks.clock else { return false }
    return clock() - start >= limits.duration
  }

  mutating func run() {
    readBackFirst()
    for reduction in Self.once where !isOver { reduction(&self) }
    var isChanged = true
    while isChanged, !isOver {
      let before = size
      for reduction in Self.repeated where !isOver { reduction(&self) }
      isChanged = size < before
    }
    isMinimal = !isOver
  }

  private typealias Step = @Sendable (inout ReductionSearch) -> Void

  /// What may make the module larger at first.
  private static let once: [Step] = [
    { $0.emptyLargeConstants() }, { $0.dropResults() }, { $0.isolate() }, { $0.inlineEverything() },
  ]

  /// What may take away most stands first.
  private static let repeated: [Step] = [
    { $0.dropResults() }, { $0.removeOps(.parameter) }, { $0.isolate() }, { $0.dropPasses() }, { $0.flattenRegions() },
    { $0.removeOps(.similar) }, { $0.trimRegions() }, { $0.trimCalls() }, { $0.useOlderValues() },
    { $0.dropParameters() }, { $0.fixSymbols() }, { $0.shrinkSizes() }, { $0.dropAxes() }, { $0.simplifyTypes() },
    { $0.simplifyConstants() }, { $0.simplifyAttributes() }, { $0.changeTogether() },
  ]

  // MARK: Candidates

  /// Tests the best module with a change, and keeps it if it is smaller and still interesting.
  ///
  /// - Parameter edit: returns false where it does not apply. It may leave types as they were: they are inferred again.
  @discardableResult
  mutating func attempt(
    _ change: TypeChange = TypeChange(), mayGrow: Bool = false, _ edit: (inout Module) -> Bool = { _ in true }
  ) -> Bool {
    if isOver { return false }
    var candidate = module
    guard edit(&candidate) else { return false }
    candidate.sweep(since: module)
    guard candidate.inferTypes(since: module, change) else { return false }
    candidate.dropUncalled()
    return consider(candidate, passes, mayGrow: mayGrow)
  }

  /// The same for other passes.
  @discardableResult
  mutating func attempt(_ passes: Pipeline) -> Bool { isOver ? false : consider(module, passes) }

  private mutating func consider(_ candidate: Module, _ passes: Pipeline, mayGrow: Bool = false) -> Bool {
    let size = ReductionSize(candidate, passes)
    guard mayGrow || size < self.size else { return false }
    if isVerified, !candidate.verify().isEmpty { return false }
    let document = candidate.document()
    guard known.insert("\(document.text)\n\(passes)".hashValue).inserted else { return false }
    guard let candidate = isReadBack ? Self.readBack(document) : candidate else { return false }
    return test(candidate, passes)
  }

  private mutating func test(_ candidate: Module, _ passes: Pipeline) -> Bool {
    tries += 1
    // A test that cannot say says that it is not interesting.
    guard (try? isInteresting(candidate, passes)) == true else { return false }
    module = candidate
    self.passes = passes
    size = ReductionSize(candidate, passes)
    hooks.whenKept(result)
    return true
  }

  private static func readBack(_ document: ModuleText) -> Module? {
    try? Module.parse(SourceText(name: "reduced.ir", text: document.text), constants: MemoryConstants(document))
  }

  /// What fails only as it was made, and not as it was written, stays as it is.
  private mutating func readBackFirst() {
    var plain = module
    plain.dropConstantFiles()
    let document = plain.document()
    known.insert("\(document.text)\n\(passes)".hashValue)
    isReadBack = Self.readBack(document).map { test($0, passes) } ?? false
    if !isReadBack { module.dropConstantFiles() }
  }
}

// MARK: - Delta debugging

extension ReductionSearch {
  /// Removes runs of entries of a list, long runs first, later ones before earlier ones, down to single entries.
  ///
  /// - Parameters:
  ///   - count: the length of the list for the best module so far.
  ///   - remove: tests without a run; returns whether that was kept.
  mutating func minimize(
    _ count: (ReductionSearch) -> Int, remove: (inout ReductionSearch, Range<Int>) -> Bool
  ) {
    var length = count(self)
    while length >= 1 {
      var end = count(self)
      while end > 0, !isOver {
        let run = max(end - length, 0)..<end
        let isKept = remove(&self, run)
        end = isKept ? min(run.lowerBound, count(self)) : run.lowerBound
      }
      length = min(length / 2, count(self))
    }
  }
}

extension Module {
  /// Constants then lie in no file: their bytes are written with the module.
  mutating func dropConstantFiles() {
    for id in ids {
      for op in self[id].allOps() where self[id].opcode(of: op) == .constant {
        guard case .tensor(let constant)? = self[id].attribute("value", of: op), constant.origin != nil
        else { continue }
        self[id].setAttribute("value", .tensor(ConstantTensor(constant.tensor)), of: op)
      }
    }
  }
}
