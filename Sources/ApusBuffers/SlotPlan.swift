import ApusIR
import ApusSupport

/// Slots for buffers whose sizes only a run knows: no two buffers of a slot are alive at once, and it is as large as the largest
/// of them, whatever the sizes are.
struct SlotPlan {
  /// The slot of each buffer.
  private var slots: [Int]
  private var rooms: [Slot] = []
  private let symbols: SymbolTable

  private struct Slot {
    /// The sizes of its buffers, of which any may be the largest.
    var sizes: [SampledSize]
    /// The largest at usual sizes.
    var usual: Int
    var lifetimes: [Range<Int>]
  }

  /// Of a few ways to hand out slots the one that takes the least at usual sizes; nil where there are no buffers.
  static func smallest(for entries: [ArenaPlan.Entry], _ symbols: SymbolTable) throws(DimOverflow) -> SlotPlan? {
    var sizes: [(room: SampledSize, usual: Int)] = []
    for entry in entries {
      let room = try ArenaPlan.room(for: entry.bytes, symbols)
      sizes.append((SampledSize(room, symbols), max((try? room.evaluate(symbols.usualSize)) ?? 0, 0)))
    }
    let byStart = entries.indices.sorted { (entries[$0].lifetime.lowerBound, $0) < (entries[$1].lifetime.lowerBound, $1) }
    // The largest first: what is smaller finds room in slots that there are for them.
    let bySize = byStart.sorted { (-sizes[$0].usual, entries[$0].lifetime.lowerBound, $0) < (-sizes[$1].usual, entries[$1].lifetime.lowerBound, $1) }
    var best: SlotPlan?
    for order in [byStart, bySize] {
      var plan = SlotPlan(count: entries.count, symbols)
      for index in order { plan.place(index, sizes[index].room, sizes[index].usual, entries[index].lifetime) }
      if best.map({ plan.usual < $0.usual }) ?? !order.isEmpty { best = plan }
    }
    return best
  }

  private init(count: Int, _ symbols: SymbolTable) {
    slots = [Int](repeating: 0, count: count)
    self.symbols = symbols
  }

  /// The bytes of all slots at usual sizes.
  private var usual: Int { rooms.reduce(0) { $0.addingReportingOverflow($1.usual).partialValue } }

  /// The offset of each buffer with the slots one after the other behind `first` bytes, and the end of the last.
  func offsets(behind first: Dim) throws(DimOverflow) -> (offsets: [Dim], end: Dim) {
    var starts: [Dim] = []
    var end = first
    for size in try sizes() {
      starts.append(end)
      end = try Dim.sum(end, size)
    }
    return (slots.map { starts[$0] }, end)
  }

  /// The bytes of each slot.
  private func sizes() throws(DimOverflow) -> [Dim] {
    var sizes: [Dim] = []
    for slot in rooms {
      var largest = slot.sizes[0].size
      for other in slot.sizes.dropFirst() where !isPlanted(.slotsKeepTheirFirstSize) { largest = try Dim.maximum(largest, other.size) }
      sizes.append(largest)
    }
    return sizes
  }

  private mutating func place(_ buffer: Int, _ size: SampledSize, _ usual: Int, _ lifetime: Range<Int>) {
    let free = rooms.indices.filter { index in
      let known = rooms[index].lifetimes
      return (isPlanted(.slotsForgetWhatTheyHold) ? known.prefix(1) : known[...]).allSatisfy { !$0.overlaps(lifetime) }
    }
    func cost(_ index: Int) -> (Int, Int, Int) {
      (max(usual - rooms[index].usual, 0), waste(rooms[index], size), rooms[index].usual)
    }
    guard let slot = free.map({ (slot: $0, cost: cost($0)) }).min(by: { $0.cost < $1.cost })?.slot else {
      slots[buffer] = rooms.count
      rooms.append(Slot(sizes: [size], usual: usual, lifetimes: [lifetime]))
      return
    }
    slots[buffer] = slot
    rooms[slot].usual = max(rooms[slot].usual, usual)
    rooms[slot].lifetimes.append(lifetime)
    if rooms[slot].sizes.contains(where: { size.isAtMost($0, symbols) }) { return }
    rooms[slot].sizes.removeAll { $0.isAtMost(size, symbols) }
    rooms[slot].sizes.append(size)
  }

  /// How badly a buffer fits in a slot: not at all wasteful, too large or too small, or of unknown relation.
  private func waste(_ slot: Slot, _ size: SampledSize) -> Int {
    if slot.sizes.contains(where: { $0.isEqual(to: size, symbols) }) { return 0 }
    if slot.sizes.contains(where: { size.isAtMost($0, symbols) }) { return 1 }
    return slot.sizes.allSatisfy { $0.isAtMost(size, symbols) } ? 2 : 3
  }
}
