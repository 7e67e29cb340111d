import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Sampling the axes of a tensor anew at other sizes.
  static var resizing: [OperatorRule] {
    [
      OperatorRule("Resize", value: { n in try n.version < 11 ? upsample(n, scales: 1) : resize(n) }),
      OperatorRule("Upsample", value: { n in try upsample(n, scales: n.version < 9 ? nil : 1) }),
    ]
  }

  /// Resize as it was first, and Upsample: scales alone.
  private static func upsample(_ n: NodeTranslation, scales operand: Int?) throws -> ValueID {
    let x = try n.value(0)
    let scales = try operand.map { try n.floats($0, "the scales") } ?? n.optionalFloats("scales") ?? []
    guard scales.count == n.rank(x) else {
      throw n.error("onnx.attribute", "there are \(scales.count) scales for \(n.rank(x)) axes")
    }
    let mode = try n.string("mode", "nearest")
    var settings = Resampling.Settings(kind: mode == "nearest" ? .nearest : .linear)
    guard ["nearest", "linear", "bilinear"].contains(mode) else { throw n.error("onnx.attribute", "there is no mode '\(mode)'") }
    settings.coordinates = .asymmetric
    var result = x
    for (axis, scale) in scales.enumerated() {
      settings.rounding = n.node.op == "Resize" && scale < 1 ? .up : .down
      let samples = try Resampling.scaled(n, n.dims(x)[axis], scale)
      result = try Resampling(n, settings).resampled(result, axis, samples)
    }
    return n.convert(result, to: n.element(x))
  }

  private static func resize(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let rank = n.rank(x)
    let settings = try Resampling.Settings(n)
    let axes = try n.axes(n.ints("axes", Array(0..<rank)), rank: rank)
    let samples = try sizes(n, n.dims(x), axes)
    let roi = settings.coordinates == .cropAndResize ? try n.optionalValue(1) : nil
    if settings.coordinates == .cropAndResize {
      guard let roi, n.rank(roi) == 1, n.dims(roi)[0] == .constant(2 * axes.count) else {
        throw n.error("onnx.operand", "the region has a start and an end for each axis")
      }
    }
    var result = x
    for (index, axis) in axes.enumerated() {
      var sample = samples[index]
      if let roi {
        let bounds = try [index, axes.count + index].map { position in
          let part = try n.call(
            .slice, [.value(roi)], ["starts": .sizes([.constant(position)]), "limits": .sizes([.constant(position + 1)])])
          return n.convert(try n.reshape(part, []), to: .f64)
        }
        sample.region = (bounds[0], bounds[1])
      }
      result = try Resampling(n, settings).resampled(result, axis, sample)
    }
    return n.convert(result, to: n.element(x))
  }

  /// The sizes of the result along the axes, from either operand.
  private static func sizes(_ n: NodeTranslation, _ dims: [Dim], _ axes: [Int]) throws -> [Resampling.Samples] {
    let isScaled = try n.has(2) && n.inputType(2).dims != [0]
    guard isScaled != n.has(3) else { throw n.error("onnx.operand", "either the scales or the sizes are given") }
    if isScaled {
      let scales = try n.floats(2, "the scales")
      guard scales.count == axes.count else { throw n.error("onnx.operand", "there are \(scales.count) scales for \(axes.count) axes") }
      return try zip(axes, scales).map { try Resampling.scaled(n, dims[$0], $1) }
    }
    let sizes = try n.sizes(3, "the sizes")
    guard sizes.count == axes.count else { throw n.error("onnx.operand", "there are \(sizes.count) sizes for \(axes.count) axes") }
    let policy = try n.string("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch" { return zip(axes, sizes).map { Resampling.Samples(before: dims[$0], after: $1) } }
    guard policy == "not_larger" || policy == "not_smaller" else {
      throw n.error("onnx.attribute", "there is no policy '\(policy)'")
    }
    let ratios = try zip(axes, sizes).map { axis, size in
      guard let before = dims[axis].constantValue, let after = size.constantValue, before > 0 else {
        throw n.unsupported("which axis keeps its ratio depends on sizes that are not known")
      }
      return Double(after) / Double(before)
    }
    let scale = policy == "not_larger" ? ratios.min() ?? 1 : ratios.max() ?? 1
    return try axes.map { axis in
      let width = scale * Double(dims[axis].constantValue ?? 0)
      guard let after = Int(exactly: (width + 0.5).rounded(.towardZero)) else {
        throw n.error("onnx.scale", "an axis of \(width) elements is none")
      }
      return Resampling.Samples(before: dims[axis], after: .constant(after), scale: scale, width: width)
    }
  }
}

/// How one axis is sampled: the weighted sum of the elements around the place that an index of the result stands for.
struct Resampling {
  enum Kind { case nearest, linear, cubic }
  enum Coordinates: String {
    case halfPixel = "half_pixel"
    case symmetric = "half_pixel_symmetric"
    case pytorch = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric
    case cropAndResize = "tf_crop_and_resize"
  }
  enum Rounding: String {
    case halfDown = "round_prefer_floor"
    case halfUp = "round_prefer_ceil"
    case down = "floor"
    case up = "ceil"
  }

  struct Settings {
    var kind: Kind
    var coordinates = Coordinates.halfPixel
    var rounding = Rounding.halfDown
    var cubic = -0.75
    /// Elements beyond the ends have no weight, instead of repeating the last one.
    var excludesOutside = false
    /// The filter is as much wider as there are fewer samples.
    var antialiases = false
    /// What a place outside the input gives, if it is not its nearest element.
    var extrapolation = 0.0

    init(kind: Kind) { self.kind = kind }

    init(_ n: NodeTranslation) throws {
      func choice<Choice: RawRepresentable<String>>(_ name: String, _ standard: Choice) throws -> Choice {
        let text = try n.string(name, standard.rawValue)
        guard let found = Choice(rawValue: text) else { throw n.error("onnx.attribute", "'\(name)' cannot be '\(text)'") }
        return found
      }
      let mode = try n.string("mode", "nearest")
      switch mode {
      case "nearest": kind = .nearest
      case "linear": kind = .linear
      case "cubic": kind = .cubic
      default: throw n.error("onnx.attribute", "there is no mode '\(mode)'")
      }
      coordinates = try choice("coordinate_transformation_mode", .halfPixel)
      rounding = try choice("nearest_mode", .halfDown)
      cubic = try n.float("cubic_coeff_a", -0.75)
      excludesOutside = try n.flag("exclude_outside")
      antialiases = try n.flag("antialias")
      extrapolation = try n.float("extrapolation_value", 0)
    }
  }

  /// The size of an axis before and after.
  struct Samples {
    var before: Dim
    var after: Dim
    /// Stated, or nil for the ratio of the sizes.
    var scale: Double?
    /// The size after, before it was rounded.
    var width: Double?
    /// The part of the axis that is sampled, in its own length.
    var region: (start: ValueID, end: ValueID)?
  }

  let n: NodeTranslation
  let settings: Settings

  init(_ n: NodeTranslation, _ settings: Settings) {
    self.n = n
    self.settings = settings
  }

  /// The size times the scale, rounded down. A scale is what its shortest decimal says: five times 1.4 is seven.
  static func scaled(_ n: NodeTranslation, _ size: Dim, _ scale: Double) throws -> Samples {
    guard scale > 0x1p-30, scale < 0x1p30 else { throw n.error("onnx.scale", "\(scale) is no scale") }
    let parts = Float(scale).description.split(separator: "e")
    let digits = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let shift = digits.dropFirst().reduce(0) { $0 + $1.count } - (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    guard var numerator = Int(digits.joined()), abs(shift) <= 18 else { throw n.error("onnx.scale", "\(scale) is no scale") }
    var denominator = 1
    for _ in 0..<max(shift, 0) { denominator *= 10 }
    for _ in 0..<max(-shift, 0) { numerator *= 10 }
    let after = try n.quotient(try n.product(size, .constant(numerator)), .constant(denominator))
    return Samples(before: size, after: after, scale: scale, width: size.constantValue.map { Double($0) * scale })
  }

  func resampled(_ x: ValueID, _ axis: Int, _ samples: Samples) throws -> ValueID {
    if isIdentity(samples) { return x }
    guard n.isAtMost(0, samples.after) != .no else { throw n.error("onnx.scale", "an axis cannot have a negative size") }
    if samples.after == 0 { return try n.slice(x, axis: axis, 0, 0) }
    let place = try self.place(samples)
    var result: ValueID
    if settings.kind == .nearest {
      result = try n.call(.gather, x, try index(try nearest(place), samples), attributes: ["axis": .integer(axis)])
    } else {
      result = try filtered(x, axis, place, samples)
    }
    if settings.coordinates == .cropAndResize {
      let end = try length(samples.before, minus: 1)
      let isOutside = try n.call(.or, n.call(.less, [.value(place), .number(0)]), n.call(.greater, [.value(place), .value(end)]))
      let mask = try n.reshape(isOutside, [samples.after] + ones(n.rank(result) - axis - 1))
      let outside = try n.scalar(settings.extrapolation, n.element(result))
      result = try n.call(.select, mask, outside, result)
    }
    return result
  }

  private func isIdentity(_ samples: Samples) -> Bool {
    samples.region == nil && n.areEqual(samples.before, samples.after) == .yes && (samples.scale ?? 1) == 1
  }

  private func ones(_ count: Int) -> [Dim] { Array(repeating: 1, count: count) }

  // MARK: Places

  private func number(_ dim: Dim) throws -> ValueID {
    n.convert(try n.value(of: dim), to: .f64)
  }

  private func length(_ dim: Dim, minus less: Double) throws -> ValueID {
    try n.call(.sub, [.value(try number(dim)), .number(less)])
  }

  /// Where in the input each index of the result lies, as f64.
  private func place(_ samples: Samples) throws -> ValueID {
    let index = try n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([samples.after]), "to": .elementType(.f64)])
    let before = try number(samples.before)
    let scale: Meaning = try samples.scale.map { .number($0) } ?? .value(n.call(.div, try number(samples.after), before))
    let width: ValueID
    if let known = samples.width {
      width = try n.scalar(known, .f64)
    } else if let stated = samples.scale {
      width = try n.call(.mul, [.value(before), .number(stated)])
    } else {
      width = try number(samples.after)
    }
    func centred() throws -> ValueID {
      let middle = try n.call(.add, [.value(index), .number(0.5)])
      return try n.call(.sub, [.value(n.call(.div, [.value(middle), scale])), .number(0.5)])
    }
    func isOne() throws -> ValueID { try n.call(.equal, [.value(width), .number(1)]) }
    switch settings.coordinates {
    case .halfPixel: return try centred()
    case .asymmetric: return try n.call(.div, [.value(index), scale])
    case .pytorch: return try n.call(.select, [.value(isOne()), .number(-0.5), .value(centred())])
    case .symmetric:
      let adjustment = try n.call(.div, try number(samples.after), width)
      let centre = try n.call(.mul, [.value(before), .number(0.5)])
      let offset = try n.call(.mul, centre, n.call(.sub, [.number(1), .value(adjustment)]))
      return try n.call(.add, offset, centred())
    case .alignCorners:
      let step = try n.call(
        .div, n.call(.mul, index, length(samples.before, minus: 1)), n.call(.sub, [.value(width), .number(1)]))
      return try n.call(.select, [.value(isOne()), .number(0), .value(step)])
    case .cropAndResize:
      guard let region = samples.region else { throw n.error("onnx.operand", "the region is left out") }
      let last = try length(samples.before, minus: 1)
      let extent = try n.call(.mul, n.call(.sub, region.end, region.start), last)
      let step = try n.call(.div, n.call(.mul, index, extent), n.call(.sub, [.value(width), .number(1)]))
      let middle = try n.call(.mul, [.value(extent), .number(0.5)])
      let offset = try n.call(.select, isOne(), middle, step)
      return try n.call(.add, offset, n.call(.mul, region.start, last))
    }
  }

  private func nearest(_ place: ValueID) throws -> ValueID {
    switch settings.rounding {
    case .halfDown: try n.call(.ceil, n.call(.sub, [.value(place), .number(0.5)]))
    case .halfUp: try n.call(.floor, n.call(.add, [.value(place), .number(0.5)]))
    case .down: try n.call(.floor, place)
    case .up: try n.call(.ceil, place)
    }
  }

  /// Whole numbers in f64 as indices within the axis.
  private func index(_ position: ValueID, _ samples: Samples) throws -> ValueID {
    let clamped = try n.call(.clamp, [.value(position), .number(0), .value(length(samples.before, minus: 1))])
    return n.convert(clamped, to: .s64)
  }

  // MARK: Filters

  /// Most elements of an op's own that are added up one after another.
  private static let maximumTaps = 8

  /// Elements of the widest filter to either side.
  private static let widestFilter = 16_777_216.0

  private func filtered(_ x: ValueID, _ axis: Int, _ place: ValueID, _ samples: Samples) throws -> ValueID {
    var stretch = 1.0
    if settings.antialiases {
      guard let scale = samples.scale ?? ratio(samples) else {
        throw n.unsupported("how wide the filter is depends on sizes that are not known")
      }
      stretch = min(scale, 1)
    }
    let reach = settings.kind == .cubic ? 2.0 : 1.0
    guard reach / stretch < Self.widestFilter else { throw n.error("onnx.scale", "a scale of \(stretch) needs too wide a filter") }
    let first = Int((-reach / stretch).rounded(.down)) + 1
    let count = 2 - 2 * first
    // Of two elements as near, the one before comes first.
    let base = try n.call(.sub, [.value(n.call(.ceil, place)), .number(1)])
    let taps = try n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([.constant(count)]), "to": .elementType(.f64)])
    let offsets = try n.call(.add, [.value(taps), .number(Double(first))])
    let column: [Dim] = [samples.after, 1]
    let positions = try n.call(.add, n.reshape(base, column), offsets)
    let fraction = try n.reshape(n.call(.sub, place, base), column)
    let distance = try n.call(.abs, n.call(.mul, [.value(n.call(.sub, offsets, fraction)), .number(stretch)]))
    var weights = try weight(distance)
    if settings.excludesOutside {
      let end = try length(samples.before, minus: 1)
      let isInside = try n.call(
        .and, n.call(.greaterEqual, [.value(positions), .number(0)]), n.call(.lessEqual, [.value(positions), .value(end)]))
      weights = try n.call(.select, [.value(isInside), .value(weights), .number(0)])
    }
    if settings.antialiases || settings.excludesOutside {
      let sum = try n.call(.reduceSum, [.value(weights)], ["axes": .ints([1]), "keep_dims": .bool(true)])
      let isZero = try n.call(.equal, [.value(sum), .number(0)])
      weights = try n.call(.div, weights, n.call(.select, [.value(isZero), .number(1), .value(sum)]))
    }
    return try weighted(x, axis, try index(positions, samples), weights, count, samples)
  }

  private func ratio(_ samples: Samples) -> Double? {
    guard let before = samples.before.constantValue, let after = samples.after.constantValue, before > 0 else { return nil }
    return Double(after) / Double(before)
  }

  /// The filter at a distance: a triangle, or Keys' cubic.
  private func weight(_ distance: ValueID) throws -> ValueID {
    let d = Meaning.value(distance)
    guard settings.kind == .cubic else { return try n.call(.max, [.value(n.call(.sub, [.number(1), d])), .number(0)]) }
    let a = settings.cubic
    // Horner's form, highest power first.
    func polynomial(_ coefficients: [Double]) throws -> ValueID {
      try coefficients.reduce(n.scalar(0, .f64)) { sum, coefficient in
        try n.call(.add, [.value(n.call(.mul, [.value(sum), d])), .number(coefficient)])
      }
    }
    let near = try polynomial([a + 2, -(a + 3), 0, 1])
    let far = try polynomial([a, -5 * a, 8 * a, -4 * a])
    let outer = try n.call(.select, [.value(n.call(.less, [d, .number(2)])), .value(far), .number(0)])
    return try n.call(.select, n.call(.lessEqual, [d, .number(1)]), near, outer)
  }

  private func weighted(
    _ x: ValueID, _ axis: Int, _ indices: ValueID, _ weights: ValueID, _ count: Int, _ samples: Samples
  ) throws -> ValueID {
    let element = n.element(x)
    let wide: ElementType = element == .f64 || (element.isInteger && element.byteCount > 2) ? .f64 : .f32
    let source = n.convert(x, to: wide)
    let factors = n.convert(weights, to: wide)
    let rest = ones(n.rank(x) - axis - 1)
    if count > Self.maximumTaps {
      let parts = try n.call(.gather, source, indices, attributes: ["axis": .integer(axis)])
      let products = try n.call(.mul, parts, n.reshape(factors, [samples.after, .constant(count)] + rest))
      return try n.call(.reduceSum, [.value(products)], ["axes": .ints([axis + 1])])
    }
    var sum: ValueID?
    for tap in 0..<count {
      func column(_ value: ValueID, _ dims: [Dim]) throws -> ValueID {
        let part = try n.call(
          .slice, [.value(value)], ["starts": .sizes([0, .constant(tap)]), "limits": .sizes([samples.after, .constant(tap + 1)])])
        return try n.reshape(part, dims)
      }
      let part = try n.call(.gather, source, column(indices, [samples.after]), attributes: ["axis": .integer(axis)])
      let product = try n.call(.mul, part, column(factors, [samples.after] + rest))
      sum = try sum.map { try n.call(.add, $0, product) } ?? product
    }
    return sum ?? source
  }
}
