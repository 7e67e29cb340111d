import ApusSupport
import ApusTensor

/// What a loop carries, and what attempts at lowering it have taught: the types of literals, and the sizes
/// that change from round to round.
package struct CarriedValues {
  package let initial: [Meaning]
  /// What each is called, where it has a name.
  package var names: [String?]
  package var places: [Place?]
  private let firstGroup: Int
  /// The element type that a literal turned out to need.
  private(set) var elements: [ElementType?]
  /// Axes whose size changes.
  var growing: [Set<Int>]

  package init(_ initial: [Meaning], group: Int) {
    self.initial = initial
    firstGroup = group
    names = Array(repeating: nil, count: initial.count)
    places = Array(repeating: nil, count: initial.count)
    elements = Array(repeating: nil, count: initial.count)
    growing = Array(repeating: [], count: initial.count)
  }

  /// Settles the type of a carried literal; false if the group is none of them, or settled.
  package mutating func retype(_ group: Int, to element: ElementType) -> Bool {
    let index = group - firstGroup
    guard initial.indices.contains(index), elements[index] == nil else { return false }
    elements[index] = element
    return true
  }

  func group(_ index: Int) -> Int { firstGroup + index }
}

extension Emitter {
  // MARK: Ops with regions

  /// An `if` or `while` whose regions are empty and whose results are not known yet.
  package mutating func insertControl(_ code: OpCode, _ operands: [ValueID]) -> OpID {
    function.insert(code, operands, results: [], at: point, location: location())
  }

  /// Gives such an op its results.
  package mutating func finishControl(_ op: OpID, _ types: [TensorType]) throws(EmissionError) -> [ValueID] {
    for type in types { try check(type) }
    return function.addResults(types, to: op)
  }

  /// Removes an op that was not finished.
  package mutating func abandon(_ op: OpID, _ outer: InsertionPoint) {
    function.erase(op)
    point = outer
  }

  /// Removes the constants that the literals of a loop's initial values became, and what was made of them, where nothing
  /// reads them. What was a value before is the program's, even while nothing reads it.
  package mutating func discard(_ initial: [ValueID], of carried: CarriedValues) {
    var rest = zip(initial, carried.initial).compactMap { $1.value == nil ? $0 : nil }
    while let value = rest.popLast() {
      guard function.isUnused(value), let op = function.definingOp(of: value), !function.isErased(op),
        function.opcode(of: op) == .constant || function.opcode(of: op) == .broadcast
      else { continue }
      rest += function.operands(of: op)
      function.erase(op)
    }
  }

  /// Writes to the end of a region from now on.
  package mutating func enter(_ block: BlockID) {
    point = .end(of: block)
    guards.append([])
  }

  /// Writes where it did before `enter`.
  package mutating func leave(to outer: InsertionPoint) {
    point = outer
    guards.removeLast()
  }

  /// Ends a region.
  package mutating func terminate(
    _ region: Int, of op: OpID, _ code: OpCode, _ values: [ValueID]
  ) throws(EmissionError) {
    let outer = point
    enter(function.region(region, of: op))
    defer { leave(to: outer) }
    _ = try emit(code, values)
  }

  // MARK: if

  /// Makes both branches yield the same types and ends them: a literal takes the type of the other branch, and
  /// that sizes which may differ are equal is guarded in the second one. Reports `if.results`.
  package mutating func agree(
    _ first: [Meaning], _ second: [Meaning], _ op: OpID
  ) throws(EmissionError) -> [TensorType] {
    for meaning in first + second where meaning.isPoison { throw .silent }
    guard first.count == second.count else {
      throw failed("if.results", "one branch has \(first.count) results, the other \(second.count)")
    }
    try checkCount(first.count, of: "results")
    var yields: [[ValueID]] = [[], []]
    var types: [TensorType] = []
    let outer = point
    for (a, b) in zip(first, second) {
      let wanted = try branchType(a, b)
      for (region, meaning) in [a, b].enumerated() {
        enter(function.region(region, of: op))
        defer { leave(to: outer) }
        yields[region].append(try yielded(meaning, wanted))
      }
      types.append(type(of: yields[0][yields[0].count - 1]))
    }
    try terminate(0, of: op, .yield, yields[0])
    try terminate(1, of: op, .yield, yields[1])
    return types
  }

  private func branchType(_ a: Meaning, _ b: Meaning) throws(EmissionError) -> TensorType {
    guard let x = hint(a), let y = hint(b) else {
      throw failed("if.results", "\(hint(a) == nil ? a.kindName : b.kindName) is no tensor")
    }
    switch (a.value, b.value) {
    case (let first?, let second?):
      let (s, t) = (type(of: first), type(of: second))
      if s.element != t.element {
        if let group = flexible[first] { throw .retype(group: group, t.element) }
        if let group = flexible[second] { throw .retype(group: group, s.element) }
      }
      let differ = zip(s.dims, t.dims).contains { function.symbols.equal($0, $1) == .no }
      guard s.element == t.element, s.rank == t.rank, !differ else {
        throw failed("if.results", "one branch gives \(text(s)), the other \(text(t))")
      }
      return s
    case (let value?, nil), (nil, let value?): return type(of: value)
    case (nil, nil): return .scalar(x == .float || y == .float ? .f32 : x.alone)
    }
  }

  /// A branch's result as a value of the type both have.
  private mutating func yielded(_ meaning: Meaning, _ wanted: TensorType) throws(EmissionError) -> ValueID {
    let value = try value(of: meaning, as: wanted.element, at: place)
    let own = type(of: value)
    if meaning.value == nil, own.rank == 0 { return broadcast(value, to: wanted.dims) }
    guard own.rank == wanted.rank, own.element == wanted.element else {
      throw failed("if.results", "one branch gives \(text(wanted)), the other \(text(own))")
    }
    for (a, b) in zip(wanted.dims, own.dims) { try require(a, equals: b) }
    return reshape(value, to: wanted.dims)
  }

  // MARK: while

  /// Numbers for the literals that a loop carries (see `flexible`).
  package mutating func takeGroups(_ count: Int) -> Int {
    flexibleGroups += count
    return flexibleGroups - count
  }

  /// What a loop starts with.
  package mutating func initialValues(
    _ carried: CarriedValues, at place: Place
  ) throws(EmissionError) -> [ValueID] {
    try checkCount(carried.initial.count, of: "carried values")
    var values: [ValueID] = []
    for (index, meaning) in carried.initial.enumerated() {
      let element = carried.elements[index] ?? hint(meaning)?.alone ?? .s64
      values.append(try value(of: meaning, as: element, at: carried.places[index] ?? place))
    }
    return values
  }

  /// Gives a region of a loop its parameters. Both regions have one list of them, and so one symbol for a size that changes.
  package mutating func addCarriedParameters(_ region: Int, of op: OpID, _ carried: CarriedValues) -> [ValueID] {
    let block = function.region(region, of: op)
    var types: [TensorType]
    if region == 0 {
      types = carriedTypes(op, carried)
    } else {
      types = carried.growing.indices.map { type(of: function.operand($0, of: op)) }
      let first = function.parameters(of: function.region(0, of: op)).map { type(of: $0) }
      for (index, growing) in carried.growing.enumerated() {
        for axis in growing { types[index].dims[axis] = first[index].dims[axis] }
      }
    }
    return types.enumerated().map { index, type in
      let initial = function.operand(index, of: op)
      let value = function.addParameter(type, to: block, name: carried.names[index])
      origins[value] = carried.places[index]
      let isLiteral = carried.initial[index].value == nil && !carried.initial[index].holdsValues
      if carried.elements[index] == nil, isLiteral || flexible[initial] != nil {
        flexible[value] = flexible[initial] ?? carried.group(index)
      }
      return value
    }
  }

  /// The types of what a loop carries; each use gets symbols of its own for the sizes that change.
  package mutating func carriedTypes(_ op: OpID, _ carried: CarriedValues) -> [TensorType] {
    carried.growing.enumerated().map { index, growing in
      var type = type(of: function.operand(index, of: op))
      for axis in growing.sorted() {
        type.dims[axis] = .symbol(function.symbols.append(Symbol(name: "", origin: .value)))
      }
      return type
    }
  }

  /// What the body of a loop yields, or `nil` after noting sizes that change: then the loop has to be lowered
  /// anew. Reports `while.carried`.
  package mutating func carriedOn(
    _ results: [Meaning], _ op: OpID, _ carried: inout CarriedValues
  ) throws(EmissionError) -> [ValueID]? {
    for meaning in results where meaning.isPoison { throw .silent }
    guard results.count == carried.initial.count else {
      throw failed(
        "while.carried", "the loop carries \(carried.initial.count) values, its body gives \(results.count)")
    }
    let block = function.region(1, of: op)
    let parameters = function.parameters(of: block)
    var yields: [ValueID] = []
    let outer = point
    enter(block)
    defer { leave(to: outer) }
    var isStable = true
    for (index, meaning) in results.enumerated() {
      let old = type(of: parameters[index])
      yields.append(try next(meaning, parameters[index], carried.names[index]))
      let new = type(of: yields[index])
      for axis in 0..<old.rank where !carried.growing[index].contains(axis) {
        guard function.symbols.equal(old.dims[axis], new.dims[axis]) != .yes else { continue }
        carried.growing[index].insert(axis)
        isStable = false
      }
    }
    return isStable ? yields : nil
  }

  /// A result of the body as the next round's value, of the same element type and rank.
  private mutating func next(
    _ meaning: Meaning, _ parameter: ValueID, _ name: String?
  ) throws(EmissionError) -> ValueID {
    let old = type(of: parameter)
    var value = try value(of: meaning, as: old.element, at: place)
    if meaning.value == nil, type(of: value).rank == 0 { value = broadcast(value, to: old.dims) }
    let new = type(of: value)
    if new.element != old.element {
      if let group = flexible[parameter] { throw .retype(group: group, new.element) }
      if let group = flexible[value] { throw .retype(group: group, old.element) }
    }
    guard new.element == old.element, new.rank == old.rank else {
      let what = name.map { "'\($0)'" } ?? "what is carried"
      throw failed("while.carried", "\(what) is \(text(old)), but the body makes it \(text(new))")
    }
    return value
  }
}
