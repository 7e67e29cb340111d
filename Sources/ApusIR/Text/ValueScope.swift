import ApusSupport

/// Which value each name means while a function is read. A region sees the names around it unless it
/// is isolated, and a name that is visible cannot be defined again.
struct ValueScope {
  struct Entry {
    /// None where the definition was wrong, so that its uses are not reported too.
    var value: ValueID
    var range: Range<Int>
  }

  /// A use of a name that was not visible there.
  struct Missing {
    var key: String
    var range: Range<Int>
    /// The isolated op that hides it, if one does.
    var hidden: OpCode?
    var definition: Range<Int>?
  }

  private var visible: [String: Entry] = [:]
  /// Names defined in each open region, innermost last.
  private var regions: [[String]] = [[]]
  /// What the isolated regions that are open cannot see.
  private var hidden: [(names: [String: Entry], by: OpCode)] = []
  private(set) var missing: [Missing] = []

  func find(_ key: String) -> Entry? { visible[key] }

  /// The definition that is in the way, or nil when the name is new.
  mutating func define(_ key: String, _ value: ValueID, at range: Range<Int>) -> Entry? {
    if let old = visible[key] { return old }
    visible[key] = Entry(value: value, range: range)
    regions[regions.count - 1].append(key)
    return nil
  }

  mutating func addMissing(_ key: String, at range: Range<Int>) {
    let hider = hidden.last { $0.names[key] != nil }
    missing.append(Missing(key: key, range: range, hidden: hider?.by, definition: hider?.names[key]?.range))
  }

  mutating func open(isolatedBy code: OpCode?) {
    if let code {
      hidden.append((visible, code))
      visible = [:]
    }
    regions.append([])
  }

  mutating func close(isIsolated: Bool) {
    let names = regions.removeLast()
    if isIsolated {
      visible = hidden.removeLast().names
    } else {
      for name in names { visible[name] = nil }
    }
  }
}
