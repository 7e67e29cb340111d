internal import CLLVM

/// Building, taking apart and rearranging vectors.
extension Emitter {
  /// The scalar in every one of `count` lanes.
  func splat(_ scalar: CodeValue, _ count: Int) -> CodeValue {
    guard count > 1 else { return scalar }
    let type = scalar.type.vector(count)
    let first = insert(scalar, into: poison(type), lane: 0)
    return shuffle(first, first, [Int](repeating: 0, count: count))
  }

  /// Lanes of `a` then `b`, numbered through, in the order given; −1 leaves a lane undefined.
  func shuffle(_ a: CodeValue, _ b: CodeValue, _ order: [Int]) -> CodeValue {
    var refs: [LLVMValueRef?] = order.map { ($0 < 0 ? poison(types.i32) : int($0, types.i32)).ref }
    let mask = LLVMConstVector(&refs, UInt32(refs.count))
    return value(LLVMBuildShuffleVector(builder, a.ref, b.ref, mask, ""))
  }

  /// Lanes of one vector in the order given.
  func shuffle(_ a: CodeValue, _ order: [Int]) -> CodeValue { shuffle(a, poison(a.type), order) }

  /// The lanes from the last to the first.
  func reversed(_ a: CodeValue) -> CodeValue {
    a.type.isVector ? shuffle(a, (0..<a.type.laneCount).reversed()) : a
  }

  func extract(_ vector: CodeValue, lane: Int) -> CodeValue {
    guard vector.type.isVector else { return vector }
    return value(LLVMBuildExtractElement(builder, vector.ref, int(lane, types.i32).ref, ""))
  }

  func insert(_ scalar: CodeValue, into vector: CodeValue, lane: Int) -> CodeValue {
    value(LLVMBuildInsertElement(builder, vector.ref, scalar.ref, int(lane, types.i32).ref, ""))
  }

  /// `true` in the lanes below `count`, an i64 that may lie outside 0...lanes.
  func tailMask(_ count: CodeValue, lanes: Int) -> CodeValue {
    let clamped = minimum(maximum(count, index(0)), index(lanes))
    let limit = splat(resize(clamped, to: types.i32, signed: true), lanes)
    return compare(laneIndices(types.i32.vector(lanes)), .less, limit)
  }

  /// Combines the lanes two halves at a time, a fixed order that depends on the lane count only.
  func reduceLanes(_ vector: CodeValue, _ combine: (CodeValue, CodeValue) -> CodeValue) -> CodeValue {
    var current = vector
    while current.type.laneCount > 2 {
      let count = current.type.laneCount
      precondition(count % 2 == 0, "lane counts are powers of two")
      let low = shuffle(current, Array(0..<count / 2))
      let high = shuffle(current, Array(count / 2..<count))
      current = combine(low, high)
    }
    guard current.type.isVector else { return current }
    // The last two meet as vectors too: for scalars some folds would branch.
    return extract(combine(current, shuffle(current, [1, 0])), lane: 0)
  }
}
