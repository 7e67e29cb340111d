import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Reading a tensor at places that another names.
  static var gridSampling: [OperatorRule] {
    [
      OperatorRule("GridSample", value: { n in try GridSampling(n).result() }),
      OperatorRule("AffineGrid", value: affineGrid),
    ]
  }

  /// The places that an affine map of each image's corners and centres gives, from −1 to 1.
  private static func affineGrid(_ n: NodeTranslation) throws -> ValueID {
    let theta = try n.value(0)
    let size = try n.sizes(1, "the sizes")
    let spatial = Array(size.dropFirst(2))
    let k = spatial.count
    guard k == 2 || k == 3, n.rank(theta) == 3, n.dims(theta)[1] == .constant(k), n.dims(theta)[2] == .constant(k + 1) else {
      throw n.error("onnx.operand", "the map has \(k) rows of \(k + 1) for each image, for 2 or 3 spatial axes")
    }
    let batch = size[0]
    try n.context.emitter.require(n.dims(theta)[0], equals: batch)
    let isAligned = try n.flag("align_corners")
    let map = n.convert(theta, to: .f64)
    func column(_ index: Int) throws -> ValueID {
      let part = try n.call(
        .slice, [.value(map)], ["starts": .sizes([0, 0, .constant(index)]), "limits": .sizes([batch, .constant(k), .constant(index + 1)])])
      return try n.reshape(part, [batch] + Array(repeating: 1, count: k) + [.constant(k)])
    }
    var sum = n.context.emitter.broadcast(try column(k), to: [batch] + spatial + [.constant(k)])
    for (axis, length) in spatial.enumerated() {
      let index = try n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([length]), "to": .elementType(.f64)])
      let count = n.convert(try n.value(of: length), to: .f64)
      let coordinate: ValueID
      if isAligned {
        let steps = try n.call(.max, [.value(n.call(.sub, [.value(count), .number(1)])), .number(1)])
        coordinate = try n.call(.sub, [.value(n.call(.div, [.value(n.call(.mul, [.value(index), .number(2)])), .value(steps)])), .number(1)])
      } else {
        let odd = try n.call(.add, [.value(n.call(.mul, [.value(index), .number(2)])), .number(1)])
        coordinate = try n.call(.sub, [.value(n.call(.div, odd, count)), .number(1)])
      }
      let placed = try n.reshape(coordinate, [length] + Array(repeating: 1, count: k - axis))
      // The first coordinate of a place is that along the last axis.
      sum = try n.call(.add, sum, n.call(.mul, placed, column(k - 1 - axis)))
    }
    return n.convert(sum, to: n.element(theta))
  }
}

/// `GridSample`: the elements around each place of the grid, weighted.
private struct GridSampling {
  enum Kind { case nearest, linear, cubic }
  enum Padding: String { case zeros, border, reflection }

  let n: NodeTranslation
  let kind: Kind
  let padding: Padding
  let isAligned: Bool
  let x: ValueID
  let grid: ValueID
  let spatial: [Dim]
  /// The places' axes in the result.
  let places: [Dim]
  /// What places and weights are computed in.
  let wide: ElementType

  init(_ n: NodeTranslation) throws {
    self.n = n
    switch try n.string("mode", n.version < 20 ? "bilinear" : "linear") {
    case "nearest": kind = .nearest
    case "linear", "bilinear": kind = .linear
    case "cubic", "bicubic": kind = .cubic
    case let mode: throw n.error("onnx.attribute", "there is no mode '\(mode)'")
    }
    let text = try n.string("padding_mode", "zeros")
    guard let padding = Padding(rawValue: text) else { throw n.error("onnx.attribute", "there is no padding '\(text)'") }
    self.padding = padding
    isAligned = try n.flag("align_corners")
    (x, grid) = (try n.value(0), try n.value(1))
    let k = n.rank(x) - 2
    guard k >= 1, n.rank(grid) == k + 2, n.areEqual(n.dims(grid)[k + 1], .constant(k)) != .no else {
      throw n.error("onnx.operand", "the grid holds \(max(k, 1)) coordinates for each place of each image")
    }
    try n.context.emitter.require(n.dims(x)[0], equals: n.dims(grid)[0])
    try n.context.emitter.require(n.dims(grid)[k + 1], equals: .constant(k))
    spatial = Array(n.dims(x).dropFirst(2))
    places = Array(n.dims(grid)[1...k])
    wide = n.element(grid) == .f64 || n.element(x) == .f64 ? .f64 : .f32
  }

  /// An element to read along one axis for each place, [n, places].
  private struct Tap {
    var index: ValueID
    var weight: ValueID?
    /// Whether it lies in the tensor, if one outside counts as zero.
    var isInside: ValueID?
  }

  func result() throws -> ValueID {
    let k = spatial.count
    let batch = n.dims(x)[0]
    let channels = n.dims(x)[1]
    let count = try n.product(places)
    var taps: [[Tap]] = []
    for axis in 0..<k {
      let part = try n.call(
        .slice, [.value(grid)],
        [
          "starts": .sizes(Array(repeating: 0, count: k + 1) + [.constant(k - 1 - axis)]),
          "limits": .sizes([batch] + places + [.constant(k - axis)]),
        ])
      taps.append(try self.taps(n.convert(n.reshape(part, [batch, count]), to: wide), spatial[axis]))
    }
    let flat = try n.reshape(x, [batch, channels, n.product(spatial)])
    let element = n.element(x)
    let source = kind == .nearest ? flat : n.convert(flat, to: wide)
    var sum: ValueID?
    for combination in Self.combinations(taps) {
      let part = try read(source, combination, [batch, channels, count])
      sum = try sum.map { try n.call(.add, $0, part) } ?? part
    }
    guard let sum else { throw n.error("onnx.operand", "there is nothing to sample") }
    return try n.reshape(n.convert(sum, to: element), [batch, channels] + places)
  }

  private static func combinations(_ taps: [[Tap]]) -> [[Tap]] {
    taps.reduce([[]]) { found, axis in found.flatMap { start in axis.map { start + [$0] } } }
  }

  /// The elements that one tap of each axis names, times their weights.
  private func read(_ source: ValueID, _ taps: [Tap], _ dims: [Dim]) throws -> ValueID {
    var index = taps[0].index
    for (tap, length) in zip(taps, spatial).dropFirst() {
      index = try n.call(.add, n.call(.mul, [.value(index), .size(length)]), tap.index)
    }
    func spread(_ value: ValueID) throws -> ValueID {
      n.context.emitter.broadcast(try n.reshape(value, [dims[0], 1, dims[2]]), to: dims)
    }
    var result = try n.call(.gatherElements, source, spread(index), attributes: ["axis": .integer(2)])
    let inside = try taps.compactMap(\.isInside).reduce(ValueID?.none) { sum, next in try sum.map { try n.call(.and, $0, next) } ?? next }
    if let inside {
      let zero = try n.constant(Tensor(repeating: .signed(0), n.element(source), shape: []))
      result = try n.call(.select, spread(inside), result, zero)
    }
    let weight = try taps.compactMap(\.weight).reduce(ValueID?.none) { product, next in
      try product.map { try n.call(.mul, $0, next) } ?? next
    }
    return try weight.map { try n.call(.mul, result, spread($0)) } ?? result
  }

  // MARK: One axis

  private func taps(_ normal: ValueID, _ length: Dim) throws -> [Tap] {
    let count = n.convert(try n.value(of: length), to: wide)
    var place = try n.call(.add, [.value(normal), .number(1)])
    if isAligned {
      place = try n.call(.mul, n.call(.mul, [.value(place), .number(0.5)]), n.call(.sub, [.value(count), .number(1)]))
    } else {
      place = try n.call(.mul, [.value(n.call(.sub, [.value(n.call(.mul, place, count)), .number(1)])), .number(0.5)])
    }
    if kind == .nearest { place = try n.call(.round, place) }
    switch padding {
    case .zeros: break
    // The neighbours of a cubic one are clamped each, as PyTorch does: its weights are those of the place itself.
    case .border where kind == .cubic: break
    case .border: place = try n.call(.clamp, [.value(place), .number(0), .value(n.call(.sub, [.value(count), .number(1)]))])
    case .reflection: place = try reflected(place, count)
    }
    if kind == .nearest { return [try tap(place, count, weight: nil)] }
    let base = try n.call(.floor, place)
    let fraction = try n.call(.sub, place, base)
    let weights = try kind == .linear ? linear(fraction) : cubic(fraction)
    let first = kind == .linear ? 0.0 : -1
    return try weights.enumerated().map { offset, weight in
      try tap(n.call(.add, [.value(base), .number(first + Double(offset))]), count, weight: weight)
    }
  }

  private func tap(_ position: ValueID, _ count: ValueID, weight: ValueID?) throws -> Tap {
    let last = try n.call(.sub, [.value(count), .number(1)])
    var isInside: ValueID?
    if padding == .zeros {
      isInside = try n.call(
        .and, n.call(.greaterEqual, [.value(position), .number(0)]), n.call(.lessEqual, [.value(position), .value(last)]))
    }
    let inner = padding == .reflection ? try reflected(position, count) : position
    let index = n.convert(try n.call(.clamp, [.value(inner), .number(0), .value(last)]), to: .s64)
    return Tap(index: index, weight: weight, isInside: isInside)
  }

  /// The place after reflections at both ends.
  private func reflected(_ place: ValueID, _ count: ValueID) throws -> ValueID {
    let low = isAligned ? 0 : -0.5
    // An axis of one element reflects to it, whatever the extent.
    let extent = isAligned ? try n.call(.max, [.value(n.call(.sub, [.value(count), .number(1)])), .number(1)]) : count
    let distance = try n.call(.abs, n.call(.sub, [.value(place), .number(low)]))
    let turns = try n.call(.floor, n.call(.div, distance, extent))
    let rest = try n.call(.sub, distance, n.call(.mul, turns, extent))
    let isOdd = try n.call(.notEqual, [.value(n.call(.rem, [.value(turns), .number(2)])), .number(0)])
    let backwards = try n.call(.sub, extent, rest)
    return try n.call(.add, [.value(n.call(.select, isOdd, backwards, rest)), .number(low)])
  }

  private func linear(_ t: ValueID) throws -> [ValueID] { [try n.call(.sub, [.number(1), .value(t)]), t] }

  /// Keys' weights of four neighbours, with a = −0.75.
  private func cubic(_ t: ValueID) throws -> [ValueID] {
    let a = -0.75
    func polynomial(_ coefficients: [Double], _ d: ValueID) throws -> ValueID {
      try coefficients.reduce(n.scalar(0, wide)) { sum, coefficient in
        try n.call(.add, [.value(n.call(.mul, sum, d)), .number(coefficient)])
      }
    }
    let near = [a + 2, -(a + 3), 0, 1]
    let far = [a, -5 * a, 8 * a, -4 * a]
    let u = try n.call(.sub, [.number(1), .value(t)])
    return [
      try polynomial(far, n.call(.add, [.value(t), .number(1)])), try polynomial(near, t), try polynomial(near, u),
      try polynomial(far, n.call(.add, [.value(u), .number(1)])),
    ]
  }
}
