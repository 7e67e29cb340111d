import ApusIR
import ApusSupport
import ApusTensor

/// Draws small valid functions of phase `graph`, and inputs for them.
public struct RandomGraph: Sendable {
  private var random: SplitMix64
  public private(set) var function = Function(name: "main")
  private var pool: [ValueID] = []
  private let element: ElementType
  /// What the symbols stand for in the inputs.
  private var sizes: [SymbolID: Int] = [:]
  /// The largest size that a value may get.
  private let largestSize: Int

  /// - Parameters:
  ///   - count: ops to draw; fewer come out where draws do not fit.
  ///   - length: the size of the longest axes of the inputs.
  public init(seed: UInt64, ops count: Int, element: ElementType, length: Int = 3) {
    random = SplitMix64(seed: seed)
    self.element = element
    largestSize = max(8, 3 * length)
    let long = Dim.constant(length)
    let batch = function.symbols.append(Symbol(name: "B", bounds: DimBounds(lower: 1, upper: 8)))
    sizes[batch] = 1 + int(below: 4)
    let shapes: [[Dim]] = [
      [.symbol(batch), long], [long], [.symbol(batch), 1], [2, long], [long, 2], [.symbol(batch), 2, long], [],
    ]
    for index in 0..<(2 + int(below: 3)) {
      let type = TensorType(element, shapes[int(below: shapes.count)])
      pool.append(function.addParameter(type, name: "x\(index)"))
    }
    for _ in 0..<count { addOp() }
    var results: [ValueID] = []
    for value in pool.reversed() where function.isUnused(value) && results.count < 4 { results.append(value) }
    if results.isEmpty { results = [pool[pool.count - 1]] }
    function.resultTypes = results.map { function.type(of: $0) }
    function.insert(.return, results, results: [], at: .end(of: function.entry))
  }

  public mutating func inputs() -> [Tensor] {
    function.parameters.map { parameter in
      let type = function.type(of: parameter)
      let shape = type.dims.map { (try? $0.evaluate { sizes[$0] ?? 1 }) ?? 0 }
      guard var tensor = try? Tensor.zeros(type.element, shape: shape) else { preconditionFailure("small tensors fit") }
      for index in 0..<tensor.count { tensor.setScalar(scalar(type.element), at: index) }
      return tensor
    }
  }

  // MARK: Drawing

  private mutating func int(below bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  private mutating func scalar(_ type: ElementType) -> Scalar {
    if type == .bool { return .bool(int(below: 2) == 0) }
    if type.isInteger { return Scalar.signed(Int64(int(below: 13)) - 6).converted(to: type) }
    let special: [Double] = [0, -0.0, 1, -1, .infinity, -.infinity, .nan, 2, 0.5, -3]
    if int(below: 4) == 0 { return Scalar.float(special[int(below: special.count)]).converted(to: type) }
    return Scalar.float(Double(int(below: 2001) - 1000) / 256).converted(to: type)
  }

  private mutating func pick(where isIncluded: (TensorType) -> Bool = { _ in true }) -> ValueID? {
    let fitting = pool.filter { isIncluded(function.type(of: $0)) }
    guard !fitting.isEmpty else { return nil }
    // Recent values make deep graphs.
    let recent = min(fitting.count, 6)
    return int(below: 3) == 0 ? fitting[int(below: fitting.count)] : fitting[fitting.count - 1 - int(below: recent)]
  }

  private mutating func add(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], stated: TensorType? = nil
  ) {
    let known = function
    guard let value = try? function.emit(code, operands, attributes, stated: stated),
      function.type(of: value).dims.allSatisfy({ (try? $0.evaluate { sizes[$0] ?? 1 }).map { $0 <= largestSize } ?? false })
    else {
      function = known
      return
    }
    pool.append(value)
  }

  private mutating func addOp() {
    switch int(below: 22) {
    case 20: addChoice()
    case 21: addLoop()
    case 0...3: addUnary()
    case 4...7: addBinary()
    case 8, 9: addMovement()
    case 10: addBroadcast()
    case 11, 12: addReduction()
    case 13: addProduct()
    case 14: addConstant()
    case 15: addSelect()
    case 16: addConcat()
    case 17: addComposite()
    case 18: addReshape()
    case _: addSpecial()
    }
  }

  private var isElement: (TensorType) -> Bool { { [element] in $0.element == element } }

  private mutating func addUnary() {
    guard let x = pick(where: isElement) else { return }
    let codes: [OpCode] =
      element.isFloat
      ? [.neg, .abs, .exp, .tanh, .sqrt, .floor, .sign, .logistic, .neg] : [.neg, .abs, .sign, .not]
    add(codes[int(below: codes.count)], [x])
  }

  private mutating func addBinary() {
    guard let x = pick(where: isElement) else { return }
    let type = function.type(of: x)
    guard let y = pick(where: { $0 == type }) else { return }
    let codes: [OpCode] = [.add, .sub, .mul, .div, .max, .min, .add, .mul]
    add(codes[int(below: codes.count)], [x, y])
  }

  private mutating func addMovement() {
    guard let x = pick() else { return }
    let dims = function.type(of: x).dims
    switch int(below: 4) {
    case 0 where dims.count > 1:
      var permutation = Array(dims.indices)
      permutation.swapAt(0, 1 + int(below: dims.count - 1))
      add(.transpose, [x], [NamedAttribute("perm", .ints(permutation))])
    case 1 where !dims.isEmpty:
      let axis = int(below: dims.count)
      guard let size = dims[axis].constantValue, size > 0 else { return }
      var (starts, limits) = ([Dim](repeating: 0, count: dims.count), dims)
      starts[axis] = .constant(int(below: size + 1))
      limits[axis] = .constant(size)
      var attributes = [NamedAttribute("starts", .dims(starts)), NamedAttribute("limits", .dims(limits))]
      if int(below: 2) == 0 {
        attributes.append(NamedAttribute("strides", .ints(dims.indices.map { $0 == axis ? 2 : 1 })))
      }
      add(.slice, [x], attributes)
    case 2 where !dims.isEmpty:
      let element = function.type(of: x).element
      guard let filler = pick(where: { $0.rank == 0 && $0.element == element }) else { return }
      let low = dims.indices.map { _ in Dim.constant(int(below: 2)) }
      let high = dims.indices.map { _ in Dim.constant(int(below: 2)) }
      add(.pad, [x, filler], [NamedAttribute("low", .dims(low)), NamedAttribute("high", .dims(high))])
    case 3 where !dims.isEmpty:
      add(.reverse, [x], [NamedAttribute("axes", .ints([int(below: dims.count)]))])
    case _: break
    }
  }

  private mutating func addBroadcast() {
    guard let x = pick(where: { $0.rank < 3 }) else { return }
    let type = function.type(of: x)
    var dims = type.dims.map { $0 == 1 ? Dim.constant(2) : $0 }
    var axes = Array(dims.indices)
    if int(below: 2) == 0 {
      let place = int(below: dims.count + 1)
      dims.insert(3, at: place)
      axes = axes.map { $0 < place ? $0 : $0 + 1 }
    }
    add(.broadcast, [x], [NamedAttribute("axes", .ints(axes))], stated: type.with(dims: dims))
  }

  private mutating func addReduction() {
    guard let x = pick(where: { [element] in $0.element == element && $0.rank > 0 }) else { return }
    let rank = function.type(of: x).rank
    let axis = int(below: rank)
    let codes: [OpCode] = [.reduceSum, .reduceMax, .reduceMin, .reduceSum]
    let axes = int(below: 4) == 0 ? Array(0..<rank) : [axis]
    add(
      codes[int(below: codes.count)], [x],
      [NamedAttribute("axes", .ints(axes)), NamedAttribute("keep_dims", .bool(int(below: 2) == 0))])
  }

  private mutating func addProduct() {
    guard let x = pick(where: { [element] in $0.element == element && $0.rank == 2 }) else { return }
    let inner = function.type(of: x).dims[1]
    guard let y = pick(where: { [element] in $0.element == element && $0.rank == 2 && $0.dims[0] == inner }) else {
      return
    }
    add(.matmul, [x, y])
  }

  private mutating func addConstant() {
    guard let like = pick() else { return }
    let type = function.type(of: like)
    add(.constant, [], [NamedAttribute("value", .scalar(scalar(type.element)))], stated: type)
  }

  private mutating func addSelect() {
    guard let x = pick(where: isElement) else { return }
    let type = function.type(of: x)
    guard let y = pick(where: { $0 == type }) else { return }
    add(.less, [x, y])
    guard let flag = pool.last, function.type(of: flag).element == .bool, function.type(of: flag).dims == type.dims
    else { return }
    add(.select, [flag, y, x])
  }

  private mutating func addConcat() {
    guard let x = pick(where: { $0.rank > 0 }) else { return }
    let type = function.type(of: x)
    guard let y = pick(where: { $0 == type }) else { return }
    add(.concat, [x, y], [NamedAttribute("axis", .int(int(below: type.rank)))])
  }

  private mutating func addComposite() {
    guard element.isFloat, let x = pick(where: { [element] in $0.element == element && $0.rank > 0 }) else { return }
    switch int(below: 5) {
    case 0: add(.softmax, [x])
    case 1: add(.layerNorm, [x])
    case 2: add(.logSoftmax, [x])
    case 3: add(.gelu, [x])
    case _: add(.silu, [x])
    }
  }

  private mutating func addReshape() {
    guard let x = pick(where: { $0.rank > 0 }) else { return }
    let type = function.type(of: x)
    guard let count = try? type.elementCount() else { return }
    var dims = type.dims
    switch int(below: 3) {
    case 0: dims.insert(1, at: int(below: dims.count + 1))
    case 1: dims = [count]
    case _: dims = dims.filter { $0 != 1 }
    }
    add(.reshape, [x], stated: type.with(dims: dims))
  }

  /// An `if` whose branches compute something with values around them, and sometimes nothing.
  private mutating func addChoice() {
    guard let x = pick(where: isElement) else { return }
    let type = function.type(of: x)
    guard let y = pick(where: { $0 == type }) else { return }
    let condition: ValueID
    if let known = pick(where: { $0.element == .bool && $0.rank == 0 }) {
      condition = known
    } else {
      let value = NamedAttribute("value", .scalar(.bool(int(below: 2) == 0)))
      guard let made = try? function.emit(.constant, [], [value], stated: .scalar(.bool)) else { return }
      condition = made
    }
    let end = InsertionPoint.end(of: function.entry)
    let op = function.insert(.if, [condition], results: [type, type], at: end)
    for block in function.regions(of: op) {
      var values = [x, y]
      for _ in 0..<int(below: 4) { grow(&values, in: block) }
      let yielded = [values[values.count - 1], values[int(below: values.count)]]
      function.insert(.yield, yielded, results: [], at: .end(of: block))
    }
    pool += function.results(of: op)
  }

  /// A loop of a few turns that carries a counter and two tensors.
  private mutating func addLoop() {
    guard let x = pick(where: isElement) else { return }
    let type = function.type(of: x)
    guard let y = pick(where: { $0 == type }) else { return }
    let turns = int(below: 4)
    func number(_ value: Int) -> NamedAttribute { NamedAttribute("value", .scalar(.signed(Int64(value)))) }
    guard let zero = try? function.emit(.constant, [], [number(0)], stated: .scalar(.s64)),
      let one = try? function.emit(.constant, [], [number(1)], stated: .scalar(.s64)),
      let limit = try? function.emit(.constant, [], [number(turns)], stated: .scalar(.s64))
    else { return }
    let end = InsertionPoint.end(of: function.entry)
    let types = [TensorType.scalar(.s64), type, type]
    let op = function.insert(.while, [zero, x, y], results: types, at: end)
    let (test, body) = (function.region(0, of: op), function.region(1, of: op))
    let tested = types.map { function.addParameter($0, to: test) }
    let carried = types.map { function.addParameter($0, to: body) }
    guard let goes = try? function.emit(.less, [tested[0], limit], in: test),
      let next = try? function.emit(.add, [carried[0], one], in: body)
    else { preconditionFailure("counters can be counted") }
    function.insert(.continue, [goes], results: [], at: .end(of: test))
    var values = Array(carried[1...])
    for _ in 0..<int(below: 4) { grow(&values, in: body) }
    let yielded = [next, values[values.count - 1], values[int(below: values.count)]]
    function.insert(.yield, yielded, results: [], at: .end(of: body))
    pool += function.results(of: op).suffix(2)
  }

  /// Adds an op of two of the values, all of one type, to a block.
  private mutating func grow(_ values: inout [ValueID], in block: BlockID) {
    let (x, y) = (values[int(below: values.count)], values[int(below: values.count)])
    let codes: [OpCode] = [.add, .mul, .sub, .max, .neg, .abs]
    let code = codes[int(below: codes.count)]
    let operands = code == .neg || code == .abs ? [x] : [x, y]
    if let value = try? function.emit(code, operands, in: block) { values.append(value) }
  }

  private mutating func addSpecial() {
    guard let x = pick(where: { [element] in $0.element == element && $0.rank > 0 }) else { return }
    let type = function.type(of: x)
    switch int(below: 5) {
    case 0: add(.scan, [x], [NamedAttribute("axis", .int(int(below: type.rank)))])
    case 1: add(.iota, [], [NamedAttribute("axis", .int(int(below: type.rank)))], stated: type)
    case 2:
      add(
        .constant, [], [NamedAttribute("value", .tensor(ConstantTensor(Tensor([Int64(0), 1, 0]))))],
        stated: TensorType(.s64, [3]))
      guard let indices = pool.last, function.type(of: indices).element == .s64, (type.dims[0].constantValue ?? 0) > 1
      else { return }
      add(.gather, [x, indices], [NamedAttribute("axis", .int(0))])
    case 3: add(.argMax, [x], [NamedAttribute("axis", .int(type.rank - 1))])
    case _: add(.convert, [x], stated: type.with(element: element == .f32 ? .f64 : .f32))
    }
  }
}
