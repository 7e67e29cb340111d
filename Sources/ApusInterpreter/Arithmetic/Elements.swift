import ApusTensor

/// Elements widened for computing: floats to f64, integers and bool to 64 bits. A u64 keeps its bit pattern.
///
/// Widening and narrowing back keep every bit, those of a NaN included.
enum Elements: Sendable {
  case floats([Double])
  case integers([Int64])

  var count: Int {
    switch self {
    case .floats(let values): values.count
    case .integers(let values): values.count
    }
  }

  var floats: [Double] {
    guard case .floats(let values) = self else { preconditionFailure("integers where floats belong") }
    return values
  }

  var integers: [Int64] {
    guard case .integers(let values) = self else { preconditionFailure("floats where integers belong") }
    return values
  }

  init(_ tensor: Tensor) {
    self = tensor.withUnsafeBytes { bytes in
      Elements(bytes, as: tensor.elementType, count: tensor.count)
    }
  }

  /// Widens `count` elements that lie in a row from the start of `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, as type: ElementType, count: Int) {
    guard count > 0, let base = bytes.baseAddress else {
      self = type.isFloat ? .floats([]) : .integers([])
      return
    }
    precondition(count * type.byteCount <= bytes.count, "\(count) elements of \(type) in \(bytes.count) bytes")
    if Int(bitPattern: base) % type.byteCount != 0 {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
      defer { copy.deallocate() }
      copy.copyMemory(from: bytes)
      self = Elements(UnsafeRawBufferPointer(copy), as: type, count: count)
      return
    }
    switch type {
    case .f32: self = Self.floats(base, count, Float.self, widened)
    case .f64: self = Self.floats(base, count, Double.self, { $0 })
    case .f16: self = Self.floats(base, count, UInt16.self, { widened(Float16Bits.float($0)) })
    case .bf16: self = Self.floats(base, count, UInt16.self, { widened(BFloat16Bits.float($0)) })
    case .s8: self = Self.integers(base, count, Int8.self, { Int64($0) })
    case .s16: self = Self.integers(base, count, Int16.self, { Int64($0) })
    case .s32: self = Self.integers(base, count, Int32.self, { Int64($0) })
    case .s64: self = Self.integers(base, count, Int64.self, { $0 })
    case .u8: self = Self.integers(base, count, UInt8.self, { Int64($0) })
    case .u16: self = Self.integers(base, count, UInt16.self, { Int64($0) })
    case .u32: self = Self.integers(base, count, UInt32.self, { Int64($0) })
    case .u64: self = Self.integers(base, count, UInt64.self, { Int64(bitPattern: $0) })
    case .bool: self = Self.integers(base, count, UInt8.self, { $0 == 0 ? 0 : 1 })
    }
  }

  /// Narrows the elements to `type` and writes them in a row from the start of `bytes`: floats round to nearest
  /// even, integers wrap.
  func store(to bytes: UnsafeMutableRawBufferPointer, as type: ElementType) {
    guard count > 0, let base = bytes.baseAddress else { return }
    precondition(count * type.byteCount <= bytes.count, "\(count) elements of \(type) in \(bytes.count) bytes")
    precondition(Int(bitPattern: base) % type.byteCount == 0, "results lie at multiples of their size")
    switch type {
    case .f32: Self.put(floats, base, narrowedToFloat)
    case .f64: Self.put(floats, base, { $0 })
    case .f16: Self.put(floats, base, narrowedToFloat16)
    case .bf16: Self.put(floats, base, narrowedToBFloat16)
    case .s8: Self.put(integers, base, { Int8(truncatingIfNeeded: $0) })
    case .s16: Self.put(integers, base, { Int16(truncatingIfNeeded: $0) })
    case .s32: Self.put(integers, base, { Int32(truncatingIfNeeded: $0) })
    case .s64: Self.put(integers, base, { $0 })
    case .u8: Self.put(integers, base, { UInt8(truncatingIfNeeded: $0) })
    case .u16: Self.put(integers, base, { UInt16(truncatingIfNeeded: $0) })
    case .u32: Self.put(integers, base, { UInt32(truncatingIfNeeded: $0) })
    case .u64: Self.put(integers, base, { UInt64(bitPattern: $0) })
    case .bool: Self.put(integers, base, { UInt8($0 == 0 ? 0 : 1) })
    }
  }

  /// The elements as a value of `type` holds them.
  func rounded(to type: ElementType) -> Elements {
    switch self {
    case .floats(let values):
      let round = rounding(to: type)
      return .floats(mapped(values, round))
    case .integers(let values):
      return .integers(mapped(values) { wrapped($0, to: type) })
    }
  }

  private static func floats<T>(
    _ base: UnsafeRawPointer, _ count: Int, _: T.Type, _ widen: (T) -> Double
  ) -> Elements {
    let source = base.assumingMemoryBound(to: T.self)
    return .floats(
      [Double](unsafeUninitializedCapacity: count) { target, initialized in
        initialized = count
        guard let target = target.baseAddress else { return }
        var index = 0
        while index < count {
          target[index] = widen(source[index])
          index += 1
        }
      })
  }

  private static func integers<T>(
    _ base: UnsafeRawPointer, _ count: Int, _: T.Type, _ widen: (T) -> Int64
  ) -> Elements {
    let source = base.assumingMemoryBound(to: T.self)
    return .integers(
      [Int64](unsafeUninitializedCapacity: count) { target, initialized in
        initialized = count
        guard let target = target.baseAddress else { return }
        var index = 0
        while index < count {
          target[index] = widen(source[index])
          index += 1
        }
      })
  }

  private static func put<Wide, T>(_ values: [Wide], _ base: UnsafeMutableRawPointer, _ narrow: (Wide) -> T) {
    let target = base.assumingMemoryBound(to: T.self)
    values.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { return }
      var index = 0
      while index < values.count {
        target[index] = narrow(source[index])
        index += 1
      }
    }
  }
}

/// `transform` of each value.
func mapped<A, B>(_ values: [A], _ transform: (A) -> B) -> [B] {
  let count = values.count
  if count == 1 { return [transform(values[0])] }
  return [B](unsafeUninitializedCapacity: count) { target, initialized in
    values.withUnsafeBufferPointer { source in
      guard let target = target.baseAddress, let source = source.baseAddress else { return }
      var index = 0
      while index < count {
        (target + index).initialize(to: transform(source[index]))
        index += 1
      }
    }
    initialized = count
  }
}

/// `combine` of the values at each index of two lists of equal length.
func mapped<A, B, C>(_ left: [A], _ right: [B], _ combine: (A, B) -> C) -> [C] {
  let count = left.count
  precondition(right.count == count, "\(count) elements against \(right.count)")
  if count == 1 { return [combine(left[0], right[0])] }
  return [C](unsafeUninitializedCapacity: count) { target, initialized in
    left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        guard let target = target.baseAddress, let left = left.baseAddress, let right = right.baseAddress
        else { return }
        var index = 0
        while index < count {
          (target + index).initialize(to: combine(left[index], right[index]))
          index += 1
        }
      }
    }
    initialized = count
  }
}
