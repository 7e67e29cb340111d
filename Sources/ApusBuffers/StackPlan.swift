import ApusIR
import ApusMemory
import ApusSupport

/// Offsets for buffers whose sizes only a run knows, from a plan for usual sizes: each buffer lies on those that lie beneath it in
/// that plan while it lives, however large they are.
///
///     usual sizes: a at 0, b at 0 later, c at 512 beside both     →     c at max(bytes of a, bytes of b)
///
/// So buffers that live at once never overlap, and at usual sizes the plan takes no more than the one it was made from.
struct StackPlan {
  private(set) var offsets: [Dim] = []
  /// The bytes that hold all of them.
  let peak: Dim

  /// Nothing where offsets would become long expressions, or usual sizes do not fit in 64 bits. Where they would be long with all
  /// buffers, those that are small beside the largest lie in slots before the others.
  ///
  /// - Parameter first: the bytes that lie before all of them.
  init?(_ entries: [ArenaPlan.Entry], behind first: Int, _ symbols: SymbolTable) throws(DimOverflow) {
    var buffers: [Buffer] = []
    for entry in entries {
      let room = try ArenaPlan.room(for: entry.bytes, symbols)
      guard let usual = try? room.evaluate(symbols.usualSize) else { return nil }
      buffers.append(Buffer(lifetime: entry.lifetime, room: room, usual: max(usual, 0)))
    }
    let largest = buffers.map(\.usual).max() ?? 0
    for factor in [nil, 64, 16, 8] as [Int?] {
      let least = factor.map { largest / $0 } ?? 0
      let high = buffers.indices.filter { buffers[$0].usual >= least }
      guard let stack = try Stack(high.map { buffers[$0] }, symbols) else { continue }
      offsets = [Dim](repeating: 0, count: entries.count)
      var end = Dim.constant(first)
      let low = buffers.indices.filter { buffers[$0].usual < least }
      if let slots = try SlotPlan.smallest(for: low.map { entries[$0] }, symbols) {
        let placed = try slots.offsets(behind: end)
        for (index, offset) in zip(low, placed.offsets) { offsets[index] = offset }
        end = placed.end
      }
      for (index, offset) in zip(high, stack.offsets) { offsets[index] = try Dim.sum(end, offset) }
      peak = try Dim.sum(end, stack.height)
      return
    }
    return nil
  }
}

private struct Buffer {
  var lifetime: Range<Int>
  var room: Dim
  /// The bytes of the room at usual sizes.
  var usual: Int
}

/// Buffers on each other.
private struct Stack {
  private(set) var offsets: [Dim]
  private(set) var height: Dim = 0

  init?(_ buffers: [Buffer], _ symbols: SymbolTable) throws(DimOverflow) {
    offsets = [Dim](repeating: 0, count: buffers.count)
    let problem = try? Problem(
      buffers: buffers.map { .init(lower: $0.lifetime.lowerBound, upper: $0.lifetime.upperBound, size: $0.usual) },
      alignment: ArenaPlan.alignment)
    guard let problem else { return nil }
    let places = ApusMemory.plan(problem).offsets
    // Of two that live at once, the one that comes first here ends where the other begins or before.
    let order = buffers.indices.sorted { (places[$0], buffers[$0].usual, $0) < (places[$1], buffers[$1].usual, $1) }
    var tops = offsets.map { SampledSize($0, symbols) }
    var isCovered = [Bool](repeating: false, count: buffers.count)
    for (position, buffer) in order.enumerated() {
      let beneath = order[..<position].filter { buffers[$0].lifetime.overlaps(buffers[buffer].lifetime) }
      // What lies beneath something that itself lies beneath the buffer is no higher than that.
      let direct = beneath.enumerated().filter { index, low in
        !beneath[(index + 1)...].contains { buffers[$0].lifetime.overlaps(buffers[low].lifetime) }
      }.map(\.element)
      for low in direct { isCovered[low] = true }
      guard let offset = try highest(direct.map { tops[$0] }, symbols) else { return nil }
      offsets[buffer] = offset
      tops[buffer] = SampledSize(try Dim.sum(offset, buffers[buffer].room), symbols)
    }
    guard let height = try highest(order.filter { !isCovered[$0] }.map { tops[$0] }, symbols) else { return nil }
    self.height = height
  }
}

/// The largest of some ends, 0 where there are none; nothing where that is a long expression.
private func highest(_ ends: [SampledSize], _ symbols: SymbolTable) throws(DimOverflow) -> Dim? {
  var kept: [SampledSize] = []
  for end in ends where !kept.contains(where: { end.isAtMost($0, symbols) }) {
    kept.removeAll { $0.isAtMost(end, symbols) }
    kept.append(end)
  }
  let extent = kept.reduce(Extent()) { $0.joining($1.size.extent) }
  guard extent.factors <= Extent.most.factors, extent.levels < Extent.most.levels, var largest = kept.first?.size else {
    return kept.isEmpty ? 0 : nil
  }
  for end in kept.dropFirst() { largest = try Dim.maximum(largest, end.size) }
  return largest
}

/// How long and how deep an expression is.
private struct Extent {
  /// Symbols, quotients, maxima and minima.
  var factors = 0
  /// Quotients, maxima and minima within each other.
  var levels = 0

  /// For one offset. What offsets share is compiled once, but to compare expressions, and to evaluate them for a run of other
  /// sizes than the last, is work for each factor, and takes stack for each level.
  static let most = Extent(factors: 1 << 14, levels: 128)

  func joining(_ other: Extent) -> Extent { Extent(factors: factors + other.factors, levels: max(levels, other.levels)) }
}

extension Dim {
  fileprivate var extent: Extent {
    terms.reduce(Extent()) { sum, term in
      term.factors.reduce(sum) { sum, factor in
        switch factor {
        case .symbol: return sum.joining(Extent(factors: 1))
        case .floordiv(let a, let b), .mod(let a, let b), .min(let a, let b), .max(let a, let b):
          let inner = a.extent.joining(b.extent)
          return sum.joining(Extent(factors: inner.factors + 1, levels: inner.levels + 1))
        }
      }
    }
  }
}
