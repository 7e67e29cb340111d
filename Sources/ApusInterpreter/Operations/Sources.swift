import ApusIR
import ApusSupport
import ApusTensor

/// Ops that make values out of nothing, or out of sizes.
enum Source: Sendable {
  case constant, iota, size, randomBits
}

extension Operation {
  func make(_ source: Source) throws -> Tensor {
    switch source {
    case .constant: try constant()
    case .iota: try iota()
    case .size: try tensor(.integers([Int64(ints("of")[0])]), .s64, [])
    case .randomBits: try randomBits()
    }
  }

  private func constant() throws -> Tensor {
    switch attribute("value") {
    case .tensor(let constant): return constant.tensor
    case .scalar(let value):
      let (type, shape) = (results[0].element, statedShape())
      try budget.admit(type, shape: shape)
      return try Tensor(repeating: value, type, shape: shape)
    case .int, .float, .bool, .string, .name, .ints, .floats, .dims, .elementType, .function, .schedule, nil:
      preconditionFailure("constant without a value")
    }
  }

  private func iota() throws -> Tensor {
    let (type, shape, axis) = (results[0].element, statedShape(), int("axis"))
    try budget.admit(type, shape: shape)
    let counts = (0..<Int64(shape[axis])).map { $0 }
    let line = try tensor(converted(.integers(counts), from: .s64, to: type), type, [shape[axis]])
    var walk = StridedWalk(Array(repeating: 0, count: shape.count))
    walk.strides[axis] = 1
    return try picking(line, shape, walk)
  }

  private func randomBits() throws -> Tensor {
    let (type, shape) = (results[0].element, statedShape())
    try budget.admit(type, shape: shape)
    let generator = Philox(key: UInt64(bitPattern: Elements(operands[0]).integers[0]))
    let count = elementCount(shape)
    let perBlock = type == .u64 ? 2 : 4
    var values: [Int64] = []
    values.reserveCapacity(count + perBlock)
    var counter: UInt64 = 0
    while values.count < count {
      let block = generator.block(counter)
      let words = [block.0, block.1, block.2, block.3].map(UInt64.init)
      if type == .u64 {
        values.append(Int64(bitPattern: words[0] | words[1] << 32))
        values.append(Int64(bitPattern: words[2] | words[3] << 32))
      } else {
        for word in words { values.append(Int64(word)) }
      }
      counter += 1
    }
    return try tensor(.integers(Array(values.prefix(count))), type, shape)
  }
}
