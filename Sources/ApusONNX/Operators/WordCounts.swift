import ApusIR
import ApusTensor

extension Operators {
  /// How often sequences of words, which are numbers, stand in texts.
  static var wordCounts: [OperatorRule] { [OperatorRule("TfIdfVectorizer", value: { try WordCounting($0).result() })] }
}

/// `TfIdfVectorizer`: each row of words is compared with all known sequences at all positions.
private struct WordCounting {
  private let n: NodeTranslation
  /// Known sequences by their length, each with the column in which it is counted.
  private var sequences: [Int: [(words: [Int64], column: Int)]] = [:]
  private let columns: Int
  private let skips: Int

  init(_ n: NodeTranslation) throws {
    self.n = n
    guard n.attribute("pool_strings") == nil else { throw n.unsupported("tensors of strings are not supported") }
    let pool = try n.ints("pool_int64s")
    let (starts, places) = (try n.ints("ngram_counts"), try n.ints("ngram_indexes"))
    let (least, most) = (try n.int("min_gram_length", 1), try n.int("max_gram_length", 1))
    skips = try n.int("max_skip_count", 0)
    guard least >= 1, most >= least, skips >= 0 else {
      throw n.error("onnx.attribute", "sequences have from \(least) to \(most) words with \(skips) skipped at most")
    }
    guard let largest = places.max(), places.allSatisfy({ $0 >= 0 }), largest < 1 << 31 else {
      throw n.error("onnx.attribute", "'ngram_indexes' are the columns of the result")
    }
    columns = largest + 1
    var known: [[Int64]: Int] = [:]
    var number = 0
    for (index, start) in starts.enumerated() {
      let (length, end) = (index + 1, index + 1 < starts.count ? starts[index + 1] : pool.count)
      guard start >= 0, start <= end, end <= pool.count, (end - start).isMultiple(of: length) else {
        throw n.error("onnx.attribute", "'ngram_counts' does not divide the \(pool.count) words of the pool into sequences")
      }
      for first in stride(from: start, to: end, by: length) {
        guard number < places.count else { throw n.error("onnx.attribute", "'ngram_indexes' has too few entries") }
        // Of equal sequences the last one counts.
        if (least...most).contains(length) { known[pool[first..<(first + length)].map { Int64($0) }] = places[number] }
        number += 1
      }
    }
    for (words, column) in known.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      sequences[words.count, default: []].append((words, column))
    }
  }

  func result() throws -> ValueID {
    let given = try n.value(0)
    guard n.rank(given) == 1 || n.rank(given) == 2 else { throw n.error("onnx.shape", "the operand has \(n.rank(given)) axes, not 1 or 2") }
    let rows = n.rank(given) == 2 ? n.dims(given)[0] : 1
    try n.checkSize(TensorType(.f32, [rows, .constant(columns)]))
    let x = try n.reshape(n.convert(given, to: .s64), [rows, n.dims(given)[n.rank(given) - 1]])
    var (counts, places): ([ValueID], [Int64]) = ([], [])
    for (length, known) in sequences.sorted(by: { $0.key < $1.key }) {
      counts.append(try count(x, length, known.map(\.words)))
      places += known.map { Int64($0.column) }
    }
    var sums = try n.filled(0, .f32, [rows, .constant(columns)])
    if !counts.isEmpty {
      let indices = n.broadcast(try n.constant(Tensor(places)), to: [rows, .constant(places.count)])
      sums = try n.call(
        .scatterElements, [.value(sums), .value(indices), .value(n.concat(counts, axis: 1))],
        ["axis": .integer(1), "reduction": .name("add")])
    }
    return try n.reshape(weighted(sums), Array(n.dims(given).dropLast()) + [.constant(columns)])
  }

  /// How often each sequence stands in each row: `[rows, sequences]`.
  private func count(_ x: ValueID, _ length: Int, _ known: [[Int64]]) throws -> ValueID {
    let size = n.dims(x)[1]
    // The same words may be found with every distance between them; a single one has none.
    let distances = length == 1 ? 1 : min(skips, size.constantValue ?? skips) + 1
    guard distances * length <= 4_096 else { throw n.unsupported("so many words skipped: \(skips)") }
    let position = try n.iota(.s64, [size, 1], axis: 0)
    var total = try n.filled(0, .f32, [n.dims(x)[0], .constant(known.count)])
    for distance in 1...distances {
      let reach = (length - 1) * distance
      if let size = size.constantValue, reach >= size { break }
      let padded = try n.call(.pad, [.value(x), .integer(0)], ["low": .sizes([0, 0]), "high": .sizes([0, .constant(reach)])])
      var isFound = try n.call(.less, [.value(n.call(.add, [.value(position), .integer(reach)])), .size(size)])
      for word in 0..<length {
        let start = word * distance
        let moved = try n.slice(padded, axis: 1, .constant(start), n.sum(size, .constant(start)))
        let words = try n.constant(Tensor(known.map { $0[word] }))
        let isEqual = try n.call(.equal, n.reshape(moved, [n.dims(x)[0], size, 1]), words)
        isFound = try n.call(.and, isFound, isEqual)
      }
      total = try n.call(.add, total, n.call(.reduceSum, n.convert(isFound, to: .f32), attributes: ["axes": .ints([1])]))
    }
    return total
  }

  private func weighted(_ counts: ValueID) throws -> ValueID {
    var weights: ValueID?
    if let given = try n.optionalFloats("weights"), !given.isEmpty {
      guard given.count >= columns else { throw n.error("onnx.attribute", "\(given.count) weights for \(columns) columns") }
      weights = try n.constant(Tensor(given.prefix(columns).map { Float($0) }))
    }
    switch try n.string("mode", "TF") {
    case "TF": return counts
    case "TFIDF": return try weights.map { try n.call(.mul, counts, $0) } ?? counts
    case "IDF":
      let isFound = try n.call(.greater, [.value(counts), .number(0)])
      return try n.call(.select, [.value(isFound), weights.map { .value($0) } ?? .number(1), .value(n.filled(0, .f32, n.dims(counts)))])
    case let mode: throw n.error("onnx.attribute", "there is no mode '\(mode)'")
    }
  }
}
