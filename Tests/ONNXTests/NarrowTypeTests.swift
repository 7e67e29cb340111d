import ApusSupport
import ApusTensor
import Testing

/// Element types of 2 to 8 bits as files have them.
@Suite struct NarrowTypeTests {
  /// What a code of a float stands for, bit by bit from the highest: sign, exponent, fraction.
  static func number(_ code: Int, exponentBits: Int, fractionBits: Int, bias: Int) -> Double {
    let bits = (0..<1 + exponentBits + fractionBits).reversed().map { code >> $0 & 1 }
    let exponent = bits[1...exponentBits].reduce(0) { 2 * $0 + $1 }
    var weight = 1.0
    var fraction = exponent == 0 ? 0.0 : 1.0
    for bit in bits.dropFirst(1 + exponentBits) {
      weight /= 2
      fraction += Double(bit) * weight
    }
    for _ in 0..<max(exponent, 1) { fraction *= 2 }
    for _ in 0..<bias { fraction /= 2 }
    return bits[0] == 1 ? -fraction : fraction
  }

  /// The values of all codes, as the formats' definitions have them; nil for NaN.
  static func values(_ type: NarrowType) -> [Double?] {
    let codes = 0..<1 << type.bitCount
    switch type {
    case .uint4, .uint2: return codes.map { Double($0) }
    case .int4: return codes.map { Double($0 < 8 ? $0 : $0 - 16) }
    case .int2: return codes.map { Double($0 < 2 ? $0 : $0 - 4) }
    case .float8e8m0: return codes.map { $0 == 255 ? nil : Double(sign: .plus, exponent: $0 - 127, significand: 1) }
    case .float8e4m3fn:
      return codes.map { $0 & 127 == 127 ? nil : number($0, exponentBits: 4, fractionBits: 3, bias: 7) }
    case .float8e4m3fnuz: return codes.map { $0 == 128 ? nil : number($0, exponentBits: 4, fractionBits: 3, bias: 8) }
    case .float8e5m2:
      return codes.map { code in
        if code & 127 == 124 { return code < 128 ? .infinity : -.infinity }
        return code & 127 > 124 ? nil : number(code, exponentBits: 5, fractionBits: 2, bias: 15)
      }
    case .float8e5m2fnuz: return codes.map { $0 == 128 ? nil : number($0, exponentBits: 5, fractionBits: 2, bias: 16) }
    case .float4e2m1: return codes.map { number($0, exponentBits: 2, fractionBits: 1, bias: 1) }
    case .float6e2m3: return codes.map { number($0, exponentBits: 2, fractionBits: 3, bias: 1) }
    case .float6e3m2: return codes.map { number($0, exponentBits: 3, fractionBits: 2, bias: 3) }
    }
  }

  static func number(_ tensor: Tensor, _ index: Int) -> Double {
    switch tensor.scalar(at: index) {
    case .float(let value): value
    case .signed(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .bool(let value): value ? 1 : 0
    }
  }

  /// A TensorProto of codes, written out bit by bit.
  static func proto(_ type: NarrowType, _ codes: [Int], shape: [Int]? = nil, extraBytes: Int = 0) -> [UInt8] {
    var bits = codes.flatMap { code in (0..<type.bitCount).map { code >> $0 & 1 } }
    while bits.count % 8 != 0 { bits.append(0) }
    var bytes = stride(from: 0, to: bits.count, by: 8).map { start in
      (0..<8).reduce(UInt8(0)) { $0 | UInt8(bits[start + $1]) << UInt8($1) }
    }
    if extraBytes > 0 { bytes += Array(repeating: 0, count: extraBytes) } else { bytes.removeLast(-extraBytes) }
    return proto(type, shape ?? [codes.count]) { $0.data(9, bytes) }
  }

  static func proto(_ type: NarrowType, _ shape: [Int], _ data: (inout WireWriter) -> Void) -> [UInt8] {
    var out = WireWriter()
    for size in shape { out.integer(1, Int64(size)) }
    out.integer(2, Int64(type.rawValue))
    out.text(8, "x")
    data(&out)
    return out.bytes
  }

  static func read(_ bytes: [UInt8]) throws -> Tensor {
    try TensorProto(WireReader(FileBytes(name: "t.pb", bytes: bytes))).tensor()
  }

  static func problem(_ bytes: [UInt8]) -> String? {
    do {
      _ = try read(bytes)
      return nil
    } catch let error as DiagnosticError {
      return error.diagnostics.first?.id
    } catch {
      return "other"
    }
  }

  @Test(arguments: NarrowType.allCases) func eachCodeHasItsValue(_ type: NarrowType) throws {
    let expected = Self.values(type)
    let tensor = try Self.read(Self.proto(type, Array(expected.indices)))
    #expect(tensor.elementType == type.carrier && tensor.shape == [expected.count])
    for (code, value) in expected.enumerated() {
      let found = Self.number(tensor, code)
      guard let value else {
        #expect(found.isNaN, "\(code)")
        continue
      }
      #expect(found == value && found.sign == value.sign, "\(code): \(found), not \(value)")
    }
  }

  @Test(arguments: NarrowType.allCases) func whatIsReadIsWrittenAgain(_ type: NarrowType) throws {
    // NaN has several codes in one of them; the others keep all.
    let codes = Self.values(type).enumerated().filter { type != .float8e5m2 || $1 != nil }.map(\.offset)
    for count in [0, 1, 2, 3, 5, codes.count] {
      let bytes = Self.proto(type, Array(codes.prefix(count)))
      #expect(TensorProto.encoded(try Self.read(bytes), name: "x", as: type) == bytes, "\(count) elements")
    }
    #expect(type.firstMisfit(in: try Self.read(Self.proto(type, codes))) == nil)
  }

  @Test(arguments: NarrowType.allCases) func anEntryIsAByte(_ type: NarrowType) throws {
    let codes = (0..<7).map { ($0 * 37 + 1) & ((1 << type.bitCount) - 1) }
    let perEntry = type.bitCount == 6 ? 1 : 8 / type.bitCount
    let entries = stride(from: 0, to: codes.count, by: perEntry).map { start in
      codes[start..<min(start + perEntry, codes.count)].enumerated().reduce(0) { $0 | $1.element << ($1.offset * type.bitCount) }
    }
    func proto(_ entries: [Int], isPacked: Bool) -> [UInt8] {
      Self.proto(type, [codes.count]) { out in
        if isPacked {
          // Varints of seven bits a byte.
          out.data(5, entries.flatMap { $0 < 128 ? [UInt8($0)] : [UInt8($0 & 127 | 128), 1] })
        } else {
          for entry in entries { out.integer(5, Int64(entry)) }
        }
      }
    }
    let expected = try Self.read(Self.proto(type, codes))
    for isPacked in [true, false] {
      let tensor = try Self.read(proto(entries, isPacked: isPacked))
      #expect(type.packed(tensor) == type.packed(expected))
    }
    #expect(Self.problem(proto(entries + [0], isPacked: true)) == "onnx.data")
    #expect(Self.problem(proto(entries.dropLast(), isPacked: true)) == "onnx.data")
  }

  @Test(arguments: NarrowType.allCases) func aByteTooManyOrTooFewIsRefused(_ type: NarrowType) {
    let codes = Array(repeating: 1, count: 5)
    #expect(Self.problem(Self.proto(type, codes)) == nil)
    #expect(Self.problem(Self.proto(type, codes, extraBytes: 1)) == "onnx.data")
    #expect(Self.problem(Self.proto(type, codes, extraBytes: -1)) == "onnx.data")
    #expect(Self.problem(Self.proto(type, codes, shape: [1 << 40, 1 << 40])) == "onnx.dims")
    #expect(Self.problem(Self.proto(type, codes, shape: [Int.max / 2])) == "onnx.data")
    #expect(Self.problem(Self.proto(type, [4]) { _ in }) == "onnx.data")
  }

  @Test func whatATypeDoesNotHaveIsFound() {
    #expect(NarrowType.int4.firstMisfit(in: Tensor([7, -8, 8] as [Int8])) == 2)
    #expect(NarrowType.uint2.firstMisfit(in: Tensor([0, 3, 4] as [UInt8])) == 2)
    #expect(NarrowType.float8e4m3fn.firstMisfit(in: Tensor([448, -0.0, .nan, 449] as [Float16])) == 3)
    #expect(NarrowType.float4e2m1.firstMisfit(in: Tensor([6, .nan] as [Float16])) == 1)
    #expect(NarrowType.float8e5m2fnuz.firstMisfit(in: Tensor([57344, .infinity] as [Float16])) == 1)
    #expect(NarrowType.float8e8m0.firstMisfit(in: Tensor([BFloat16(Float(2)), BFloat16(Float(3))])) == 1)
  }
}
