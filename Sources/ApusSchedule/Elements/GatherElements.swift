import ApusIR
import ApusSupport
import ApusTensor

extension ElementEmitter {
  /// Ops that read `x` where a tensor of indices says. The index must be the same for all lanes.
  mutating func gather(_ op: OpID, at p: [Position]) throws -> ValueID {
    let x = host.operand(0, of: op)
    let indices = host.operand(1, of: op)
    let sizes = dims(of: x)
    var source: [Position]
    switch host.opcode(of: op) {
    case .gather:
      let axis = host.int("axis", of: op) ?? 0
      let rank = host.type(of: indices).rank
      let index = try checkedIndex(indices, at: Array(p[axis..<axis + rank]), limit: sizes[axis])
      source = Array(p[..<axis]) + [index] + p[(axis + rank)...]
    case .gatherElements:
      let axis = host.int("axis", of: op) ?? 0
      source = p
      source[axis] = try checkedIndex(indices, at: p, limit: sizes[axis])
    case .gatherNd:
      let batch = host.int("batch_axes", of: op) ?? 0
      let leading = host.type(of: indices).rank - 1
      let depth = dims(of: indices)[leading].constantValue ?? 0
      source = Array(p[..<batch])
      for step in 0..<depth {
        let at = Array(p[..<leading]) + [.fixed(builder.index(step))]
        let axis = isPlanted(.indicesAreCheckedAgainstABatchAxis) ? step : batch + step
        source.append(try checkedIndex(indices, at: at, limit: sizes[axis]))
      }
      source += p[leading...]
    case .dynamicSlice:
      let result = dims(of: host.result(of: op))
      source = []
      for axis in p.indices {
        let raw = try emit(indices, at: [.fixed(builder.index(axis))])
        let kept = isPlanted(.dynamicSliceReachesBeyond) ? builder.index(0) : size(result[axis])
        let room = builder.subtract(size(sizes[axis]), kept)
        let start = builder.minimum(builder.maximum(builder.convert(raw, to: .s64), builder.index(0)), room)
        source.append(Position(value: builder.add(start, p[axis].value), laneStride: p[axis].laneStride))
      }
    default: preconditionFailure("\(host.opcode(of: op).name) reads no indices")
    }
    return try emit(x, at: source)
  }

  /// An index read from a tensor, checked against the axis it is for.
  mutating func checkedIndex(_ indices: ValueID, at p: [Position], limit: Dim) throws -> Position {
    if p.contains(where: { $0.laneStride != 0 }) { throw NotVectorizable() }
    let index = builder.convert(try emit(indices, at: p), to: .s64)
    builder.emit(.checkIndex, [index, size(limit)], [])
    return .fixed(index)
  }

  /// Word `counter mod 4` of block `counter div 4` of Philox4x32-10, in scalar code.
  mutating func randomBits(_ op: OpID, _ result: ValueID, at p: [Position]) throws -> ValueID {
    if p.contains(where: { $0.laneStride != 0 }) { throw NotVectorizable() }
    let shape = dims(of: result)
    var linear = builder.index(0)
    for (axis, position) in p.enumerated() {
      linear = builder.add(builder.multiply(linear, size(shape[axis])), position.value)
    }
    let target = element(of: result)
    let words = target == .u64 ? 2 : 4
    let counter = builder.convert(builder.divide(linear, builder.index(words)), to: .u64)
    let which = builder.remainder(linear, builder.index(words))
    let key = try emit(host.operand(0, of: op), at: [])

    func word(_ value: UInt64) -> ValueID { builder.literal(.unsigned(value), .u64, lanes: nil) }
    let mask = word(0xFFFF_FFFF)
    let half = word(32)
    func low(_ value: ValueID) -> ValueID { builder.emit(.and, [value, mask], .register(.u64)) }
    func high(_ value: ValueID) -> ValueID { builder.emit(.shiftRight, [value, half], .register(.u64)) }
    func xor(_ a: ValueID, _ b: ValueID) -> ValueID { builder.emit(.xor, [a, b], .register(.u64)) }
    var x = [low(counter), high(counter), word(0), word(0)]
    var k = [low(key), high(key)]
    for _ in 0..<10 {
      let a = builder.emit(.mul, [x[0], word(0xD251_1F53)], .register(.u64))
      let b = builder.emit(.mul, [x[2], word(0xCD9E_8D57)], .register(.u64))
      x = [xor(xor(high(b), x[1]), k[0]), low(b), xor(xor(high(a), x[3]), k[1]), low(a)]
      k = [
        low(builder.emit(.add, [k[0], word(0x9E37_79B9)], .register(.u64))),
        low(builder.emit(.add, [k[1], word(0xBB67_AE85)], .register(.u64))),
      ]
    }
    var choices = x
    if target == .u64 {
      choices = [0, 2].map { first in
        let upper = builder.emit(.shiftLeft, [x[first + 1], half], .register(.u64))
        return builder.emit(.or, [x[first], upper], .register(.u64))
      }
    }
    var bits = choices[choices.count - 1]
    for index in choices.indices.dropLast().reversed() {
      let isThis = builder.compare(.equal, which, builder.index(index))
      bits = builder.emit(.select, [isThis, choices[index], bits], .register(.u64))
    }
    return builder.convert(bits, to: target)
  }
}
