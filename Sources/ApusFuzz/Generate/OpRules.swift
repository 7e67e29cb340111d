import ApusIR
import ApusSupport
import ApusTensor

/// Ops whose operands or attributes depend on each other in ways that a signature does not say.
extension GraphDrawing {
  typealias Rule = @Sendable (inout GraphDrawing, OpChoice) throws -> OpDraft

  static let rules: [OpCode: Rule] = movementRules.merging(indexingRules) { $1 }.merging(foldRules) { $1 }
    .merging(contractionRules) { $1 }.merging(imageRules) { $1 }.merging(blockRules) { $1 }.merging(sourceRules) { $1 }

  // MARK: Sources and types

  private static let sourceRules: [OpCode: Rule] = [
    .constant: { drawing, choice in
      let element = choice.types["T"] ?? .f32
      let dims = try drawing.shape(drawing.rank())
      let type = TensorType(element, dims)
      if let shape = type.constantShape, drawing.draw.chance(50) {
        let tensor = try drawing.draw.tensor(element, shape)
        return OpDraft([], [NamedAttribute("value", .tensor(ConstantTensor(tensor)))], stated: [type])
      }
      return OpDraft([], [NamedAttribute("value", .scalar(drawing.draw.scalar(element)))], stated: [type])
    },
    .iota: { drawing, choice in
      let dims = try drawing.shape(drawing.rank(1...4))
      let axis = drawing.draw.int(0...(dims.count - 1))
      return OpDraft(
        [], [NamedAttribute("axis", .int(axis))], stated: [TensorType(choice.types["T"] ?? .f32, dims)])
    },
    .randomBits: { drawing, choice in
      OpDraft([.scalar(.u64)], stated: [TensorType(choice.types["T"] ?? .u32, try drawing.shape(drawing.rank()))])
    },
    .size: { drawing, _ in OpDraft([], [NamedAttribute("of", .dims([try drawing.openSize()]))]) },
    .convert: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32)
      return OpDraft([x], of: drawing, stated: drawing.type(x).with(element: choice.types["U"] ?? .f32))
    },
    .bitcast: { drawing, choice in
      guard let from = choice.types["T"], let to = choice.types["U"] else { throw NoFit() }
      // The widths must agree: the second type gives way.
      let same = ElementType.allCases.filter { $0.bitWidth == from.bitWidth && ($0 == .bool) == (from == .bool) }
      let x = try drawing.anchor(from)
      return OpDraft(
        [x], of: drawing, stated: drawing.type(x).with(element: same.contains(to) ? to : drawing.draw.one(of: same)))
    },
    .assert: { drawing, _ in
      let x = try drawing.anchor(.bool, rank: 0...0)
      // It seldom fails.
      let yes = try drawing.value(.constant, [], [NamedAttribute("value", .scalar(.bool(true)))], stated: .scalar(.bool))
      let condition = drawing.draw.chance(5) ? x : try drawing.value(.or, [x, yes])
      return OpDraft([condition], of: drawing, [NamedAttribute("message", .string("it does not hold"))])
    },
    .customCall: { drawing, _ in
      // An operation that returns what it takes.
      let x = try drawing.anchor(drawing.draw.one(of: drawing.limits.types))
      let attributes = [
        NamedAttribute("name", .string(FuzzOperations.identity)), NamedAttribute("has_effects", .bool(drawing.draw.chance(50))),
      ]
      return OpDraft([x], of: drawing, attributes, stated: drawing.type(x))
    },
  ]

  // MARK: Movement

  private static let movementRules: [OpCode: Rule] = [
    .broadcast: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 0...4)
      let type = drawing.type(x)
      var dims: [Dim] = []
      var axes: [Int] = []
      for dim in type.dims {
        if drawing.draw.chance(25) { dims.append(try drawing.size()) }
        axes.append(dims.count)
        dims.append(drawing.isOne(dim) && drawing.draw.chance(60) ? try drawing.size() : dim)
      }
      if drawing.draw.chance(30) || axes.count == dims.count && dims.count < 3 { dims.append(try drawing.size()) }
      return OpDraft([x], of: drawing, [NamedAttribute("axes", .ints(axes))], stated: type.with(dims: dims))
    },
    .reshape: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32)
      let type = drawing.type(x)
      return OpDraft([x], of: drawing, stated: type.with(dims: try drawing.reshaped(type.dims)))
    },
    .transpose: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: drawing.draw.chance(90) ? 2...5 : 0...5)
      let perm = drawing.draw.shuffled(0..<drawing.type(x).rank)
      return OpDraft([x], of: drawing, [NamedAttribute("perm", .ints(perm))])
    },
    .slice: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32)
      var (starts, limits, strides): ([Dim], [Dim], [Int]) = ([], [], [])
      for dim in drawing.type(x).dims {
        let known = drawing.draw.int(0...min(drawing.least(dim), 6))
        let open = drawing.draw.chance(15) ? drawing.size(upTo: drawing.least(dim)) : nil
        let low = open.map { drawing.function.symbols.bounds(of: $0).upper ?? known } ?? known
        let cut = drawing.draw.chance(50) ? 0 : drawing.draw.int(0...min(drawing.least(dim) - low, 6))
        starts.append(open ?? .constant(known))
        limits.append(try Dim.difference(dim, .constant(cut)))
        strides.append(drawing.draw.chance(60) ? 1 : drawing.draw.int(2...4))
      }
      var attributes = [NamedAttribute("starts", .dims(starts)), NamedAttribute("limits", .dims(limits))]
      if drawing.draw.chance(60) { attributes.append(NamedAttribute("strides", .ints(strides))) }
      return OpDraft([x], of: drawing, attributes)
    },
    .pad: { drawing, choice in
      let element = choice.types["T"] ?? .f32
      let x = try drawing.anchor(element)
      let type = drawing.type(x)
      let low = type.dims.map { _ in Dim.constant(drawing.draw.one(of: [0, 0, 1, 2, 5])) }
      let high = type.dims.map { _ in Dim.constant(drawing.draw.one(of: [0, 0, 1, 3])) }
      var attributes = [NamedAttribute("low", .dims(low)), NamedAttribute("high", .dims(high))]
      if drawing.draw.chance(30) {
        attributes.append(NamedAttribute("interior", .ints(type.dims.map { _ in drawing.draw.int(0...2) })))
      }
      return OpDraft([type, .scalar(element)], given: [0: x], attributes)
    },
    .concat: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 1...5)
      let type = drawing.type(x)
      let axis = drawing.draw.int(0...(type.rank - 1))
      var operands = [type]
      for _ in 0..<drawing.draw.int(0...3) {
        var dims = type.dims
        if drawing.draw.chance(50) { dims[axis] = try drawing.size() }
        operands.append(type.with(dims: dims))
      }
      return OpDraft(operands, given: [0: x], [NamedAttribute("axis", .int(axis))])
    },
  ]

  /// Another shape of as many elements.
  mutating func reshaped(_ dims: [Dim]) throws -> [Dim] {
    var dims = dims
    for _ in 0..<draw.int(1...2) {
      switch draw.int(0...3) {
      case 0: dims.insert(1, at: draw.int(0...dims.count))
      case 1 where dims.count > 1:
        let axis = draw.int(0...(dims.count - 2))
        dims.replaceSubrange(axis...axis + 1, with: [try Dim.product(dims[axis], dims[axis + 1])])
      case 2:
        guard let axis = draw.pick(dims.indices.filter { (dims[$0].constantValue ?? 0) > 1 }),
          let size = dims[axis].constantValue
        else { continue }
        let part = divisor(of: .constant(size))
        dims.replaceSubrange(axis...axis, with: [.constant(part), .constant(size / part)])
      case _: dims.removeAll { $0 == 1 }
      }
    }
    return dims
  }

  // MARK: Indexing

  private static let indexingRules: [OpCode: Rule] = [
    .gather: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 1...4)
      let axis = drawing.draw.int(0...(drawing.type(x).rank - 1))
      let shape = try drawing.shape(drawing.rank(0...2))
      let indices = try drawing.indices(choice.types["I"] ?? .s64, shape, below: drawing.type(x).dims[axis])
      return OpDraft([x, indices], of: drawing, [NamedAttribute("axis", .int(axis))])
    },
    .gatherElements: { drawing, choice in
      let (x, axis, indices) = try drawing.elementIndices(choice)
      return OpDraft([x, indices], of: drawing, [NamedAttribute("axis", .int(axis))])
    },
    .scatterElements: { drawing, choice in
      let (x, axis, indices) = try drawing.elementIndices(choice)
      let updates = try drawing.obtain(drawing.type(x).with(dims: drawing.type(indices).dims))
      var draft = OpDraft([x, indices, updates], of: drawing, [NamedAttribute("axis", .int(axis))])
      draft.attributes += drawing.reduction(choice)
      return draft
    },
    .gatherNd: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 1...4)
      let dims = drawing.type(x).dims
      let batch = drawing.draw.chance(30) ? drawing.draw.int(0...(dims.count - 1)) : 0
      let depth = drawing.draw.int(0...(dims.count - batch))
      let leading = batch > 0 || drawing.draw.chance(80) ? Array(dims[..<batch]) + (try drawing.shape(drawing.rank(0...2))) : []
      let indices = try drawing.indexVectors(choice, leading, Array(dims[batch..<batch + depth]))
      return OpDraft([x, indices], of: drawing, [NamedAttribute("batch_axes", .int(batch))])
    },
    .scatterNd: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32, rank: 1...4)
      let dims = drawing.type(x).dims
      let depth = drawing.draw.int(0...dims.count)
      let leading = try drawing.shape(drawing.rank(0...2))
      let indices = try drawing.indexVectors(choice, leading, Array(dims[..<depth]))
      let updates = try drawing.obtain(drawing.type(x).with(dims: leading + dims[depth...]))
      return OpDraft([x, indices, updates], of: drawing, drawing.reduction(choice))
    },
    .dynamicSlice: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32)
      let sizes = drawing.type(x).dims.map { drawing.part(of: $0) }
      let starts = TensorType(choice.types["I"] ?? .s64, [.constant(sizes.count)])
      return OpDraft([drawing.type(x), starts], given: [0: x], [NamedAttribute("sizes", .dims(sizes))])
    },
    .dynamicUpdateSlice: { drawing, choice in
      let x = try drawing.anchor(choice.types["T"] ?? .f32)
      let type = drawing.type(x)
      let update = type.with(dims: type.dims.map { drawing.part(of: $0) })
      return OpDraft([type, update, TensorType(choice.types["I"] ?? .s64, [.constant(type.rank)])], given: [0: x])
    },
    .oneHot: { drawing, choice in
      let x = try drawing.anchor(choice.types["I"] ?? .s64, rank: 0...3)
      return OpDraft([x], of: drawing, [NamedAttribute("depth", .dims([try drawing.size()]))])
    },
    .crossEntropy: { drawing, choice in
      let logits = try drawing.anchor(
        choice.types["T"] ?? .f32, rank: 2...2, where: { ($0[1].constantValue ?? 1) > 0 })
      let dims = drawing.type(logits).dims
      let labels = try drawing.indices(choice.types["I"] ?? .s64, [dims[0]], below: dims[1])
      return OpDraft([logits, labels], of: drawing)
    },
  ]

  /// A value, an axis, and indices along it for some of its elements.
  private mutating func elementIndices(_ choice: OpChoice) throws -> (ValueID, Int, ValueID) {
    let x = try anchor(choice.types["T"] ?? .f32, rank: 1...4)
    let dims = type(x).dims
    let axis = draw.int(0...(dims.count - 1))
    let shape = try dims.enumerated().map { $0 == axis ? try size() : part(of: $1) }
    return (x, axis, try indices(choice.types["I"] ?? .s64, shape, below: dims[axis]))
  }

  /// Vectors of indices, each entry within its axis.
  private mutating func indexVectors(_ choice: OpChoice, _ leading: [Dim], _ axes: [Dim]) throws -> ValueID {
    let element = choice.types["I"] ?? .s64
    if axes.isEmpty { return try obtain(TensorType(element, leading + [0])) }
    // The least of the axes bounds all entries.
    let limit = axes.min { least($0) < least($1) }
    return try indices(element, leading + [.constant(axes.count)], below: .constant(limit.map { least($0) } ?? 0))
  }

  /// A size that is no larger than another.
  private mutating func part(of dim: Dim) -> Dim {
    if draw.chance(40) { return dim }
    return .constant(draw.int(0...min(least(dim), 16)))
  }

  private mutating func reduction(_ choice: OpChoice) -> [NamedAttribute] {
    if choice.types["T"] == .bool { return [] }
    return [NamedAttribute("reduction", .name(draw.one(of: ["none", "add", "mul", "min", "max"])))]
  }
}
