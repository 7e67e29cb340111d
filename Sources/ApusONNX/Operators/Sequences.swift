import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Sequences and optionals. How many tensors there are is known while importing; the tensors need not be.
  static var sequences: [OperatorRule] {
    [
      OperatorRule("SequenceConstruct", folds: false) { n in [.sequence(n.inputs)] },
      OperatorRule("SequenceEmpty") { _ in [.sequence([])] },
      OperatorRule("SequenceLength") { n in [.constant(Tensor([Int64(try n.sequence(0).count)], shape: []))] },
      OperatorRule("SequenceAt") { n in
        let entries = try n.sequence(0)
        return [entries[try position(n, 1, entries.count)]]
      },
      OperatorRule("SequenceErase") { n in
        var entries = try n.sequence(0)
        entries.remove(at: n.has(1) ? try position(n, 1, entries.count) : try last(n, entries))
        return [.sequence(entries)]
      },
      OperatorRule("SequenceInsert") { n in
        var entries = try n.sequence(0)
        entries.insert(n.input(1), at: n.has(2) ? try position(n, 2, entries.count, isEndIncluded: true) : entries.count)
        return [.sequence(entries)]
      },
      OperatorRule("SplitToSequence", folds: false, splitToSequence),
      OperatorRule("ConcatFromSequence", value: concatFromSequence),
      OperatorRule("SequenceMap", folds: false, sequenceMap),
      OperatorRule("Optional", folds: false) { n in [n.input(0)] },
      OperatorRule("OptionalHasElement", folds: false) { n in
        [.constant(try Tensor(repeating: .bool(n.has(0)), .bool, shape: []))]
      },
      OperatorRule("OptionalGetElement", folds: false) { n in
        guard n.has(0) else { throw n.error("onnx.operand", "the optional holds nothing") }
        return [n.input(0)]
      },
    ]
  }

  private static func position(_ n: NodeTranslation, _ operand: Int, _ count: Int, isEndIncluded: Bool = false) throws -> Int {
    let given = try n.integers(operand, "the position")
    guard given.count == 1, given[0] >= -count, given[0] < count + (isEndIncluded ? 1 : 0) else {
      throw n.error("onnx.position", "there is no position \(given.first ?? 0) in a sequence of \(count)")
    }
    return given[0] < 0 ? given[0] + count : given[0]
  }

  private static func last(_ n: NodeTranslation, _ entries: [Imported]) throws -> Int {
    guard !entries.isEmpty else { throw n.error("onnx.position", "there is nothing in the sequence") }
    return entries.count - 1
  }

  /// Each part of a sequence is a value of its own in the function.
  private static let maximumParts = 1 << 16

  private static func splitToSequence(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    let dims = n.dims(x)
    let axis = try n.axis(try n.int("axis", 0), rank: dims.count)
    func part(_ start: Dim, _ limit: Dim) throws -> ValueID {
      var (starts, limits) = (dims.map { _ in Dim.constant(0) }, dims)
      (starts[axis], limits[axis]) = (start, limit)
      return try n.call(.slice, [.value(x)], ["starts": .sizes(starts), "limits": .sizes(limits)])
    }
    if n.has(1), try n.inputType(1).rank == 1 {
      var (start, parts) = (Dim.constant(0), [Imported]())
      for size in try n.sizes(1, "the lengths") {
        let limit = try n.sum(start, size)
        parts.append(.value(try part(start, limit)))
        start = limit
      }
      try n.context.emitter.require(start, equals: dims[axis], "the lengths do not add up to the axis")
      return [.sequence(parts)]
    }
    let lengths = n.has(1) ? try n.integers(1, "the length") : [1]
    guard lengths.count == 1, lengths[0] > 0 else { throw n.error("onnx.split", "the length of a part is \(lengths)") }
    let length = lengths[0]
    guard let size = dims[axis].constantValue else {
      throw NeedsValues(inputs: [], shapes: true, problem: "how many parts there are depends on a size that is not known")
    }
    guard size == 0 || (size - 1) / length < maximumParts else {
      throw n.error("limit.parts", "parts of \(length) out of \(size) are more than \(maximumParts), the most of a sequence")
    }
    let keeps = try n.has(1) || n.flag("keepdims", true)
    return [
      .sequence(
        try stride(from: 0, to: size, by: length).map { start in
          let part = try part(.constant(start), .constant(min(start + length, size)))
          return .value(keeps ? part : try n.reshape(part, Array(dims[..<axis] + dims[(axis + 1)...])))
        })
    ]
  }

  private static func concatFromSequence(_ n: NodeTranslation) throws -> ValueID {
    var parts = try n.sequence(0).map { try n.value(of: $0) }
    guard let first = parts.first, let given = try n.optionalInt("axis") else {
      throw n.error("onnx.operand", "there is nothing to put one after another, or no axis for it")
    }
    let isNew = try n.flag("new_axis")
    let axis = try n.axis(given, rank: n.rank(first) + (isNew ? 1 : 0))
    if isNew {
      parts = try parts.map { part in
        var dims = n.dims(part)
        guard axis <= dims.count else { throw n.error("onnx.operand", "the tensors of the sequence differ in rank") }
        dims.insert(1, at: axis)
        return try n.reshape(part, dims)
      }
    }
    return parts.count == 1 ? parts[0] : try n.call(.concat, parts.map { .value($0) }, ["axis": .integer(axis)])
  }

  private static func sequenceMap(_ n: NodeTranslation) throws -> [Imported] {
    let body = try n.graph("body")
    let count = try n.sequence(0).count
    var results: [[Imported]] = Array(repeating: [], count: body.outputs.count)
    for index in 0..<count {
      let arguments = try n.inputs.map { input in
        guard case .sequence(let entries) = input else { return input }
        guard entries.count == count else { throw n.error("onnx.operand", "the sequences differ in length") }
        return entries[index]
      }
      for (output, result) in try n.context.outputs(of: body, arguments).enumerated() { results[output].append(result) }
    }
    return results.map { .sequence($0) }
  }
}

extension NodeTranslation {
  /// The entries of an operand that is a sequence.
  fileprivate func sequence(_ index: Int) throws -> [Imported] {
    guard case .sequence(let entries) = input(index) else { throw error("onnx.operand", "operand \(index) is no sequence") }
    return entries
  }
}
