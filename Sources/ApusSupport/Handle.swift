/// A 32-bit name for a row of a `Table`. Ids of different tables are different types.
public protocol Handle: Hashable, Comparable, BitwiseCopyable, Sendable {
  var raw: UInt32 { get }
  init(raw: UInt32)
}

extension Handle {
  @inlinable public var index: Int { Int(raw) }
  @inlinable public init(_ index: Int) { self.init(raw: UInt32(truncatingIfNeeded: index)) }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }

  /// The id that names no row. A stored field uses it in place of an `Optional`, which would widen the row.
  @inlinable public static var none: Self { Self(raw: .max) }
  @inlinable public var isNone: Bool { raw == .max }
}

/// Rows named by a typed id. Rows are only appended; erasing is a mark in the row.
public struct Table<Key: Handle, Row> {
  public var rows: [Row]

  @inlinable public init() { rows = [] }
  @inlinable public var count: Int { rows.count }

  @inlinable public subscript(key: Key) -> Row {
    _read { yield rows[key.index] }
    _modify { yield &rows[key.index] }
  }

  /// Appends a row and returns its id. At most 2³² − 1 rows fit.
  @inlinable public mutating func append(_ row: Row) -> Key {
    precondition(rows.count < Int(UInt32.max), "a table holds at most 2^32 - 1 rows")
    rows.append(row)
    return Key(rows.count - 1)
  }

  @inlinable public var keys: LazyMapSequence<Range<Int>, Key> { (0..<rows.count).lazy.map { Key($0) } }
}

extension Table: Sendable where Row: Sendable {}
extension Table: Equatable where Row: Equatable {}
