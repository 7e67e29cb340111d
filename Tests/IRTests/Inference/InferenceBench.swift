import ApusSupport
import Testing

@testable import ApusIR

/// Infers ops whose types are written as text, over one table of symbols.
struct InferenceBench {
  var symbols = SymbolTable()
  private var types = TypeParser(.declare(.argument), dialect: .ir)

  /// - Parameter bounds: of symbols, made in this order.
  init(_ bounds: KeyValuePairs<String, ClosedRange<Int>> = [:]) {
    for (name, range) in bounds {
      symbols.setBounds(DimBounds(lower: range.lowerBound, upper: range.upperBound), of: symbols.intern(name))
    }
  }

  mutating func type(_ text: String) -> TensorType {
    var tokens = TokenStream(SourceText(name: "type", text: text), dialect: .ir)
    guard let type = types.type(&tokens, &symbols), tokens.at(.endOfFile) else {
      Issue.record("\(text) is no type")
      return .scalar(.f32)
    }
    return type
  }

  mutating func dim(_ text: String) -> Dim { type("f32[\(text)]").dims[0] }

  mutating func run(
    _ code: OpCode, _ operands: [String], _ attributes: [(String, Attribute)] = [], stated: [String]? = nil
  ) throws(InferenceError) -> Inferred {
    let operands = operands.map { type($0) }
    let stated = stated.map { $0.map { type($0) } }
    return try infer(
      code, operands: operands, attributes: attributes.map { NamedAttribute($0.0, $0.1) }, stated: stated,
      symbols: &symbols)
  }

  /// The results as text, obligations after a bar: `f32[B] | B = C`.
  mutating func results(
    _ code: OpCode, _ operands: [String], _ attributes: [(String, Attribute)] = [], stated: [String]? = nil
  ) -> String {
    do {
      let inferred = try run(code, operands, attributes, stated: stated)
      let types = inferred.results.map { symbols.text($0) }.joined(separator: ", ")
      let guards = inferred.obligations.map { obligation in
        let sign = obligation.relation == .equal ? "=" : "<="
        return "\(symbols.text(obligation.lhs)) \(sign) \(symbols.text(obligation.rhs))"
      }
      return guards.isEmpty ? types : "\(types) | \(guards.joined(separator: ", "))"
    } catch {
      return error.id
    }
  }
}

/// The results of one op with constant sizes, or the id of what is wrong with it.
func inferred(
  _ code: OpCode, _ operands: [String], _ attributes: [(String, Attribute)] = [], stated: [String]? = nil
) -> String {
  var bench = InferenceBench()
  return bench.results(code, operands, attributes, stated: stated)
}
