import ApusGraph
import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// The module of a text, verified.
func module(_ text: String) throws -> Module {
  let module = try GraphFile.parse(SourceText(name: "test.apus", text: text))
  let found = module.verify()
  #expect(found.isEmpty, "\(DiagnosticError(found))")
  return module
}

/// The results of a text's first graph, by the interpreter.
func run(_ text: String, _ inputs: Tensor...) throws -> [Tensor] {
  try Interpreter(try module(text)).run(inputs)
}

/// The ids of what is wrong with a text, with the line each stands on.
func mistakes(_ text: String) -> [String] {
  do {
    _ = try GraphFile.parse(SourceText(name: "test.apus", text: text))
    return []
  } catch {
    return error.diagnostics.map { diagnostic in
      guard case .text(let source, let range) = diagnostic.place else { return diagnostic.id }
      return "\(source.position(of: range.lowerBound).line): \(diagnostic.id)"
    }
  }
}

/// The ops of a function by name, in order, those in regions included.
func ops(_ function: Function) -> [String] { function.allOps().map { function.opcode(of: $0).name } }

func doubles(_ tensor: Tensor) -> [Double] { (0..<tensor.count).map { tensor.scalar(at: $0).asDouble } }

/// Whether two lists hold the same numbers but for rounding; a NaN equals a NaN.
func close(_ a: [Double], _ b: [Double], within tolerance: Double = 2e-6) -> Bool {
  a.count == b.count
    && zip(a, b).allSatisfy { x, y in
      x == y || (x.isNaN && y.isNaN) || abs(x - y) <= tolerance * max(1, abs(y))
    }
}

func floats(_ values: [Float], _ shape: Int...) -> Tensor { Tensor(values, shape: shape) }

/// 0, 1, 2, … scaled and shifted, so that every element differs and none is round.
func ramp(_ shape: [Int], scale: Float = 0.1, from first: Float = -0.5) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor((0..<count).map { first + Float(($0 * 7) % max(count, 1)) * scale }, shape: shape)
}
