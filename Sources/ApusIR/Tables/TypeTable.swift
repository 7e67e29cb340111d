import ApusSupport

/// The types of one function, each once.
struct TypeTable: Sendable {
  private var rows = Table<TypeID, TensorType>()
  private var ids: [TensorType: TypeID] = [:]

  subscript(id: TypeID) -> TensorType { rows[id] }

  mutating func intern(_ type: TensorType) -> TypeID {
    if let id = ids[type] { return id }
    let id = rows.append(type)
    ids[type] = id
    return id
  }
}

/// Where an op came from.
public enum Location: Sendable, Hashable {
  case unknown
  case place(Place)
  /// An op that a pass made from several keeps all their locations.
  case merged([LocationID])
}

/// The source locations of one function. Rows for ranges of a text hold two numbers, so that a
/// function of many ops stays small.
struct LocationTable: Sendable {
  private struct Range32: BitwiseCopyable, Sendable {
    var source: UInt32
    var lower: UInt32
    var upper: UInt32
  }

  private enum Row: Sendable {
    case text(Range32)
    case other(Location)
  }

  private var rows = Table<LocationID, Row>()
  private var sources: [SourceText] = []

  subscript(id: LocationID) -> Location {
    if id.isNone { return .unknown }
    switch rows[id] {
    case .text(let range):
      return .place(.text(sources[Int(range.source)], Int(range.lower)..<Int(range.upper)))
    case .other(let location): return location
    }
  }

  mutating func append(_ location: Location) -> LocationID {
    switch location {
    case .unknown: return .none
    case .place(.text(let source, let range)):
      let index: Int
      if let last = sources.lastIndex(where: { $0 === source }) {
        index = last
      } else {
        index = sources.count
        sources.append(source)
      }
      let lower = UInt32(clamping: range.lowerBound)
      let upper = UInt32(clamping: range.upperBound)
      return rows.append(.text(Range32(source: UInt32(index), lower: lower, upper: upper)))
    case .place, .merged: return rows.append(.other(location))
    }
  }
}
