import ApusIR
import ApusLLVM
import ApusRuntime
import ApusSupport
import ApusTarget
import ApusTensor

/// A loop that does nothing but what the machine is best at, made by the same code generator as models are.
public struct Yardstick {
  /// Flops or bytes of one run.
  public let work: Double
  public let run: () throws -> Void

  /// The shortest of some runs, in work per second.
  ///
  /// Throws what `run` throws.
  public func bestRate(runs: Int = 5) throws -> Double {
    var shortest = Duration.seconds(3600)
    for _ in 0..<runs {
      let start = ContinuousClock.now
      try run()
      shortest = min(shortest, ContinuousClock.now - start)
    }
    return work / max(shortest / .seconds(1), 1e-9)
  }

  /// Independent fused multiply-adds in f32, enough of them that only the units' number limits.
  ///
  /// Throws `DiagnosticError`.
  public static func arithmetic(on machine: Machine, threads: Int) throws -> Yardstick {
    let (chains, turns, lanes) = (12, 100_000, machine.f32Lanes)
    let sums = (0..<chains).map { "%s\($0)" }
    let next = (0..<chains).map { "%n\($0)" }
    let steps = zip(sums, next).map { "      \($1): f32<\(lanes)> = fma %v0, %v0, \($0)" }
    let ends = (0..<chains).map { "%e\($0)" }
    let starts = (0..<chains).map { "    %x\($0): f32<> = load %in, \($0)\n    %v\($0): f32<\(lanes)> = splat %x\($0)" }
    let stores = ends.enumerated().map { "    store \($1), %out, %t, \($0), 0" }
    let text = """
      apus-ir 1

      func @arithmetic(%in: &f32[\(chains)], %out: &f32[\(threads), \(chains), \(lanes)]) -> &f32[\(threads), \(chains), \(lanes)] phase loops {
        for 0, \(threads), kind: parallel { %t in
      \(starts.joined(separator: "\n"))
          \(ends.map { "\($0): f32<\(lanes)>" }.joined(separator: ", ")) = for 0, \(turns), \
      \((0..<chains).map { "%v\($0)" }.joined(separator: ", ")) { %i, \(sums.map { "\($0)" }.joined(separator: ", ")) in
      \(steps.joined(separator: "\n"))
            yield \(next.joined(separator: ", "))
          }
      \(stores.joined(separator: "\n"))
          yield
        }
        return %out
      }
      """
    let input = try Tensor.zeros(.f32, shape: [chains])
    return Yardstick(
      work: Double(2 * chains * lanes * turns * threads),
      run: try compile(text, [input], [threads, chains, lanes], on: machine, threads: threads))
  }

  /// A copy that reads half of the bytes and writes as many, as STREAM counts them.
  ///
  /// Throws `DiagnosticError`.
  public static func copy(bytes: Double, on machine: Machine, threads: Int) throws -> Yardstick {
    let lanes = machine.f32Lanes
    let step = lanes * 4
    let turns = max(1, Int(bytes) / 8 / threads / step)
    let moves = (0..<4).map { copy in
      """
            %i\(copy): s64<> = constant \(copy * lanes)
            %j\(copy): s64<> = add %i, %i\(copy)
            %x\(copy): f32<\(lanes)> = load %in, %t, %j\(copy)
      """
    }
    let stores = (0..<4).map { "      store %x\($0), %out, %t, %j\($0)" }
    let shape = "\(threads), \(turns * step)"
    let text = """
      apus-ir 1

      func @copy(%in: &f32[\(shape)], %out: &f32[\(shape)]) -> &f32[\(shape)] phase loops {
        for 0, \(threads), kind: parallel { %t in
          for 0, \(turns * step), step: \(step) { %i in
      \(moves.joined(separator: "\n"))
      \(stores.joined(separator: "\n"))
            yield
          }
          yield
        }
        return %out
      }
      """
    let input = try Tensor.zeros(.f32, shape: [threads, turns * step])
    return Yardstick(
      work: Double(2 * 4 * threads * turns * step),
      run: try compile(text, [input], [threads, turns * step], on: machine, threads: threads))
  }

  /// Code written as loops, with one output.
  private static func compile(
    _ text: String, _ inputs: [Tensor], _ output: [Int], on machine: Machine, threads: Int
  ) throws -> () throws -> Void {
    let module = try ModelFile.parse(ir: SourceText(name: "yardstick.ir", text: text))
    let function = module.functions[0]
    let compiled = try CodeGenerator(for: machine).compile(module, entry: .init(function.name, inputCount: inputs.count))
    guard let entry = compiled.entry else { preconditionFailure("an entry was asked for") }
    let jit = try JIT(for: machine)
    let code = try jit.addRemovable(compiled.objects)
    let signatures = function.inputSignatures
    let executable = Executable(
      Executable.Description(
        name: function.name, inputs: Array(signatures.prefix(inputs.count)),
        outputs: Array(signatures.dropFirst(inputs.count))
      ) { _ throws(DiagnosticError) in Executable.CallPlan(arenaBytes: 0, outputShapes: [output]) },
      entry: try code.lookup(entry), owner: code, pool: ThreadPool(threads: threads))
    var results = try executable.run(inputs)
    return { try executable.run(inputs, into: &results) }
  }
}
