import ApusIR
import ApusMemory
import ApusSupport
import ApusTensor

/// A host in which windows of kernels run in parts, so that what they hand to each other takes a part of the memory.
public struct SplitHost: Sendable {
  public var host: Function
  public var splits: [Split]
  /// The most bytes that are alive at once, by estimate, at usual sizes.
  public var peak: Int

  public struct Split: Sendable, Hashable {
    /// Kernels that run in parts.
    public var kernels: Int
    public var parts: Int
    /// The ops of these kernels, in order.
    public var ops: [String]
  }
}

extension Function {
  /// The host with windows of kernels that run in parts, so that by estimate its arena takes at most `budget` bytes at usual sizes,
  /// or as few as was found; nil where sizes overflow.
  ///
  /// Phase `fused`. Values are cut along their first axis of a size other than 1, and only where each part of what a kernel computes
  /// takes the same part of some operands and the whole of others, by a rule for each of its ops. Open sizes are not cut.
  public func splitting(within budget: Int) -> SplitHost? {
    var search = SplitSearch(host: self, budget: budget)
    return search.run()
  }
}

private struct SplitSearch {
  private(set) var host: Function
  let budget: Int
  private var splits: [SplitHost.Split] = []

  private static let mostSplits = 64
  private static let parts = [2, 3, 4, 5, 7, 8, 16, 32]
  /// How far windows reach from the fullest op.
  private static let reaches = [0, 1, 2, 3, 4, 6, 8, 12, 20, 40, 80]

  init(host: Function, budget: Int) {
    (self.host, self.budget) = (host, budget)
  }

  mutating func run() -> SplitHost? {
    while true {
      var reading = DataflowReading(host, PartCandidates(host).all)
      guard let graph = try? reading.dataflow() else { return nil }
      let live = graph.liveBytes()
      let peak = live.max() ?? 0
      guard peak > budget, splits.count < Self.mostSplits, let step = live.firstIndex(of: peak),
        let better = bestSplit(graph, reading, live, around: step), let done = try? host.splitting(better, reading)
      else { return SplitHost(host: host, splits: splits, peak: peak) }
      splits.append(done.split)
      host = done.host
    }
  }

  /// The window and the number of parts with which the least is alive above the budget for what it costs.
  private func bestSplit(_ graph: Dataflow, _ reading: DataflowReading, _ live: [Int], around step: Int) -> WindowSplit? {
    func excess(_ live: [Int]) -> Int { live.reduce(0) { $0 + max(0, $1 - budget) } }
    let now = excess(live)
    var best: (split: WindowSplit, value: Double)?
    let starts = Set(Self.reaches.map { max(0, step - $0) }).sorted()
    let ends = Set(Self.reaches.map { min(graph.ops.count, step + 1 + $0) }).sorted()
    var windows = starts.flatMap { start in ends.filter { $0 - start > 1 }.map { start..<$0 } }
    for parts in Self.parts {
      var known: [Int: KernelSplit?] = [:]
      func rule(_ index: Int) -> KernelSplit? {
        if let found = known[index] { return found }
        let op = reading.ops[index]
        let found = reading.isPart(op) ? nil : KernelSplit(op, in: host, parts: parts)
        known[index] = found
        return found
      }
      guard rule(step) != nil else { continue }
      var values: [(window: Range<Int>, value: Double)] = []
      for window in windows {
        guard let split = self.window(window, parts, graph, reading, rule), split.partial.contains(step), split.partial.count > 1,
          let changed = try? graph.splitting(split, unit: ArenaPlan.alignment, bytes: reading.bytes)
        else { continue }
        let after = changed.liveBytes()
        let saved = now - excess(after)
        guard saved > 0, (after.max() ?? 0) <= live[step] else { continue }
        let value = Double(saved) / Double(1 + cost(split, graph, reading))
        values.append((window, value))
        if best.map({ value > $0.value }) ?? true { best = (split, value) }
      }
      // The best with few parts are tried with more.
      if !values.isEmpty { windows = values.sorted { $0.value > $1.value }.prefix(12).map(\.window) }
    }
    return best?.split
  }

  /// The ops of a window in parts, but those that have to run whole before, as others read all of what they write, or as they
  /// have no rule; nil where that cannot be.
  private func window(
    _ window: Range<Int>, _ parts: Int, _ graph: Dataflow, _ reading: DataflowReading, _ rule: (Int) -> KernelSplit?
  ) -> WindowSplit? {
    var split = WindowSplit(window: window, parts: parts, partialInputs: [])
    func buffers(_ values: [ValueID]) -> [Int] { values.compactMap { reading.position(of: $0) } }
    // Buffers that are read whole, from the last op to the first.
    var isWanted: Set<Int> = []
    for index in window.reversed() {
      let op = reading.ops[index]
      let operands = host.operands(of: op)
      if let rule = rule(index), isWanted.isDisjoint(with: buffers(host.results(of: op))) {
        isWanted.formUnion(buffers(zip(operands, rule.operands).filter { !$0.1 }.map(\.0)))
        continue
      }
      guard [.kernel, .reshape, .size].contains(host.opcode(of: op)) else { return nil }
      split.hoisted.insert(index)
      isWanted.formUnion(buffers(operands))
    }
    split.partialInputs = window.map { index in
      guard !split.hoisted.contains(index), let rule = rule(index) else { return [] }
      return Set(buffers(zip(host.operands(of: reading.ops[index]), rule.operands).filter(\.1).map(\.0)))
    }
    return split
  }

  /// Bytes that are moved besides: what is read whole once for each part. Parts are cut out and put together in place.
  private func cost(_ split: WindowSplit, _ graph: Dataflow, _ reading: DataflowReading) -> Int {
    var cost = 0
    for index in split.partial {
      let whole = Set(graph.ops[index].inputs).subtracting(split.partialInputs[index - split.window.lowerBound])
      cost += whole.reduce(0) { $0 + (split.parts - 1) * reading.bytes(of: $1) }
      // Each launch takes its time.
      cost += split.parts << 14
    }
    return cost
  }
}

extension Function {
  /// The host with a window of ops in parts, and what that is for reports.
  fileprivate func splitting(
    _ split: WindowSplit, _ reading: DataflowReading
  ) throws(InferenceError) -> (host: Function, split: SplitHost.Split) {
    var host = self
    let ops = split.partial.map { reading.ops[$0] }
    let inside = Set(ops)
    guard let next = host.op(after: reading.ops[split.window.upperBound - 1]) else { preconditionFailure("a window has ops, and ends before the block does") }
    var parts: [ValueID: [ValueID]] = [:]
    for index in 0..<split.parts {
      let part = Part(index: index, count: split.parts)
      var current: [ValueID: ValueID] = [:]
      for op in ops {
        guard let rule = KernelSplit(op, in: self, parts: split.parts) else { preconditionFailure("an op of the window has a rule") }
        var operands: [ValueID] = []
        for (operand, isPart) in zip(self.operands(of: op), rule.operands) {
          if isPart, current[operand] == nil { current[operand] = try host.insertCutKernel(part, of: operand, before: next) }
          operands.append(isPart ? current[operand] ?? operand : operand)
        }
        let copy = try host.insertPart(part, of: op, rule, operands: operands, at: .before(next))
        for (old, new) in zip(results(of: op), host.results(of: copy)) {
          current[old] = new
          parts[old, default: []].append(new)
        }
      }
    }
    for op in ops {
      for value in results(of: op) {
        let readers = uses(of: value).map(\.op)
        if readers.allSatisfy(inside.contains) { continue }
        let whole = try host.insertJoinKernel(parts[value] ?? [], type: type(of: value), before: next)
        host.replaceUses(of: value, with: whole) { !inside.contains($0) }
        if let name = name(of: value) {
          host.setName(nil, of: value)
          host.setName(name, of: whole)
        }
      }
    }
    for op in ops.reversed() { host.erase(op) }
    let kernels = ops.filter { opcode(of: $0) == .kernel }
    return (host, SplitHost.Split(kernels: kernels.count, parts: split.parts, ops: kernels.flatMap(opNames)))
  }

  /// A kernel that copies a part of a value; a constant, for a part of one.
  private mutating func insertCutKernel(_ part: Part, of value: ValueID, before point: OpID) throws(InferenceError) -> ValueID {
    let whole = type(of: value)
    if let op = definingOp(of: value), opcode(of: op) == .constant, let cut = attribute("value", of: op)?.part(part, of: whole) {
      let constant = insert(
        .constant, [], attributes: [NamedAttribute("value", cut)], results: [whole.part(of: part.count)], at: .before(point),
        location: locationID(of: op))
      return result(of: constant)
    }
    let kernel = insert(.kernel, [value], results: [type(of: value).part(of: part.count)], at: .before(point))
    let body = region(0, of: kernel)
    let parameter = addParameter(type(of: value), to: body)
    let cut = try insertCut(part, of: parameter, at: .end(of: body), location: .none)
    insert(.yield, [cut], results: [], at: .end(of: body))
    return result(of: kernel)
  }

  /// A kernel that puts parts together.
  private mutating func insertJoinKernel(_ parts: [ValueID], type whole: TensorType, before point: OpID) throws(InferenceError) -> ValueID {
    let kernel = insert(.kernel, parts, results: [whole], at: .before(point))
    let body = region(0, of: kernel)
    let parameters = parts.map { part in addParameter(type(of: part), to: body) }
    let axis = whole.splitAxis ?? 0
    let joined = try append(
      .concat, parameters, attributes: [NamedAttribute("axis", .int(axis))], stated: [whole], at: .end(of: body))
    insert(.yield, [result(of: joined)], results: [], at: .end(of: body))
    return result(of: kernel)
  }
}

extension Attribute {
  /// The value of a constant that is a part of one with this value, which it shares its memory with.
  fileprivate func part(_ part: Part, of whole: TensorType) -> Attribute? {
    guard case .tensor(let constant) = self else { return self }
    let storage = constant.tensor.storage
    let count = constant.tensor.byteCount / part.count
    let cut = TensorStorage(part.index * count..<(part.index + 1) * count, of: storage)
    guard let shape = whole.part(of: part.count).constantShape, let tensor = try? Tensor(whole.element, shape: shape, storage: cut)
    else { return nil }
    return .tensor(ConstantTensor(tensor))
  }
}
