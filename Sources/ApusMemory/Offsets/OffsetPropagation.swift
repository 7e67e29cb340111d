/// What follows from a decision, and how it is taken back.
extension OffsetSearch {
  /// Whether a buffer belongs to the part that is searched and is not placed.
  @inline(__always) func isOpen(_ buffer: Int32) -> Bool {
    let position = positions[buffer]
    return position >= part.lowerBound && position < part.upperBound
  }

  /// Takes a placed buffer out of its sections. Whether two neighboring ones have nothing more in common.
  func take(_ buffer: Int32) -> Bool {
    beginRound()
    trail.append(.placed(buffer))
    let size = sizes[buffer]
    for section in first[buffer]...last[buffer] {
      totals[section] &-= size
      if floors[section] == levels[buffer] { markSection(section) }
    }
    var fallsApart = false
    for section in first[buffer]..<last[buffer] {
      spans[section] &-= 1
      if spans[section] == 0 { fallsApart = true }
    }
    return fallsApart
  }

  /// Lifts the neighbors onto a placed buffer. Whether it lifted none; nothing when one does not fit any more.
  func settle(on buffer: Int32) -> Bool? {
    let top = offsets[buffer] + sizes[buffer]
    var liftsNone = true
    for place in neighborStarts[buffer]..<neighborStarts[buffer + 1] {
      let neighbor = neighbors[place]
      guard isOpen(neighbor) else { continue }
      if support[neighbor] < top {
        trail.append(.support(neighbor, old: support[neighbor]))
        support[neighbor] = top
      }
      if levels[neighbor] < top {
        liftsNone = false
        guard raise(neighbor, to: top) else { return nil }
      } else if levels[neighbor] > support[neighbor] {
        // It may have leaned on the buffer that is now placed.
        enqueue(neighbor)
      }
    }
    return liftsNone
  }

  /// Takes it that a buffer lies on a neighbor that is not placed yet, and so do those that are like it: had one of them its
  /// place, they could change places. Whether that is not refuted.
  func lift(_ buffer: Int32) -> Bool {
    beginRound()
    var lowestTop = Int32.max
    for place in neighborStarts[buffer]..<neighborStarts[buffer + 1] {
      let neighbor = neighbors[place]
      if isOpen(neighbor), !isTwin(neighbor, of: buffer) {
        lowestTop = min(lowestTop, levels[neighbor] + sizes[neighbor])
      }
    }
    guard lowestTop != .max else { return fail(at: first[buffer]) }
    var twin = buffer
    repeat {
      if isOpen(twin), levels[twin] < lowestTop {
        guard raise(twin, to: lowestTop) else { return false }
        enqueue(twin)
      }
      twin = twins[twin]
    } while twin != buffer
    return propagate()
  }

  /// Draws all conclusions. Whether nothing is refuted.
  func propagate() -> Bool {
    while queueStart != queueEnd {
      let buffer = queue[queueStart]
      queueStart = queueStart + 1 == queue.count ? 0 : queueStart + 1
      isQueued[buffer] = false
      if levels[buffer] > support[buffer], !lean(buffer) { return false }
    }
    for place in 0..<changedCount where !measure(changedSections[place]) { return false }
    return true
  }

  /// Takes back all changes after the first `mark`.
  func undo(to mark: Int) {
    while trail.count > mark {
      switch trail.removeLast() {
      case .level(let buffer, let old): levels[buffer] = old
      case .support(let buffer, let old): support[buffer] = old
      case .floor(let section, let old): floors[section] = old
      case .leaner:
        leanerCount -= 1
        isLeaner[leaners[leanerCount]] = false
      case .placed(let buffer):
        let size = sizes[buffer]
        for section in first[buffer]...last[buffer] { totals[section] &+= size }
        for section in first[buffer]..<last[buffer] { spans[section] &+= 1 }
      }
    }
  }
}

extension OffsetSearch {
  @inline(__always) private func isTwin(_ a: Int32, of b: Int32) -> Bool {
    first[a] == first[b] && last[a] == last[b] && sizes[a] == sizes[b]
  }

  private func beginRound() {
    stamp &+= 1
    changedCount = 0
  }

  @inline(__always) private func markSection(_ section: Int32) {
    guard stamps[section] != stamp else { return }
    stamps[section] = stamp
    changedSections[changedCount] = section
    changedCount += 1
  }

  @inline(__always) private func enqueue(_ buffer: Int32) {
    guard !isQueued[buffer] else { return }
    isQueued[buffer] = true
    queue[queueEnd] = buffer
    queueEnd = queueEnd + 1 == queue.count ? 0 : queueEnd + 1
  }

  /// Remembers where an attempt failed, and forgets what was still to be concluded.
  private func fail(at section: Int32) -> Bool {
    failure = section
    while queueStart != queueEnd {
      isQueued[queue[queueStart]] = false
      queueStart = queueStart + 1 == queue.count ? 0 : queueStart + 1
    }
    return false
  }

  /// Raises the least offset of a buffer. Whether it still fits.
  private func raise(_ buffer: Int32, to level: Int32) -> Bool {
    let old = levels[buffer]
    trail.append(.level(buffer, old: old))
    levels[buffer] = level
    guard level + sizes[buffer] <= capacity else { return fail(at: (first[buffer] + last[buffer]) / 2) }
    for section in first[buffer]...last[buffer] where floors[section] >= old { markSection(section) }
    if level > support[buffer], !isLeaner[buffer] {
      isLeaner[buffer] = true
      leaners[leanerCount] = buffer
      leanerCount += 1
      trail.append(.leaner)
    }
    let oldTop = old + sizes[buffer]
    let (start, end) = (first[buffer], last[buffer])
    for place in 0..<leanerCount {
      let other = leaners[place]
      guard first[other] <= end, last[other] >= start, levels[other] > support[other], isOpen(other) else { continue }
      // It leaned on the buffer, or could drop until now only beneath others.
      let drop = support[other] + sizes[other]
      if oldTop <= levels[other] || (old < drop && level >= drop) { enqueue(other) }
    }
    return true
  }

  /// Draws conclusions for a buffer that lies on a neighbor which is not placed. Whether none refutes it.
  private func lean(_ buffer: Int32) -> Bool {
    var lowestTop = Int32.max
    var lowest = Int32.max
    for place in neighborStarts[buffer]..<neighborStarts[buffer + 1] {
      let neighbor = neighbors[place]
      guard isOpen(neighbor) else { continue }
      lowest = min(lowest, levels[neighbor])
      lowestTop = min(lowestTop, levels[neighbor] + sizes[neighbor])
    }
    if lowest >= support[buffer] + sizes[buffer] { return fail(at: (first[buffer] + last[buffer]) / 2) }
    return lowestTop > levels[buffer] ? raise(buffer, to: lowestTop) : true
  }

  /// Whether what is not placed in a section fits above its lowest level.
  private func measure(_ section: Int32) -> Bool {
    guard totals[section] > 0 else { return true }
    var floor = Int32.max
    for place in memberStarts[section]..<memberStarts[section + 1] where isOpen(members[place]) {
      floor = min(floor, levels[members[place]])
    }
    if floor != floors[section] {
      trail.append(.floor(section, old: floors[section]))
      floors[section] = floor
    }
    return floor + totals[section] <= capacity || fail(at: section)
  }
}
