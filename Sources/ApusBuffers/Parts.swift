import ApusIR
import ApusSupport

/// Which values lie in the memory of others: operands of a concat are made in their place in its result, and a slice is a view of
/// what it is cut from.
///
/// Both are runs of neighbouring elements: all axes before the one that is concatenated or cut have size 1.
public struct Parts: Sendable, Hashable {
  /// An operand of a concat.
  struct Piece: Hashable {
    /// The kernel that yields the concat.
    var kernel: OpID
    /// Which of the concat's operands.
    var operand: Int
    /// The element of the result with which it begins.
    var offset: Dim
  }

  /// By the value that is made in its place.
  fileprivate(set) var pieces: [ValueID: Piece] = [:]
  /// The element with which a slice begins, by the kernel that computes it.
  fileprivate(set) var slices: [OpID: Dim] = [:]

  /// No value lies in the memory of another.
  public init() {}

  var isEmpty: Bool { pieces.isEmpty && slices.isEmpty }

  mutating func formUnion(_ other: Parts) {
    pieces.merge(other.pieces) { mine, _ in mine }
    slices.merge(other.slices) { mine, _ in mine }
  }

  /// The operands of a kernel's concat that are made in their place.
  func values(inPlaceOf kernel: OpID) -> [ValueID] {
    pieces.filter { $0.value.kernel == kernel }.map(\.key).sorted { $0.raw < $1.raw }
  }

  /// Which operands of a kernel's concat are in their place when it runs.
  func operandsInPlace(of kernel: OpID) -> Set<Int> {
    Set(pieces.values.lazy.filter { $0.kernel == kernel }.map(\.operand))
  }
}

/// What could be made or read within the memory of something else.
struct PartCandidates {
  /// Slices of inputs and constants, which take no memory and keep none from being used again.
  private(set) var free = Parts()
  /// What may make other values stay longer than they would; each for itself, those of most bytes first.
  private(set) var others: [Parts] = []

  /// Of those that do not help all together, so many are tried one by one.
  static let mostAttempts = 16

  init(_ host: Function) {
    var found: [(part: Parts, bytes: Int)] = []
    var taken: Set<ValueID> = []
    let returned = Set(host.terminator(of: host.entry).map { host.operands(of: $0) } ?? [])
    for kernel in host.allOps() where host.opcode(of: kernel) == .kernel && host.resultCount(of: kernel) == 1 {
      let result = host.result(of: kernel)
      guard !host.symbols.areDefinedByData(host.type(of: result).dims), host.type(of: result).layout == nil else { continue }
      let bytes = host.usualBytes(of: result)
      if let (operand, offset) = host.sliceInPlace(kernel), !returned.contains(result) {
        var part = Parts()
        part.slices[kernel] = offset
        if host.isReadOnly(operand) { free.formUnion(part) } else { found.append((part, bytes)) }
        continue
      }
      var part = Parts()
      for (operand, value, offset) in host.piecesInPlace(kernel) where !taken.contains(value) && !returned.contains(value) {
        guard let maker = host.definingOp(of: value), host.opcode(of: maker) == .kernel,
          host.block(of: maker) == host.block(of: kernel), !host.symbols.areDefinedByData(host.type(of: value).dims)
        else { continue }
        taken.insert(value)
        part.pieces[value] = Parts.Piece(kernel: kernel, operand: operand, offset: offset)
      }
      if !part.isEmpty { found.append((part, bytes)) }
    }
    others = found.enumerated().sorted { (-$0.element.bytes, $0.offset) < (-$1.element.bytes, $1.offset) }.map(\.element.part)
  }
}

extension PartCandidates {
  /// As if all of them were taken.
  var all: Parts { others.reduce(into: free) { $0.formUnion($1) } }
}

extension Bufferization {
  /// Where a value has to be computed: in the caller's memory, or in its place in a concat.
  mutating func place(of value: ValueID) -> ValueID? {
    if let known = destinations[value] { return known }
    guard let piece = parts.pieces[value] else { return nil }
    let whole = room(for: host.result(of: piece.kernel))
    return emit(.view, [whole], bufferType(of: value), attributes: [NamedAttribute("offset", .dims([piece.offset]))])
  }

  /// The memory of a concat, which is there when the first of its operands is made.
  private mutating func room(for concat: ValueID) -> ValueID {
    if let known = destinations[concat] {
      if !(inhabitants[root(of: known)] ?? []).contains(concat) { inhabit(known, concat) }
      return known
    }
    let room = place(of: concat) ?? allocate(concat)
    destinations[concat] = room
    inhabit(room, concat)
    return room
  }

  /// Gives a kernel's result memory that holds it already, if it is all there: a slice, and a concat whose operands are in their
  /// place.
  mutating func bindPart(_ kernel: OpID) -> Bool {
    let value = host.result(of: kernel)
    if let offset = parts.slices[kernel], destinations[value] == nil, parts.pieces[value] == nil,
      let source = host.sliceInPlace(kernel)?.operand
    {
      let attributes = [NamedAttribute("offset", .dims([offset]))]
      bind(value, to: emit(.view, [buffer(source)], bufferType(of: value), attributes: attributes))
      return true
    }
    let inPlace = parts.operandsInPlace(of: kernel)
    guard !inPlace.isEmpty, inPlace.count == host.concatOperandCount(kernel) else { return false }
    bind(value, to: room(for: value))
    return true
  }
}

extension Function {
  /// How many operands the concat has that a kernel yields.
  fileprivate func concatOperandCount(_ kernel: OpID) -> Int? {
    concat(of: kernel).map { operandCount(of: $0) }
  }

  /// The operand that a kernel does nothing but cut a run of elements out of, and the first element of the run.
  fileprivate func sliceInPlace(_ kernel: OpID) -> (operand: ValueID, offset: Dim)? {
    guard var value = yielded(by: kernel) else { return nil }
    var offset = Dim.constant(0)
    var isSliced = false
    while let op = definingOp(of: value) {
      switch opcode(of: op) {
      case .reshape: break
      case .slice:
        guard let start = runStart(of: op), let sum = try? Dim.sum(offset, start) else { return nil }
        (offset, isSliced) = (sum, true)
      case _: return nil
      }
      value = operand(0, of: op)
    }
    guard isSliced, let slot = parameters(of: region(0, of: kernel)).firstIndex(of: value) else { return nil }
    let source = operands(of: kernel)[slot]
    return type(of: source).layout == nil ? (source, offset) : nil
  }

  /// The number of the element with which a slice begins, where what it takes lies in a row.
  private func runStart(of slice: OpID) -> Dim? {
    let source = type(of: operand(0, of: slice)).dims
    let sizes = type(of: result(of: slice)).dims
    guard let starts = dims("starts", of: slice), let strides = ints("strides", of: slice) else { return nil }
    let axis = sizes.firstIndex { $0 != 1 } ?? sizes.count
    for inner in sizes.indices where inner >= axis {
      if !strides.isEmpty, strides[inner] != 1 { return nil }
      if inner > axis, symbols.equal(sizes[inner], source[inner]) != .yes { return nil }
    }
    // Row by row: the axes behind one that is whole begin at 0.
    return try? zip(starts, source).reduce(Dim.constant(0)) { sum, axis in
      try Dim.sum(Dim.product(sum, axis.1), axis.0)
    }
  }

  /// The operands of a kernel that are operands of the concat it yields, which of them, and the element of the result with which
  /// each begins.
  fileprivate func piecesInPlace(_ kernel: OpID) -> [(operand: Int, value: ValueID, offset: Dim)] {
    guard let concat = concat(of: kernel), let axis = int("axis", of: concat), type(of: result(of: concat)).dims[..<axis].allSatisfy({ $0 == 1 })
    else { return [] }
    let parameters = parameters(of: region(0, of: kernel))
    var offset = Dim.constant(0)
    var pieces: [(operand: Int, value: ValueID, offset: Dim)] = []
    for (index, piece) in operands(of: concat).enumerated() {
      if let slot = parameters.firstIndex(of: behindReshapes(piece)) {
        let value = behindReshapes(operands(of: kernel)[slot])
        if type(of: value).layout == nil { pieces.append((index, value, offset)) }
      }
      guard let count = try? type(of: piece).elementCount(), let end = try? Dim.sum(offset, count) else { return pieces }
      offset = end
    }
    return pieces
  }

  private func yielded(by kernel: OpID) -> ValueID? {
    let values = terminator(of: region(0, of: kernel)).map { operands(of: $0) } ?? []
    return values.count == 1 ? values[0] : nil
  }

  private func behindReshapes(_ value: ValueID) -> ValueID {
    var value = value
    while let op = definingOp(of: value), opcode(of: op) == .reshape { value = operand(0, of: op) }
    return value
  }

  /// The concat that a kernel yields, under whatever shape.
  fileprivate func concat(of kernel: OpID) -> OpID? {
    guard let op = yielded(by: kernel).flatMap({ definingOp(of: behindReshapes($0)) }), opcode(of: op) == .concat else {
      return nil
    }
    return op
  }

  /// Whether a value lies in memory that nothing is ever written to: an input's or a constant's.
  fileprivate func isReadOnly(_ value: ValueID) -> Bool {
    let origin = behindReshapes(value)
    if let op = definingOp(of: origin) { return opcode(of: op) == .constant }
    return parameterOrigin(of: origin)?.block == entry
  }

  fileprivate func usualBytes(of value: ValueID) -> Int {
    (try? type(of: value).byteCount().evaluate(symbols.usualSize)) ?? 0
  }
}
