/// Where the state of each buffer stands in the key of a partial choice, and which buffers may trade places.
struct ResidencySlots {
  /// The slot of each gap that is to be decided.
  private(set) var slot: [Int?]
  private(set) var words: Int
  private(set) var count: Int
  /// Buffers of the same class have the same size and the same uses from here on: while a gap is open, and before it.
  private(set) var openClass: [Int]
  private(set) var waitingClass: [Int]
  /// The gap of the same buffer that comes next.
  private(set) var next: [Int?]

  init(_ prices: ResidencyPrices) {
    let gaps = prices.problem.gaps
    slot = [Int?](repeating: nil, count: gaps.count)
    openClass = [Int](repeating: 0, count: gaps.count)
    waitingClass = openClass
    next = slot
    var special: Set<Int> = []
    for (index, gap) in gaps.enumerated() {
      guard let recomputation = gap.recomputation else { continue }
      special.insert(gaps[index].buffer)
      for input in recomputation.inputs { special.insert(gaps[input].buffer) }
    }
    var classes: [[Int]: Int] = [:]
    func intern(_ key: [Int]) -> Int {
      if let known = classes[key] { return known }
      classes[key] = classes.count + 1
      return classes.count
    }
    var free: [Int] = []
    var busy: [(end: Int, slot: Int)] = []
    var used = 0
    for list in prices.buffers.sorted(by: { gaps[$0[0]].start < gaps[$1[0]].start }) {
      let (first, last) = (gaps[list[0]], gaps[list[list.count - 1]])
      // A slot is free again at the step at which its last gap ends: ends come before starts.
      busy.removeAll {
        guard $0.end <= first.start else { return false }
        free.append($0.slot)
        return true
      }
      let place = free.popLast() ?? used
      used = max(used, place + 1)
      busy.append((last.end, place))
      var later = 0
      for (position, index) in list.enumerated().reversed() {
        let gap = gaps[index]
        slot[index] = place
        next[index] = position + 1 < list.count ? list[position + 1] : nil
        let name = special.contains(gap.buffer) ? gap.buffer : -1
        openClass[index] = intern([0, gap.size, gap.isStoredAnyway ? 1 : 0, gap.end, later, name])
        waitingClass[index] = intern([1, gap.start, openClass[index]])
        later = waitingClass[index]
      }
    }
    count = used
    words = max(1, (used + 15) / 16)
  }
}

/// Partial choices: for each buffer four bits that say how its open gap is passed and whether it is stored.
struct ResidencyLayer {
  let words: Int
  var keys: [UInt64] = []
  var used: [Int] = []
  var costs: [Int] = []
  /// What the whole costs at the least.
  var values: [Double] = []
  var nodes: [Int32] = []

  init(words: Int) { self.words = words }

  var count: Int { used.count }

  mutating func reserve(_ count: Int) {
    keys.reserveCapacity(count * words)
    used.reserveCapacity(count)
    costs.reserveCapacity(count)
    values.reserveCapacity(count)
    nodes.reserveCapacity(count)
  }

  mutating func append(key: [UInt64], used: Int, cost: Int, value: Double, node: Int32) {
    keys.append(contentsOf: key)
    self.used.append(used)
    costs.append(cost)
    values.append(value)
    nodes.append(node)
  }

  @inline(__always)
  mutating func append(_ state: Int, of other: ResidencyLayer, used: Int, value: Double) {
    for word in 0..<words { keys.append(other.keys[state * words + word]) }
    self.used.append(used)
    costs.append(other.costs[state])
    values.append(value)
    nodes.append(other.nodes[state])
  }

  @inline(__always)
  func code(_ state: Int, _ slot: Int) -> UInt64 { keys[state * words + slot / 16] >> UInt64(slot % 16 * 4) & 15 }

  /// A slot whose gap is not open counts as loaded again.
  @inline(__always)
  func mode(_ state: Int, _ slot: Int) -> ResidencyMode {
    let bits = code(state, slot) & 3
    return bits == 1 ? .keep : bits == 2 ? .recompute : .reload
  }

  @inline(__always)
  func isStored(_ state: Int, _ slot: Int) -> Bool { code(state, slot) & 4 != 0 }

  /// Sets the slot of the last state.
  mutating func set(_ slot: Int, _ mode: ResidencyMode, isStored: Bool) {
    let bits: UInt64 = mode == .keep ? 1 : mode == .recompute ? 2 : 0
    let (word, shift) = ((count - 1) * words + slot / 16, UInt64(slot % 16 * 4))
    keys[word] = keys[word] & ~(15 << shift) | (bits | (isStored ? 4 : 0)) << shift
  }

  mutating func clear(_ slot: Int, andStored: Bool) {
    let (word, shift) = ((count - 1) * words + slot / 16, UInt64(slot % 16 * 4))
    keys[word] &= ~((andStored ? 15 : 3) << shift)
  }

  /// Keeps the states at these places.
  mutating func keep(_ places: [Int]) {
    var layer = ResidencyLayer(words: words)
    layer.reserve(places.count)
    for place in places { layer.append(place, of: self, used: used[place], value: values[place]) }
    self = layer
  }

  /// Keeps those that cost the least in the end; the least value of the others.
  mutating func keepBest(_ width: Int) -> Double {
    guard count > width else { return .infinity }
    let places = (0..<count).sorted { (values[$0], $0) < (values[$1], $1) }
    let least = values[places[width]]
    keep(places.prefix(width).sorted())
    return least
  }
}

/// How each partial choice came about.
struct ResidencyHistory {
  private var parents: [Int32] = []
  private var gaps: [Int32] = []
  private var modes: [ResidencyMode] = []

  var count: Int { parents.count }

  mutating func append(_ parent: Int32, _ gap: Int, _ mode: ResidencyMode) -> Int32 {
    parents.append(parent)
    gaps.append(Int32(gap))
    modes.append(mode)
    return Int32(parents.count - 1)
  }

  func modes(to node: Int32, count: Int) -> [ResidencyMode] {
    var result = [ResidencyMode](repeating: .keep, count: count)
    var node = Int(node)
    while node >= 0 {
      result[Int(gaps[node])] = modes[node]
      node = Int(parents[node])
    }
    return result
  }
}

/// Finds states that agree, buffers of the same class being interchangeable.
struct ResidencyMerger {
  private let slots: ResidencySlots
  private var classOfSlot: [Int]
  private var groups: [[Int]] = []

  init(_ slots: ResidencySlots) {
    self.slots = slots
    classOfSlot = [Int](repeating: 0, count: slots.count)
  }

  mutating func pass(ended: [Int], started: [Int]) {
    for gap in ended {
      guard let slot = slots.slot[gap] else { continue }
      classOfSlot[slot] = slots.next[gap].map { slots.waitingClass[$0] } ?? 0
    }
    for gap in started {
      guard let slot = slots.slot[gap] else { continue }
      classOfSlot[slot] = slots.openClass[gap]
    }
    var members: [Int: [Int]] = [:]
    for (slot, name) in classOfSlot.enumerated() where name > 0 { members[name, default: []].append(slot) }
    groups = members.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
  }

  /// Keeps the cheapest of the states that agree.
  func merge(_ layer: inout ResidencyLayer) {
    let words = layer.words
    var canonical = layer.keys
    var codes: [UInt64] = []
    for state in 0..<layer.count {
      for group in groups {
        codes.removeAll(keepingCapacity: true)
        for slot in group { codes.append(layer.code(state, slot)) }
        codes.sort()
        for (slot, code) in zip(group, codes) {
          let (word, shift) = (state * words + slot / 16, UInt64(slot % 16 * 4))
          canonical[word] = canonical[word] & ~(15 << shift) | code << shift
        }
      }
    }
    var size = 16
    while size < 2 * layer.count { size *= 2 }
    var table = [Int32](repeating: -1, count: size)
    var kept: [Int] = []
    kept.reserveCapacity(layer.count)
    for state in 0..<layer.count {
      var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
      for word in 0..<words {
        hash = (hash ^ canonical[state * words + word]) &* 0xFF51_AFD7_ED55_8CCD
        hash ^= hash >> 32
      }
      var place = Int(truncatingIfNeeded: hash) & (size - 1)
      while table[place] >= 0 {
        let other = kept[Int(table[place])]
        if (0..<words).allSatisfy({ canonical[other * words + $0] == canonical[state * words + $0] }) {
          if layer.costs[state] < layer.costs[other] { kept[Int(table[place])] = state }
          break
        }
        place = (place + 1) & (size - 1)
      }
      if table[place] < 0 {
        table[place] = Int32(kept.count)
        kept.append(state)
      }
    }
    if kept.count < layer.count { layer.keep(kept) }
  }
}
