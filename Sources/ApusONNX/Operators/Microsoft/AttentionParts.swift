import ApusIR
import ApusTensor

/// What operators of attention have in common: heads, masks, rotations, and the products with a softmax between them.
extension NodeTranslation {
  /// Part of one axis.
  func part(_ x: ValueID, axis: Int, from start: Dim, to limit: Dim) throws -> ValueID {
    guard axis < rank(x) else { throw error("onnx.shape", "an operand has \(rank(x)) axes, and needs more than \(axis)") }
    var starts = Array(repeating: Dim.constant(0), count: rank(x))
    var limits = dims(x)
    starts[axis] = start
    limits[axis] = limit
    return try call(.slice, [.value(x)], ["starts": .sizes(starts), "limits": .sizes(limits)])
  }

  /// Throws `onnx.shape` for another rank.
  func require(_ x: ValueID, rank: Int, _ what: String) throws {
    guard self.rank(x) == rank else { throw error("onnx.shape", "\(what) has \(self.rank(x)) axes, not \(rank)") }
  }

  /// [batch, positions, heads · d] as [batch, heads, positions, d].
  func split(_ x: ValueID, heads: Int) throws -> ValueID {
    let own = dims(x)
    guard own.count == 3, heads > 0 else { throw error("onnx.shape", "\(own.count) axes do not hold \(heads) heads") }
    let shape = try [own[0], own[1], .constant(heads), quotient(own[2], .constant(heads))]
    return try transpose(reshape(x, shape), [0, 2, 1, 3])
  }

  /// [batch, heads, positions, d] as [batch, positions, heads · d].
  func merged(_ x: ValueID) throws -> ValueID {
    let own = dims(x)
    return try reshape(transpose(x, [0, 2, 1, 3]), [own[0], own[2], product(own[1], own[3])])
  }

  /// 0, 1, 2 … as s64.
  func counted(_ size: Dim) throws -> ValueID {
    try call(.iota, [], ["axis": .integer(0), "shape": .sizes([size]), "to": .elementType(.s64)])
  }

  /// 0 where the condition holds and `other` elsewhere, in f32.
  func penalty(_ condition: ValueID, _ other: Double) throws -> ValueID {
    try call(.select, [.value(condition), .value(scalar(0, .f32)), .value(scalar(other, .f32))])
  }

  func added(_ a: ValueID?, _ b: ValueID?) throws -> ValueID? {
    guard let a else { return b }
    guard let b else { return a }
    return try call(.add, a, b)
  }

  /// What a softmax over keys does besides: `softcap`, and a column of `sink`s that takes its share of the weights.
  struct Attending {
    var causal = false
    /// 0 is 1 / √d.
    var scale = 0.0
    var softcap = 0.0
    var sink: ValueID?
  }

  /// softmax(q kᵀ · scale + bias) v in f32 at least: q is [batch, heads, S, d], k and v [batch, key heads, T, d].
  func attended(_ q: ValueID, _ k: ValueID, _ v: ValueID, bias: ValueID?, _ options: Attending) throws -> ValueID {
    let own = element(q)
    let wide: ElementType = own == .f64 ? .f64 : .f32
    let (q, k, v) = (convert(q, to: wide), convert(k, to: wide), convert(v, to: wide))
    let bias = bias.map { convert($0, to: wide) }
    if options.softcap == 0, options.sink == nil {
      let result = try call(
        .attention, [.value(q), .value(k), .value(v), bias.map { .value($0) } ?? .absent],
        ["causal": .bool(options.causal), "scale": .number(options.scale)])
      return convert(result, to: own)
    }
    let (x, y) = (dims(q), dims(k))
    let rows = try product(quotient(x[1], y[1]), x[2])
    let products = try call(.matmul, reshape(q, [x[0], y[1], rows, x[3]]), transpose(k, [0, 1, 3, 2]))
    var scores = try reshape(products, [x[0], x[1], x[2], y[2]])
    if options.scale == 0 {
      scores = try call(.div, scores, call(.sqrt, [.value(value(of: .sizes([x[3]], shape: [], wide)))]))
    } else {
      scores = try call(.mul, [.value(scores), .number(options.scale)])
    }
    if options.softcap != 0 {
      let bent = try call(.tanh, call(.div, [.value(scores), .number(options.softcap)]))
      scores = try call(.mul, [.value(bent), .number(options.softcap)])
    }
    if let bias { scores = try call(.add, scores, bias) }
    if options.causal {
      let last = try call(.add, [.value(counted(x[2])), .size(difference(y[2], x[2]))])
      let reached = try call(.lessEqual, counted(y[2]), reshape(last, [x[2], 1]))
      scores = try call(.add, scores, penalty(reached, -.infinity))
    }
    if let sink = options.sink {
      try require(sink, rank: 1, "the sinks")
      let column = broadcast(convert(try reshape(sink, [dims(sink)[0], 1, 1]), to: wide), to: Array(x[..<3]) + [1])
      scores = try call(.concat, [.value(scores), .value(column)], ["axis": .integer(3)])
    }
    var weights = try call(.softmax, [.value(scores)], ["axis": .integer(3)])
    if options.sink != nil { weights = try part(weights, axis: 3, from: 0, to: y[2]) }
    let sums = try call(.matmul, reshape(weights, [x[0], y[1], rows, y[2]]), v)
    return convert(try reshape(sums, Array(x[..<3]) + [dims(v)[3]]), to: own)
  }

  /// Pairs of the first features of x [batch, heads, positions, d] turned by angles whose cosines and sines are given,
  /// [batch or 1, 1, positions, pairs].
  func rotated(_ x: ValueID, cos: ValueID, sin: ValueID, interleaved: Bool) throws -> ValueID {
    let own = dims(x)
    let pairs = dims(cos)[3]
    let turned = try product(pairs, 2)
    let head = try part(x, axis: 3, from: 0, to: turned)
    var (a, b): (ValueID, ValueID)
    if interleaved {
      let paired = try reshape(head, Array(own[..<3]) + [pairs, 2])
      a = try reshape(part(paired, axis: 4, from: 0, to: 1), Array(own[..<3]) + [pairs])
      b = try reshape(part(paired, axis: 4, from: 1, to: 2), Array(own[..<3]) + [pairs])
    } else {
      a = try part(head, axis: 3, from: 0, to: pairs)
      b = try part(head, axis: 3, from: pairs, to: turned)
    }
    let wide: ElementType = element(x) == .f64 ? .f64 : .f32
    (a, b) = (convert(a, to: wide), convert(b, to: wide))
    let (cos, sin) = (convert(cos, to: wide), convert(sin, to: wide))
    var first = convert(try call(.sub, call(.mul, a, cos), call(.mul, b, sin)), to: element(x))
    var second = convert(try call(.add, call(.mul, b, cos), call(.mul, a, sin)), to: element(x))
    if interleaved {
      first = try reshape(first, Array(own[..<3]) + [pairs, 1])
      second = try reshape(second, Array(own[..<3]) + [pairs, 1])
      let both = try call(.concat, [.value(first), .value(second)], ["axis": .integer(4)])
      first = try reshape(both, Array(own[..<3]) + [turned])
    } else {
      first = try call(.concat, [.value(first), .value(second)], ["axis": .integer(3)])
    }
    guard areEqual(turned, own[3]) != .yes else { return first }
    let rest = try part(x, axis: 3, from: turned, to: own[3])
    return try call(.concat, [.value(first), .value(rest)], ["axis": .integer(3)])
  }
}
