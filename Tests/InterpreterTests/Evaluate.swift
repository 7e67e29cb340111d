import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// The results of one op on these operands, its result types inferred as for a program.
func evaluate(
  _ code: OpCode, _ operands: [Tensor], _ attributes: KeyValuePairs<String, Attribute> = [:],
  stated: TensorType? = nil
) throws -> [Tensor] {
  var symbols = SymbolTable()
  let inferred = try infer(
    code, operands: operands.map(type), attributes: attributes.map { NamedAttribute($0.key, $0.value) },
    stated: stated.map { [$0] }, symbols: &symbols)
  return try Interpreter.evaluate(
    code, operands: operands, attributes: inferred.attributes, resultTypes: inferred.results)
}

/// The only result of one op.
func result(
  _ code: OpCode, _ operands: Tensor..., attributes: KeyValuePairs<String, Attribute> = [:],
  stated: TensorType? = nil
) throws -> Tensor {
  let results = try evaluate(code, operands, attributes, stated: stated)
  return try #require(results.count == 1 ? results[0] : nil)
}

func type(_ tensor: Tensor) -> TensorType { type(tensor.elementType, tensor.shape) }

func type(_ element: ElementType, _ shape: [Int]) -> TensorType {
  TensorType(element, shape.map { .constant($0) })
}

/// A tensor of these numbers, converted to the element type as `convert` does.
func tensor(_ element: ElementType, _ values: [Double], shape: [Int]? = nil) throws -> Tensor {
  var tensor = try Tensor.zeros(element, shape: shape ?? [values.count])
  for (index, value) in values.enumerated() { tensor.setScalar(.float(value), at: index) }
  return tensor
}

/// Each element as a double.
func doubles(_ tensor: Tensor) -> [Double] { (0..<tensor.count).map { tensor.scalar(at: $0).asDouble } }

/// Each element exactly.
func scalars(_ tensor: Tensor) -> [Scalar] { (0..<tensor.count).map { tensor.scalar(at: $0) } }

/// Whether two lists hold the same numbers: a NaN equals a NaN, and −0 differs from 0.
func same(_ a: [Double], _ b: [Double]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0.isNaN ? $1.isNaN : $0.bitPattern == $1.bitPattern }
}

/// Fails unless `body` throws a diagnostic of that id.
func expectDiagnostic(
  _ id: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing was thrown, expected \(id)", sourceLocation: sourceLocation)
  } catch let error as DiagnosticError {
    #expect(error.diagnostics.map(\.id) == [id], "\(error)", sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}

extension ElementType {
  static let floats: [ElementType] = ElementClass.float.members
  static let integers: [ElementType] = ElementClass.integer.members
  static let numbers: [ElementType] = ElementClass.number.members

  /// The smallest value of an integer type.
  var smallest: Scalar {
    isSignedInteger ? .signed(Int64.min >> Int64(64 - bitWidth)) : .unsigned(0)
  }

  /// The largest value of an integer type.
  var largest: Scalar {
    isSignedInteger ? .signed(Int64.max >> Int64(64 - bitWidth)) : .unsigned(UInt64.max >> UInt64(64 - bitWidth))
  }
}

/// A tensor of exact values of one type.
func tensor(_ element: ElementType, exactly values: [Scalar], shape: [Int]? = nil) throws -> Tensor {
  var tensor = try Tensor.zeros(element, shape: shape ?? [values.count])
  for (index, value) in values.enumerated() { tensor.setScalar(value, at: index) }
  return tensor
}
