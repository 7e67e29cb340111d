import ApusIR
import ApusTensor

extension Operators {
  /// Attention as onnxruntime's optimizers and model builders write it.
  static var microsoftAttention: [OperatorRule] {
    let domain = "com.microsoft"
    return [
      OperatorRule("Attention", domain: domain) { try $0.projectedAttention() },
      OperatorRule("MultiHeadAttention", domain: domain) { try $0.multiHeadAttention() },
      OperatorRule("GroupQueryAttention", domain: domain) { try $0.groupQueryAttention() },
      OperatorRule("RotaryEmbedding", domain: domain, value: { try $0.rotaryEmbedding() }),
    ]
  }
}

extension NodeTranslation {
  /// What a mask of keys adds to the scores, [batch or 1, 1, S or 1, T].
  ///
  /// [batch] holds how many keys count, [2 · batch] then also the first that does, [batch, T] and [batch, S, T] 0 for
  /// keys that do not.
  private func keyPenalty(_ index: Int, batch: Dim, keys: Dim) throws -> ValueID? {
    guard let mask = try optionalValue(index) else { return nil }
    let own = dims(mask)
    let filler = try float("mask_filter_value", -10_000)
    switch own.count {
    case 1:
      let ends = try areEqual(own[0], batch) == .yes ? mask : part(mask, axis: 0, from: 0, to: batch)
      let position = try counted(keys)
      func column(_ value: ValueID) throws -> ValueID { convert(try reshape(value, [batch, 1, 1, 1]), to: .s64) }
      var counts = try call(.less, position, column(ends))
      if areEqual(own[0], batch) != .yes {
        guard try areEqual(own[0], product(batch, 2)) == .yes else {
          throw unsupported("a mask of lengths and offsets of packed rows is not supported")
        }
        let starts = try part(mask, axis: 0, from: batch, to: own[0])
        counts = try call(.and, counts, call(.greaterEqual, position, column(starts)))
      }
      return try penalty(counts, filler)
    case 2, 3:
      let counts = try call(.notEqual, [.value(mask), .integer(0)])
      let shape = own.count == 2 ? [own[0], 1, 1, own[1]] : [own[0], 1, own[1], own[2]]
      return try penalty(reshape(counts, shape), filler)
    default: throw unsupported("a mask of \(own.count) axes is not supported")
    }
  }

  /// Keys or values of earlier positions, and then those of these.
  private func appended(_ x: ValueID, to past: ValueID?) throws -> ValueID {
    guard let past else { return x }
    return try call(.concat, [.value(past), .value(x)], ["axis": .integer(2)])
  }

  // MARK: Attention

  fileprivate func projectedAttention() throws -> [Imported] {
    guard try !flag("do_rotary"), try !flag("past_present_share_buffer") else {
      throw unsupported("rotations and shared buffers are not supported here")
    }
    let heads = try int("num_heads", 0)
    let x = try value(0)
    var projected = try call(.matmul, x, value(1))
    if let bias = try optionalValue(2) { projected = try call(.add, projected, bias) }
    try require(projected, rank: 3, "the projection")
    let width = dims(projected)[2]
    let sizes = try optionalInts("qkv_hidden_sizes").map { $0.map { Dim.constant($0) } }
      ?? Array(repeating: quotient(width, 3), count: 3)
    guard sizes.count == 3 else { throw error("onnx.attribute", "'qkv_hidden_sizes' has not three entries") }
    var start = Dim.constant(0)
    var parts: [ValueID] = []
    for size in sizes {
      let limit = try sum(start, size)
      parts.append(try split(part(projected, axis: 2, from: start, to: limit), heads: heads))
      start = limit
    }
    if let past = try optionalValue(4) {
      try require(past, rank: 5, "the past")
      for index in 1...2 {
        let own = try part(past, axis: 0, from: .constant(index - 1), to: .constant(index))
        parts[index] = try appended(parts[index], to: reshape(own, Array(dims(past)[1...])))
      }
    }
    let bias = try added(keyPenalty(3, batch: dims(x)[0], keys: dims(parts[1])[2]), optionalValue(5))
    let options = try Attending(causal: flag("unidirectional"), scale: float("scale", 0))
    let result = try merged(attended(parts[0], parts[1], parts[2], bias: bias, options))
    guard node.outputs.count > 1, !node.outputs[1].isEmpty else { return [.value(result)] }
    let present = try parts[1...].map { Meaning.value(try reshape($0, [1] + dims($0))) }
    return [.value(result), .value(try call(.concat, Array(present), ["axis": .integer(0)]))]
  }

  // MARK: MultiHeadAttention

  fileprivate func multiHeadAttention() throws -> [Imported] {
    guard node.outputs.count < 4 || node.outputs[3].isEmpty, !has(9) else {
      throw unsupported("the scores as an output, and beams, are not supported")
    }
    let heads = try int("num_heads", 0)
    let query = try value(0)
    var parts: [ValueID]
    /// One of several tensors that lie in an axis before the last.
    func member(_ packed: ValueID, _ index: Int) throws -> ValueID {
      let own = dims(packed)
      let one = try part(packed, axis: 3, from: .constant(index), to: .constant(index + 1))
      return try reshape(one, [own[0], own[1], product(own[2], own[4])])
    }
    if rank(query) == 5 {
      parts = try (0..<3).map { try member(query, $0) }
    } else if try inputType(1).rank == 5 {
      parts = try [query, member(value(1), 0), member(value(1), 1)]
    } else {
      parts = try [query, value(1), value(2)]
    }
    for part in parts where rank(part) != 4 { try require(part, rank: 3, "the query, the keys or the values") }
    if let bias = try optionalValue(3) {
      var start = Dim.constant(0)
      for index in 0..<3 {
        let own = dims(parts[index])
        let size = own.count == 3 ? own[2] : try product(own[1], own[3])
        let limit = try sum(start, size)
        if own.count == 3 { parts[index] = try call(.add, parts[index], part(bias, axis: 0, from: start, to: limit)) }
        start = limit
      }
    }
    parts = try parts.map { rank($0) == 4 ? $0 : try split($0, heads: heads) }
    parts[1] = try appended(parts[1], to: optionalValue(6))
    parts[2] = try appended(parts[2], to: optionalValue(7))
    let bias = try added(keyPenalty(4, batch: dims(query)[0], keys: dims(parts[1])[2]), optionalValue(5))
    let options = try Attending(causal: flag("unidirectional"), scale: float("scale", 0))
    let result = try merged(attended(parts[0], parts[1], parts[2], bias: bias, options))
    return [.value(result), .value(parts[1]), .value(parts[2])]
  }

  // MARK: RotaryEmbedding

  /// Rows of the tables of cosines and sines, [batch or 1, 1, positions, pairs].
  private func angles(_ table: ValueID, at positions: ValueID) throws -> ValueID {
    let rows = try call(.gather, [.value(table), .value(positions)], ["axis": .integer(0)])
    try require(rows, rank: 3, "a table of angles at the positions")
    let own = dims(rows)
    return try reshape(rows, [own[0], 1, own[1], own[2]])
  }

  fileprivate func rotaryEmbedding() throws -> ValueID {
    guard try !flag("is_packed_batching"), try float("scale", 1) == 1 else {
      throw unsupported("packed rows and a scale are not supported")
    }
    let x = try value(0)
    if rank(x) != 4 { try require(x, rank: 3, "the operand") }
    var heads = try int("num_heads", 0)
    if rank(x) == 3, heads == 0 {
      try require(value(2), rank: 2, "the table of cosines")
      let size = try product(inputType(2).dims[1], 2)
      guard let count = try quotient(dims(x)[2], size).constantValue else {
        throw unsupported("the number of heads is not known")
      }
      heads = count
    }
    let whole = try rank(x) == 3 ? split(x, heads: heads) : x
    let length = dims(whole)[2]
    var positions = try value(1)
    if rank(positions) < 2 {
      let steps = convert(try reshape(counted(length), [1, length]), to: element(positions))
      positions = try call(.add, reshape(positions, [1, 1]), steps)
    }
    let result = try rotated(
      whole, cos: angles(value(2), at: positions), sin: angles(value(3), at: positions),
      interleaved: flag("interleaved"))
    return try rank(x) == 3 ? merged(result) : result
  }

  // MARK: GroupQueryAttention

  /// Each row of the batch has its own number of earlier positions: `seqlens_k` + 1 − S, but none below 0. Its keys
  /// follow these in the cache, which is as long as the longest row or as the cache was.
  fileprivate func groupQueryAttention() throws -> [Imported] {
    guard !(12..<max(12, inputCount)).contains(where: { has($0) }),
      node.outputs.count < 4 || node.outputs[3].isEmpty
    else {
      throw unsupported("quantized caches, and the scores as an output, are not supported")
    }
    let (heads, keyHeads) = (try int("num_heads", 0), try int("kv_num_heads", 0))
    let countable = 1..<1 << 20
    guard countable.contains(heads), countable.contains(keyHeads) else {
      throw error("onnx.attribute", "the numbers of heads are missing, or none")
    }
    var (q, k, v): (ValueID, ValueID, ValueID)
    if has(1) {
      q = try split(value(0), heads: heads)
      k = try split(value(1), heads: keyHeads)
      v = try split(value(2), heads: keyHeads)
    } else {
      let all = try split(value(0), heads: heads + 2 * keyHeads)
      q = try part(all, axis: 1, from: 0, to: .constant(heads))
      k = try part(all, axis: 1, from: .constant(heads), to: .constant(heads + keyHeads))
      v = try part(all, axis: 1, from: .constant(heads + keyHeads), to: .constant(heads + 2 * keyHeads))
    }
    let (batch, length) = (dims(q)[0], dims(q)[2])
    let lengths = convert(try reshape(value(5), [batch, 1]), to: .s64)
    let before = try call(.max, [.value(call(.sub, [.value(lengths), .size(difference(length, 1))])), .integer(0)])
    let positions = try call(.add, before, reshape(counted(length), [1, length]))
    if try flag("do_rotary") {
      let at = try has(9) ? convert(reshape(value(9), [batch, length]), to: .s64) : positions
      let (cos, sin) = (try angles(value(7), at: at), try angles(value(8), at: at))
      let interleaved = try flag("rotary_interleaved")
      q = try rotated(q, cos: cos, sin: sin, interleaved: interleaved)
      k = try rotated(k, cos: cos, sin: sin, interleaved: interleaved)
    }
    if has(3) { try require(value(3), rank: 4, "the past") }
    if has(3), try inputType(3).dims[2] != 0 {
      let kept = try inputType(3).dims[2]
      let total = try sizes(6, "the total length")
      guard total.count == 1 else { throw error("onnx.shape", "the total length is no number") }
      let cache = try larger(kept, total[0])
      k = try cached(k, after: value(3), before: before, length: cache)
      v = try cached(v, after: value(4), before: before, length: cache)
    }
    let keys = try counted(dims(k)[2])
    let last = try reshape(positions, [batch, 1, length, 1])
    var reached = try call(.lessEqual, keys, last)
    let window = try int("local_window_size", -1)
    if window >= 0 {
      let first = try call(.sub, [.value(last), .integer(window)])
      reached = try call(.and, reached, call(.greater, keys, first))
    }
    let bias = try added(penalty(reached, -.infinity), optionalValue(10))
    var options = try Attending(scale: float("scale", 0), softcap: float("softcap", 0), sink: optionalValue(11))
    if options.sink == nil, try int("smooth_softmax", 0) > 0 { options.sink = try filled(0, .f32, [.constant(heads)]) }
    return [.value(try merged(attended(q, k, v, bias: bias, options))), .value(k), .value(v)]
  }

  /// Row b: the first `before[b]` positions of the cache, the new ones, and then what happens to be there.
  private func cached(_ x: ValueID, after past: ValueID, before: ValueID, length: Dim) throws -> ValueID {
    let all = try transpose(appended(x, to: past), [0, 2, 1, 3])
    let (kept, new) = (dims(past)[2], dims(x)[2])
    let position = try reshape(counted(length), [1, length])
    let moved = try call(.add, [.value(call(.sub, position, before)), .size(kept)])
    let within = try call(.min, [.value(moved), .size(difference(sum(kept, new), 1))])
    let index = try call(.select, call(.less, position, before), position, within)
    let rows = try call(
      .gatherNd, [.value(all), .value(reshape(index, dims(index) + [1]))], ["batch_axes": .integer(1)])
    return try transpose(rows, [0, 2, 1, 3])
  }
}
