import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import OpCases
import Testing

/// Every op of phase `graph` on every legal element type, on odd and zero sizes.
@Suite struct SmokeTests {
  @Test(arguments: OpCall.covered.map(\.code)) func everyOpOnEveryType(_ code: OpCode) throws {
    let info = code.info
    let cases = try #require(OpCase.cases(of: info), "\(info.name) has no case")
    for types in OpCall.assignments(info) {
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

  private func run(
    _ info: OpInfo, _ each: OpCase, _ types: [String: ElementType], seed: UInt64
  ) throws -> [Tensor] {
    guard let call = OpCall(info, each, types) else { return [] }
    let operands = call.inputs(.moderate, seed: seed)
    var symbols = SymbolTable()
    let inferred = try infer(
      info.code, operands: operands.map(type), attributes: call.attributes, stated: call.stated.map { [$0] },
      symbols: &symbols)
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
