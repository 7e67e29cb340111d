import ApusTensor

/// Row-major strides, in elements.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = Array(repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
  return strides
}

func elementCount(_ shape: some Sequence<Int>) -> Int { shape.reduce(1, *) }

/// A walk over the elements of an array, in elements of its buffer.
struct StridedWalk {
  var start: Int
  var strides: [Int]

  init(start: Int = 0, _ strides: [Int]) {
    self.start = start
    self.strides = strides
  }

  /// All of a row-major array.
  init(rowMajor shape: [Int]) { self.init(rowMajorStrides(shape)) }
}

/// Calls `body` with the offsets in two walks over `shape` at the start of each innermost row.
/// A scalar counts as one row of one element.
func forEachRow(
  _ shape: [Int], _ first: StridedWalk, _ second: StridedWalk, _ body: (_ first: Int, _ second: Int) -> Void
) {
  if shape.contains(0) { return }
  let outer = shape.dropLast()
  var index = Array(repeating: 0, count: outer.count)
  var (a, b) = (first.start, second.start)
  while true {
    body(a, b)
    var axis = outer.count - 1
    while axis >= 0 {
      index[axis] += 1
      a += first.strides[axis]
      b += second.strides[axis]
      if index[axis] < outer[axis] { break }
      a -= first.strides[axis] * outer[axis]
      b -= second.strides[axis] * outer[axis]
      index[axis] = 0
      axis -= 1
    }
    if axis < 0 { return }
  }
}

/// Copies `shape` elements of `size` bytes from one walk to another.
func copyElements(
  _ shape: [Int], size: Int, from source: UnsafeRawBufferPointer, _ sourceWalk: StridedWalk,
  to target: UnsafeMutableRawBufferPointer, _ targetWalk: StridedWalk
) {
  guard let source = source.baseAddress, let target = target.baseAddress else { return }
  let (shape, sourceWalk, targetWalk) = mergingAxes(shape, sourceWalk, targetWalk)
  switch size {
  case 1: copyElements(shape, UInt8.self, from: source, sourceWalk, to: target, targetWalk)
  case 2: copyElements(shape, UInt16.self, from: source, sourceWalk, to: target, targetWalk)
  case 4: copyElements(shape, UInt32.self, from: source, sourceWalk, to: target, targetWalk)
  case 8: copyElements(shape, UInt64.self, from: source, sourceWalk, to: target, targetWalk)
  case _: preconditionFailure("elements of \(size) bytes")
  }
}

private func copyElements<Element: BitwiseCopyable>(
  _ shape: [Int], _: Element.Type, from source: UnsafeRawPointer, _ sourceWalk: StridedWalk,
  to target: UnsafeMutableRawPointer, _ targetWalk: StridedWalk
) {
  let size = MemoryLayout<Element>.size
  let count = shape.last ?? 1
  let sourceStep = (sourceWalk.strides.last ?? 1) * size
  let targetStep = (targetWalk.strides.last ?? 1) * size
  let isRow = sourceStep == size && targetStep == size && count > 4
  forEachRow(shape, sourceWalk, targetWalk) { from, to in
    var read = source + from * size
    var write = target + to * size
    if isRow {
      write.copyMemory(from: read, byteCount: count * size)
      return
    }
    var index = 0
    while index < count {
      write.storeBytes(of: read.loadUnaligned(as: Element.self), as: Element.self)
      read += sourceStep
      write += targetStep
      index += 1
    }
  }
}

/// The same walks with neighbouring axes as one where both go on along them in one step, and without axes of size 1.
private func mergingAxes(_ shape: [Int], _ first: StridedWalk, _ second: StridedWalk) -> ([Int], StridedWalk, StridedWalk) {
  var merged: [(size: Int, first: Int, second: Int)] = []
  for axis in shape.indices where shape[axis] != 1 {
    let next = (size: shape[axis], first: first.strides[axis], second: second.strides[axis])
    if let last = merged.last, last.first == next.first * next.size, last.second == next.second * next.size {
      merged[merged.count - 1] = (last.size * next.size, next.first, next.second)
    } else {
      merged.append(next)
    }
  }
  return (
    merged.map(\.size), StridedWalk(start: first.start, merged.map(\.first)),
    StridedWalk(start: second.start, merged.map(\.second))
  )
}

extension Operation {
  /// A tensor of that shape with the elements that a walk over `x` meets.
  func picking(_ x: Tensor, _ shape: [Int], _ walk: StridedWalk) throws -> Tensor {
    var result = try allocate(x.elementType, shape)
    result.withUnsafeMutableBytes { target in
      x.withUnsafeBytes { source in
        copyElements(
          shape, size: x.elementType.byteCount, from: source, walk, to: target, StridedWalk(rowMajor: shape))
      }
    }
    return result
  }

  /// `x` with its axes in another order.
  func permuted(_ x: Tensor, _ axes: [Int]) throws -> Tensor {
    if axes.elementsEqual(x.shape.indices) { return x }
    let strides = rowMajorStrides(x.shape)
    return try picking(x, axes.map { x.shape[$0] }, StridedWalk(axes.map { strides[$0] }))
  }

  /// `x` with `axis` moved to the end.
  func movingToEnd(_ axis: Int, of x: Tensor) throws -> Tensor {
    try permuted(x, x.shape.indices.filter { $0 != axis } + [axis])
  }

  /// Undoes `movingToEnd`.
  func movingFromEnd(_ axis: Int, of x: Tensor) throws -> Tensor {
    var order = Array(0..<(x.rank - 1))
    order.insert(x.rank - 1, at: axis)
    return try permuted(x, order)
  }
}
