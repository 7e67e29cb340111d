/// Works out the kind of a kernel and its iteration space, op by op.
///
/// A value is *dependent* when it is computed from the result of the kernel's reductions or of its
/// root. Dependent values are only combined index by index, so that a row of a reduction, or a tile
/// of a contraction, is computed without looking at another.
public struct KernelShape: Sendable {
  /// Where a value of the body stands.
  public enum Level: Sendable, Hashable {
    /// Computed from operands alone, at any index.
    case free
    /// Dependent, with the reduced axes folded: one element for each index of the kept axes.
    case reduced
    /// Dependent, with the full shape of the iteration space.
    case full
  }

  public private(set) var kind: KernelKind = .map
  /// The contraction, or the op of a `single` kernel.
  public private(set) var root: OpID?
  /// The sizes of the iteration space: those of the results of a map, of the operands of a reduction,
  /// and of the root's first result otherwise.
  public private(set) var dims: [Dim] = []
  /// The axes of `dims` that reductions fold, ascending.
  public private(set) var reducedAxes: [Int] = []
  private var levels: [ValueID: Level] = [:]

  public init() {}

  /// The axes of `dims` that are not reduced, ascending.
  public var keptAxes: [Int] { dims.indices.filter { !reducedAxes.contains($0) } }

  public func level(of value: ValueID) -> Level { levels[value] ?? .free }

  /// Says where a value stands that is defined outside the ops that are added.
  public mutating func setLevel(_ level: Level, of value: ValueID) { levels[value] = level }

  /// Adds the ops of a block in order, its terminator not included.
  /// - Returns: `false` when they cannot lie in one kernel.
  public mutating func add(_ block: BlockID, of f: Function) -> Bool {
    var next = f.firstOp(of: block)
    while let op = next {
      if f.opcode(of: op).isTerminator { return true }
      guard add(op, of: f) else { return false }
      next = f.op(after: op)
    }
    return true
  }

  /// Adds one op.
  /// - Returns: `false` when it cannot lie in one kernel with those before it.
  public mutating func add(_ op: OpID, of f: Function) -> Bool {
    switch f.opcode(of: op).kernelKind {
    case .map: return addMap(op, of: f)
    case .reduction: return addReduction(op, of: f)
    case .contraction: return addRoot(op, .contraction, of: f)
    case .single: return addRoot(op, .single, of: f)
    case nil: return false
    }
  }

  /// Checks what the kernel yields.
  /// - Returns: `false` when no kernel may yield these values.
  public mutating func finish(_ results: [ValueID], of f: Function) -> Bool {
    switch kind {
    case .map:
      guard let first = results.first else { return false }
      dims = f.type(of: first).dims
      return results.allSatisfy { f.symbols.areEqual(f.type(of: $0).dims, dims) }
    case .reduction:
      let isFolded = results.contains { level(of: $0) != .free }
      return isFolded
        && results.allSatisfy { level(of: $0) != .free || f.symbols.areEqual(f.type(of: $0).dims, dims) }
    case .contraction: return results.count == 1 && level(of: results[0]) == .full
    case .single:
      guard let root else { return false }
      return results == f.results(of: root)
    }
  }
}

extension Function {
  /// The kind and iteration space of a kernel, or of any block that ends in `yield`; `nil` when the
  /// block cannot be the body of one.
  public func kernelShape(of body: BlockID) -> KernelShape? {
    guard let end = terminator(of: body) else { return nil }
    var shape = KernelShape()
    guard shape.add(body, of: self), shape.finish(operands(of: end), of: self) else { return nil }
    return shape
  }

  /// The axes that a reduction folds, ascending.
  public func reducedAxes(of op: OpID) -> [Int] {
    if let axes = ints("axes", of: op) { return axes.sorted() }
    return int("axis", of: op).map { [$0] } ?? []
  }
}

extension SymbolTable {
  /// Whether two shapes are surely the same.
  public func areEqual(_ a: [Dim], _ b: [Dim]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { equal($0, $1) == .yes }
  }
}

// MARK: - The rules

extension KernelShape {
  private mutating func addMap(_ op: OpID, of f: Function) -> Bool {
    var level = Level.free
    for operand in f.operands(of: op) {
      let other = self.level(of: operand)
      if other == .free { continue }
      if level != .free, level != other { return false }
      level = other
    }
    guard level != .free else { return true }
    guard kind != .single, let next = self.level(after: op, on: level, of: f) else { return false }
    for result in f.results(of: op) { levels[result] = next }
    return true
  }

  /// Where the result of an op on dependent values stands; `nil` when it would look at other indices.
  private func level(after op: OpID, on level: Level, of f: Function) -> Level? {
    let code = f.opcode(of: op)
    if code.isElementwise { return level }
    guard kind == .reduction, level == .reduced else { return nil }
    let result = f.type(of: f.result(of: op)).dims
    if code == .reshape { return isReducedForm(result, f.symbols) ? .reduced : nil }
    guard code == .broadcast, let axes = f.ints("axes", of: op), f.symbols.areEqual(result, dims) else { return nil }
    return axes == keptAxes || axes == Array(dims.indices) ? .full : nil
  }

  private func isReducedForm(_ shape: [Dim], _ symbols: SymbolTable) -> Bool {
    let withOnes = dims.indices.map { reducedAxes.contains($0) ? 1 : dims[$0] }
    return symbols.areEqual(shape, withOnes) || symbols.areEqual(shape, keptAxes.map { dims[$0] })
  }

  private mutating func addReduction(_ op: OpID, of f: Function) -> Bool {
    let operand = f.operand(0, of: op)
    let shape = f.type(of: operand).dims
    let axes = f.reducedAxes(of: op)
    guard level(of: operand) != .reduced else { return false }
    switch kind {
    case .map:
      kind = .reduction
      dims = shape
      reducedAxes = axes
    case .reduction: guard axes == reducedAxes, f.symbols.areEqual(shape, dims) else { return false }
    case .contraction, .single: return false
    }
    for result in f.results(of: op) { levels[result] = .reduced }
    return true
  }

  private mutating func addRoot(_ op: OpID, _ root: KernelKind, of f: Function) -> Bool {
    guard kind == .map, f.operands(of: op).allSatisfy({ level(of: $0) == .free }) else { return false }
    kind = root
    self.root = op
    dims = f.type(of: f.result(of: op)).dims
    for result in f.results(of: op) { levels[result] = .full }
    return true
  }
}
