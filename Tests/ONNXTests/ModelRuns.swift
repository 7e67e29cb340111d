import ApusCompiler
import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

extension ModelWriter {
  /// The outputs by name, computed by the reference interpreter.
  func interpreted(_ inputs: [String: Tensor] = [:]) throws -> [String: Tensor] {
    try outputs(ImportedModel(try file(), CompilerOptions(), isInterpreted: true), inputs)
  }

  /// The outputs by name, computed by compiled code.
  func compiled(_ inputs: [String: Tensor] = [:]) throws -> [String: Tensor] {
    try outputs(ImportedModel(try file(), CompilerOptions(threads: 1)), inputs)
  }

  /// The one output, of which compiled code and the interpreter must agree.
  func result(_ inputs: [String: Tensor] = [:], sourceLocation: SourceLocation = #_sourceLocation) throws -> Tensor {
    let interpreted = try #require(try self.interpreted(inputs).first?.value, sourceLocation: sourceLocation)
    let compiled = try #require(try self.compiled(inputs).first?.value, sourceLocation: sourceLocation)
    #expect(
      compiled.isClose(to: interpreted), "compiled \(compiled), interpreted \(interpreted)", sourceLocation: sourceLocation)
    return compiled
  }

  /// The one result of a single node, whose operands' sizes are open but for those of 1. Those that are nil are left out.
  static func result(
    of op: String, _ operands: [Tensor?], _ attributes: KeyValuePairs<String, Attribute> = [:], opset: Int = 21,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Tensor {
    var inputs: [Value] = []
    var values: [String: Tensor] = [:]
    for (index, operand) in operands.enumerated() {
      guard let operand else { continue }
      inputs.append(.tensor("x\(index)", operand.elementType, operand.shape.map { $0 == 1 ? .fixed(1) : .unknown }))
      values["x\(index)"] = operand
    }
    let names = operands.enumerated().map { $1 == nil ? "" : "x\($0)" }
    let model = ModelWriter(opset: opset, inputs: inputs, outputs: ["y"], nodes: [Node(op, names, ["y"], attributes)])
    return try model.result(values, sourceLocation: sourceLocation)
  }

  /// The problems for which the model is refused, on these inputs; none if it is not.
  func problems(_ inputs: [String: Tensor] = [:]) -> [Diagnostic] {
    do {
      _ = try compiled(inputs)
      return []
    } catch let error as DiagnosticError {
      return error.diagnostics
    } catch {
      return [Diagnostic(id: "other", "\(error)")]
    }
  }

  /// The module without any value or shape known that the file does not state.
  func module() throws -> Module {
    switch try file().imported(ImportOptions { module throws(DiagnosticError) in try evaluate(module) }) {
    case .module(let module, _, _): return module
    case .needs(_, _, let problems): throw DiagnosticError(problems)
    }
  }

  private func outputs(_ model: ImportedModel, _ inputs: [String: Tensor]) throws -> [String: Tensor] {
    Dictionary(try model.run(inputs).map { ($0.name, $0.tensor) }) { first, _ in first }
  }
}

private func evaluate(_ module: Module) throws(DiagnosticError) -> [Tensor] {
  do {
    return try Model(interpreting: module).run([])
  } catch let error as DiagnosticError {
    throw error
  } catch {
    throw DiagnosticError(id: "test.evaluate", "\(error)")
  }
}

extension Tensor {
  /// Equal types and shapes, and each element within 10⁻⁵ of the other's or of its size; NaN is close to NaN.
  func isClose(to other: Tensor, tolerance: Double = 1e-5) -> Bool {
    guard elementType == other.elementType, shape == other.shape else { return false }
    return (0..<count).allSatisfy { index in
      switch (scalar(at: index), other.scalar(at: index)) {
      case (.float(let a), .float(let b)):
        a == b || a.isNaN && b.isNaN || abs(a - b) <= tolerance * max(1, abs(b))
      case (let a, let b): a == b
      }
    }
  }
}
