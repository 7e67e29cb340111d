import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// Every op of phase `graph` on every legal element type, on odd and zero sizes.
@Suite struct SmokeTests {
  private static let covered = OpInfo.all.filter { info in
    info.phases.contains(.graph) && !info.traits.contains(.terminator) && info.regions.isEmpty
      && ![.call, .customCall, .assert, .randomBits].contains(info.code)
  }

  @Test(arguments: covered.map(\.code)) func everyOpOnEveryType(_ code: OpCode) throws {
    let info = code.info
    let cases = try #require(SmokeCase.cases(of: info), "\(info.name) has no case")
    for types in assignments(info.typeVariables) {
      for (number, each) in cases.enumerated() {
        let results = try run(info, each, types, seed: UInt64(number))
        guard code != .bitcast, types.values.contains(where: { $0.isFloat && $0 != .f64 }) else { continue }
        // The same in f64 is about the same.
        let wide = types.mapValues { $0.isFloat ? .f64 : $0 }
        for (narrow, reference) in zip(results, try run(info, each, wide, seed: UInt64(number))) {
          expectClose(narrow, reference, types, info)
        }
      }
    }
  }

  /// Each way of giving the type variables a type.
  private func assignments(_ variables: [TypeVariable]) -> [[String: ElementType]] {
    variables.reduce([[:]]) { partial, variable in
      partial.flatMap { known in
        variable.elementClass.members.map { known.merging([variable.name: $0]) { $1 } }
      }
    }
  }

  private func run(
    _ info: OpInfo, _ each: SmokeCase, _ types: [String: ElementType], seed: UInt64
  ) throws -> [Tensor] {
    var generator = SplitMix64(seed: seed)
    let operands = try each.shapes.enumerated().map { index, shape in
      try operand(info.operands[min(index, info.operands.count - 1)], shape, types, info, &generator)
    }
    if info.code == .bitcast,
      types["T"]?.byteCount != types["U"]?.byteCount || (types["T"] == .bool) != (types["U"] == .bool)
    {
      return []
    }
    var symbols = SymbolTable()
    var stated = each.stated.flatMap { shape in types["T"].map { [type($0, shape)] } }
    if [.convert, .bitcast].contains(info.code), let target = types["U"] { stated = [type(target, each.shapes[0])] }
    var attributes = each.attributes
    if info.code == .constant, let element = types["T"] {
      attributes = [NamedAttribute("value", .scalar(.one(element)))]
    }
    let inferred = try infer(
      info.code, operands: operands.map(type), attributes: attributes, stated: stated, symbols: &symbols)
    let results = try Interpreter.evaluate(
      info.code, operands: operands, attributes: inferred.attributes, resultTypes: inferred.results)
    #expect(results.count == inferred.results.count)
    for (result, type) in zip(results, inferred.results) {
      #expect(result.elementType == type.element, "\(info.name) \(types)")
      #expect(
        zip(result.shape, type.dims).allSatisfy { $1.constantValue ?? $0 == $0 } && result.rank == type.rank,
        "\(info.name) \(types): \(result.shape), not \(type.dims)")
    }
    return results
  }

  /// Multiples of 1/4 from −2 to 2, exact in every float; small integers; indices of an axis of any size.
  private func operand(
    _ declared: OperandInfo, _ shape: [Int], _ types: [String: ElementType], _ info: OpInfo,
    _ generator: inout SplitMix64
  ) throws -> Tensor {
    let element: ElementType
    var isIndex = false
    switch declared.pattern.element {
    case .fixed(let type): element = type
    case .any: element = .f32
    case .variable(let name):
      element = try #require(types[name])
      isIndex = info.typeVariables.contains { $0.name == name && $0.elementClass == .index }
    }
    let values = (0..<shape.reduce(1, *)).map { _ -> Double in
      let value = Int.random(in: -8...8, using: &generator)
      if isIndex { return 0 }
      return element.isFloat ? Double(value) / 4 : Double(abs(value) % 4)
    }
    // Variances are positive.
    let isPositive = declared.name == "variance"
    return try tensor(element, isPositive ? values.map { abs($0) + 1 } : values, shape: shape)
  }

  private func expectClose(_ narrow: Tensor, _ wide: Tensor, _ types: [String: ElementType], _ info: OpInfo) {
    guard narrow.shape == wide.shape else {
      Issue.record("\(info.name) \(types): \(narrow.shape) against \(wide.shape)")
      return
    }
    guard narrow.elementType.isFloat else {
      #expect(doubles(narrow) == doubles(wide), "\(info.name) \(types)")
      return
    }
    let unit = types.values.contains(.bf16) ? 0x1p-8 : types.values.contains(.f16) ? 0x1p-11 : 0x1p-24
    let scale = doubles(wide).filter(\.isFinite).map(abs).max() ?? 0
    for (x, y) in zip(doubles(narrow), doubles(wide)) {
      let isClose = x == y || x.isNaN && y.isNaN || abs(x - y) <= 64 * unit * (scale + 1)
      #expect(isClose, "\(info.name) \(types): \(x) is not \(y)")
    }
  }
}
