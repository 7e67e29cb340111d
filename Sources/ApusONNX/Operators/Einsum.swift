import ApusIR
import ApusTensor

extension Operators {
  static var einsums: [OperatorRule] {
    [
      OperatorRule("Einsum") { n in
        let terms = try (0..<n.inputCount).map { try n.value($0) }
        let equation = try EinsumEquation(n.string("equation", ""), ranks: terms.map { n.rank($0) }, n)
        // Products of several are rounded once.
        let factors = terms.count > 2 ? terms.map { n.widened($0) } : terms
        let sum = try EinsumContraction(n: n, output: equation.output).result(zip(factors, equation.inputs))
        return [.value(terms.isEmpty ? sum : n.convert(sum, to: n.element(terms[0])))]
      }
    ]
  }
}

/// The axes of operands and result of an Einstein sum.
struct EinsumEquation {
  enum Label: Hashable {
    case letter(UInt8)
    /// An axis of the ellipsis, counted from its last one, as operands align there.
    case ellipsis(Int)
  }

  private(set) var inputs: [[Label]] = []
  private(set) var output: [Label] = []

  /// Throws `onnx.equation` for what is no equation of so many operands of these ranks.
  init(_ text: String, ranks: [Int], _ n: NodeTranslation) throws {
    let characters = Array(text.utf8).filter { $0 != UInt8(ascii: " ") }
    let sides = Self.split(characters, at: Array("->".utf8))
    let terms = characters.isEmpty ? [] : Self.split(sides[0], at: [UInt8(ascii: ",")])
    guard sides.count <= 2, terms.count == ranks.count else {
      throw n.error("onnx.equation", "'\(text)' is no equation of \(ranks.count) operands")
    }
    for (term, rank) in zip(terms, ranks) {
      guard let labels = Self.labels(term, rank: rank) else {
        throw n.error("onnx.equation", "'\(String(decoding: term, as: UTF8.self))' does not name \(rank) axes")
      }
      inputs.append(labels)
    }
    let ellipsis = inputs.joined().reduce(0) { if case .ellipsis(let index) = $1 { max($0, index + 1) } else { $0 } }
    if sides.count == 2 {
      let letters = sides[1].count { $0 != UInt8(ascii: ".") }
      let rank = letters == sides[1].count ? letters : letters + ellipsis
      guard let labels = Self.labels(sides[1], rank: rank), Set(labels).count == labels.count,
        Set(labels).isSubset(of: Set(inputs.joined()))
      else { throw n.error("onnx.equation", "the result of '\(text)' does not name axes of its operands, each once") }
      output = labels
    } else {
      output = (0..<ellipsis).reversed().map { .ellipsis($0) }
      var counts: [UInt8: Int] = [:]
      for case .letter(let letter) in inputs.joined() { counts[letter, default: 0] += 1 }
      output += counts.filter { $0.value == 1 }.keys.sorted().map { .letter($0) }
    }
  }

  /// The labels of `rank` axes; nil if the term has not as many.
  private static func labels(_ term: [UInt8], rank: Int) -> [Label]? {
    let parts = split(term, at: Array("...".utf8))
    guard parts.count <= 2, parts.joined().allSatisfy(isLetter) else { return nil }
    let letters = parts.map { $0.map { Label.letter($0) } }
    let rest = rank - letters.joined().count
    guard parts.count == 2 else { return rest == 0 ? letters[0] : nil }
    return rest < 0 ? nil : letters[0] + (0..<rest).reversed().map { .ellipsis($0) } + letters[1]
  }

  private static func isLetter(_ character: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character)
  }

  private static func split(_ text: [UInt8], at separator: [UInt8]) -> [[UInt8]] {
    var parts: [[UInt8]] = [[]]
    var position = 0
    while position < text.count {
      if text[position...].starts(with: separator) {
        parts.append([])
        position += separator.count
      } else {
        parts[parts.count - 1].append(text[position])
        position += 1
      }
    }
    return parts
  }
}

/// Multiplies operands from the left, and sums each axis as soon as no other operand has it.
private struct EinsumContraction {
  typealias Label = EinsumEquation.Label
  let n: NodeTranslation
  let output: [Label]

  private struct Term {
    var value: ValueID
    var labels: [Label]
  }

  func result(_ operands: some Sequence<(ValueID, [Label])>) throws -> ValueID {
    var rest = try operands.map { try diagonal(Term(value: $0, labels: $1)) }[...]
    guard var term = rest.popFirst() else { throw n.error("onnx.operand", "there is no operand") }
    while let next = rest.popFirst() {
      let needed = Set(rest.flatMap(\.labels)).union(output)
      term = try product(term, next, needed)
    }
    term = try summed(term) { !output.contains($0) }
    return try n.transpose(term.value, output.map { position(of: $0, in: term) })
  }

  /// The elements whose indices agree where a label stands twice.
  private func diagonal(_ term: Term) throws -> Term {
    var term = term
    while let second = term.labels.indices.first(where: { term.labels[..<$0].contains(term.labels[$0]) }) {
      let first = position(of: term.labels[second], in: term)
      var dims = n.dims(term.value)
      try n.context.emitter.require(dims[first], equals: dims[second], "axes of one letter have one size")
      dims[second] = 1
      let indices = try n.call(
        .iota, [], ["axis": .integer(first), "shape": .sizes(dims), "to": .elementType(.s64)])
      let picked = try n.call(.gatherElements, [.value(term.value), .value(indices)], ["axis": .integer(second)])
      dims.remove(at: second)
      term.labels.remove(at: second)
      term.value = try n.reshape(picked, dims)
    }
    return term
  }

  private func product(_ a: Term, _ b: Term, _ needed: Set<Label>) throws -> Term {
    let a = try summed(stretchable(a, with: b)) { !needed.contains($0) && !b.labels.contains($0) }
    let b = try summed(stretchable(b, with: a)) { !needed.contains($0) && !a.labels.contains($0) }
    let common = a.labels.filter { b.labels.contains($0) }
    for label in common {
      try n.context.emitter.require(size(of: label, in: a), equals: size(of: label, in: b), "axes of one letter have one size")
    }
    let batch = common.filter { needed.contains($0) }
    let inner = common.filter { !needed.contains($0) }
    let left = a.labels.filter { !common.contains($0) }
    let right = b.labels.filter { !common.contains($0) }
    let (batchSizes, leftSizes, rightSizes) = (sizes(of: batch, in: a), sizes(of: left, in: a), sizes(of: right, in: b))
    let value: ValueID
    if inner.isEmpty {
      let x = try n.reshape(arranged(a, batch + left), batchSizes + leftSizes + right.map { _ in 1 })
      let y = try n.reshape(arranged(b, batch + right), sizes(of: batch, in: b) + left.map { _ in 1 } + rightSizes)
      value = try n.call(.mul, x, y)
    } else {
      let depth = try n.product(sizes(of: inner, in: a))
      let x = try n.reshape(arranged(a, batch + left + inner), batchSizes + [n.product(leftSizes), depth])
      let y = try n.reshape(
        arranged(b, batch + inner + right),
        sizes(of: batch, in: b) + [n.product(sizes(of: inner, in: b)), n.product(rightSizes)])
      value = try n.reshape(n.call(.matmul, x, y), batchSizes + leftSizes + rightSizes)
    }
    return Term(value: value, labels: batch + left + right)
  }

  /// Without the axes of size 1 that `other` has with another size: the product repeats along them.
  private func stretchable(_ term: Term, with other: Term) throws -> Term {
    let kept = term.labels.filter {
      size(of: $0, in: term) != 1 || !other.labels.contains($0) || size(of: $0, in: other) == 1
    }
    return Term(value: try n.reshape(term.value, sizes(of: kept, in: term)), labels: kept)
  }

  private func summed(_ term: Term, _ isSummed: (Label) -> Bool) throws -> Term {
    let axes = term.labels.indices.filter { isSummed(term.labels[$0]) }
    guard !axes.isEmpty else { return term }
    return Term(
      value: try n.call(.reduceSum, [.value(term.value)], ["axes": .ints(axes)]),
      labels: term.labels.filter { !isSummed($0) })
  }

  private func arranged(_ term: Term, _ labels: [Label]) throws -> ValueID {
    try n.transpose(term.value, labels.map { position(of: $0, in: term) })
  }

  private func position(of label: Label, in term: Term) -> Int {
    guard let index = term.labels.firstIndex(of: label) else { preconditionFailure("an axis without its label") }
    return index
  }

  private func size(of label: Label, in term: Term) -> Dim { n.dims(term.value)[position(of: label, in: term)] }

  private func sizes(of labels: [Label], in term: Term) -> [Dim] { labels.map { size(of: $0, in: term) } }
}
