import ApusTensor

/// How elements are combined into one.
enum Fold: Sendable {
  case sum, prod, max, min, and, or

  /// The fold of that name, as attributes call it.
  init(name: String) {
    switch name {
    case "sum": self = .sum
    case "prod": self = .prod
    case "max": self = .max
    case "min": self = .min
    case "and": self = .and
    case "or": self = .or
    default: preconditionFailure("no fold is called \(name)")
    }
  }

  var op: BinaryOp {
    switch self {
    case .sum: .add
    case .prod: .mul
    case .max: .max
    case .min: .min
    case .and: .and
    case .or: .or
    }
  }

  /// The fold of no floats.
  var neutralFloat: Double {
    switch self {
    case .sum: 0
    case .prod: 1
    case .max: -.infinity
    case .min: .infinity
    case .and, .or: preconditionFailure("\(self) of floats")
    }
  }

  /// The fold of no integers.
  func neutralInteger(_ type: ElementType) -> Int64 {
    switch self {
    case .sum, .or: 0
    case .prod: 1
    case .max: smallestInteger(type)
    case .min: largestInteger(type)
    case .and: type == .bool ? 1 : -1
    }
  }

  /// Folds each run of `length` elements; `count` runs lie in a row. The result has yet to be rounded to `type`.
  func apply(_ x: Elements, _ type: ElementType, count: Int, length: Int) -> Elements {
    switch x {
    case .floats(let values):
      return .floats(folded(values, count, length, neutralFloat, op.onFloats(.f64)))
    case .integers(let values):
      return .integers(folded(values, count, length, neutralInteger(type), op.onIntegers(type)))
    }
  }
}

private func folded<T>(
  _ values: [T], _ count: Int, _ length: Int, _ neutral: T, _ combine: (T, T) -> T
) -> [T] {
  (0..<count).map { run in
    var total = neutral
    var index = run * length
    let end = index + length
    while index < end {
      total = combine(total, values[index])
      index += 1
    }
    return total
  }
}

extension Operation {
  func reduce(_ fold: Fold) throws -> Tensor {
    let x = operands[0]
    let axes = ints("axes")
    let kept = x.shape.indices.filter { !axes.contains($0) }
    let lined = try permuted(x, kept + axes)
    let count = elementCount(kept.map { x.shape[$0] })
    let values = fold.apply(
      Elements(lined), x.elementType, count: count, length: elementCount(axes.map { x.shape[$0] }))
    return try tensor(values, x.elementType, reducedShape(x.shape, axes))
  }

  func reducedShape(_ shape: [Int], _ axes: [Int]) -> [Int] {
    let keepsDims = bool("keep_dims")
    return shape.indices.compactMap { axes.contains($0) ? (keepsDims ? 1 : nil) : shape[$0] }
  }

  func scan() throws -> Tensor {
    let (x, axis) = (operands[0], int("axis"))
    let (isExclusive, isReversed) = (bool("exclusive"), bool("reverse"))
    let fold = Fold(name: name("kind"))
    let length = x.shape[axis]
    let lined = try movingToEnd(axis, of: x)
    let lines = length == 0 ? 0 : x.count / length
    func scanned<T>(_ values: [T], _ neutral: T, _ combine: (T, T) -> T) -> [T] {
      var result = values
      for line in 0..<lines {
        var total = neutral
        for step in 0..<length {
          let index = line * length + (isReversed ? length - 1 - step : step)
          let next = combine(total, values[index])
          result[index] = isExclusive ? total : next
          total = next
        }
      }
      return result
    }
    let type = x.elementType
    let values: Elements
    switch Elements(lined) {
    case .floats(let elements):
      let round = rounding(to: accumulator(of: type))
      let combine = fold.op.onFloats(type)
      values = .floats(scanned(elements, fold.neutralFloat) { round(combine($0, $1)) })
    case .integers(let elements):
      let combine = fold.op.onIntegers(type)
      values = .integers(scanned(elements, fold.neutralInteger(type)) { wrapped(combine($0, $1), to: type) })
    }
    return try movingFromEnd(axis, of: try tensor(values, type, lined.shape))
  }

  func reduceWindow() throws -> Tensor {
    let x = operands[0]
    let sizes = ints("window")
    let axes = sizes.count
    let spatial = Array(x.shape.suffix(axes))
    let window = try Window(
      input: spatial, kernel: sizes, strides: ints("strides", orRepeating: 1, count: axes),
      pads: ints("pads", orRepeating: 0, count: 2 * axes),
      dilations: ints("dilations", orRepeating: 1, count: axes), of: self)
    let fold = Fold(name: name("kind"))
    let type = x.elementType
    let images = elementCount(x.shape.dropLast(axes))
    let size = elementCount(spatial)
    let taps = elementCount(sizes)
    func picked<T>(_ values: [T], _ neutral: T) -> [T] {
      var taken: [T] = []
      taken.reserveCapacity(images * window.offsets.count)
      for image in 0..<images {
        for offset in window.offsets { taken.append(offset < 0 ? neutral : values[image * size + offset]) }
      }
      return taken
    }
    let taken: Elements
    switch Elements(x) {
    case .floats(let values): taken = .floats(picked(values, fold.neutralFloat))
    case .integers(let values): taken = .integers(picked(values, fold.neutralInteger(type)))
    }
    let folds = fold.apply(taken, type, count: images * elementCount(window.output), length: taps)
    return try tensor(folds, type, x.shape.dropLast(axes) + window.output)
  }
}
