/// Copies ops of one function into another. Types, attributes and locations are carried over, and
/// each symbol becomes an expression over the symbols of the receiving function.
public struct FunctionImport {
  private let source: Function
  private var symbols: [Dim?]
  private var values: [ValueID?]
  private var locations: [LocationID: LocationID] = [:]

  /// - Parameter symbols: what symbols of `source` stand for. One that is missing gets a symbol of its own where
  ///   it is first met, which is right for those that data define.
  public init(from source: Function, symbols: [SymbolID: Dim] = [:]) {
    self.source = source
    self.symbols = Array(repeating: nil, count: source.symbols.count)
    values = Array(repeating: nil, count: source.valueCapacity)
    for (id, dim) in symbols { self.symbols[id.index] = dim }
  }

  /// Says what a value of the source is in the receiving function.
  public mutating func bind(_ value: ValueID, to imported: ValueID) { values[value.index] = imported }

  /// What a value of the source that was bound or copied is in the receiving function.
  public func imported(_ value: ValueID) -> ValueID {
    guard let found = values[value.index] else { preconditionFailure("a value is read before it is imported") }
    return found
  }

  /// Copies the ops of a block with all their regions, its terminator not included, to `point`.
  /// - Returns: What the terminator reads.
  ///
  /// The ops may read values that are bound, or that stand before them in the block.
  public mutating func copy(
    _ block: BlockID, into target: inout Function, at point: InsertionPoint
  ) throws(DimOverflow) -> [ValueID] {
    var inner: [(from: BlockID, to: BlockID)] = []
    var yielded: [ValueID] = []
    var end: OpID?
    for op in source.ops(in: block) {
      if source.opcode(of: op).isTerminator {
        yielded = source.operands(of: op).map { imported($0) }
        end = op
      } else {
        inner += try copy(op, into: &target, at: point)
      }
    }
    precondition(end != nil, "importing a block without a terminator")
    while let (from, to) = inner.popLast() {
      for parameter in source.parameters(of: from) {
        let type = try self.type(source.type(of: parameter), in: &target)
        let copy = target.addParameter(type, to: to, name: source.name(of: parameter))
        if let written = source.parameterLocations[parameter] {
          target.setLocation(location(written, in: &target), of: copy)
        }
        bind(parameter, to: copy)
      }
      for op in source.ops(in: from) { inner += try copy(op, into: &target, at: .end(of: to)) }
    }
    return yielded
  }

  /// A dimension of the source over the symbols of the receiving function.
  public mutating func dim(_ dim: Dim, in target: inout Function) throws(DimOverflow) -> Dim {
    dim.forEachSymbol { id in if symbols[id.index] == nil { symbols[id.index] = fresh(id, in: &target) } }
    let known = symbols
    return try dim.substituting { known[$0.index] ?? .symbol($0) }
  }
}

extension FunctionImport {
  private mutating func copy(
    _ op: OpID, into target: inout Function, at point: InsertionPoint
  ) throws(DimOverflow) -> [(from: BlockID, to: BlockID)] {
    var types: [TensorType] = []
    for result in source.results(of: op) { types.append(try type(source.type(of: result), in: &target)) }
    var attributes = source.attributes(of: op)
    for index in attributes.indices {
      guard case .dims(let dims) = attributes[index].value else { continue }
      var mapped: [Dim] = []
      for dim in dims { mapped.append(try self.dim(dim, in: &target)) }
      attributes[index].value = .dims(mapped)
    }
    let copy = target.insert(
      source.opcode(of: op), source.operands(of: op).map { imported($0) }, attributes: attributes, results: types,
      regions: source.regionCount(of: op), at: point, location: location(source.locationID(of: op), in: &target))
    for (old, new) in zip(source.results(of: op), target.results(of: copy)) {
      bind(old, to: new)
      if let name = source.name(of: old) { target.setName(name, of: new) }
    }
    return zip(source.regions(of: op), target.regions(of: copy)).map { ($0, $1) }
  }

  private mutating func type(_ type: TensorType, in target: inout Function) throws(DimOverflow) -> TensorType {
    if type.constantShape != nil { return type }
    var dims: [Dim] = []
    for dim in type.dims { dims.append(try self.dim(dim, in: &target)) }
    return type.with(dims: dims)
  }

  private func fresh(_ id: SymbolID, in target: inout Function) -> Dim {
    var symbol = source.symbols[id]
    symbol.origin = .value
    if !symbol.name.isEmpty, target.symbols.find(symbol.name) != nil {
      var number = target.symbols.count
      while target.symbols.find("\(symbol.name)_\(number)") != nil { number += 1 }
      symbol.name = "\(symbol.name)_\(number)"
    }
    return .symbol(target.symbols.append(symbol))
  }

  private mutating func location(_ id: LocationID, in target: inout Function) -> LocationID {
    if id.isNone { return .none }
    if let known = locations[id] { return known }
    let imported = target.importLocation(id, of: source)
    locations[id] = imported
    return imported
  }
}
