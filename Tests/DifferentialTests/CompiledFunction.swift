import ApusCompiler
import ApusIR
import ApusInterpreter
import ApusRuntime
import ApusSupport
import ApusTensor

@testable import ApusFuzz

/// A function in both engines.
struct CompiledFunction {
  let module: Module
  private let twoThreads: Executable
  private let oneThread: Executable
  private let loops: Module

  init(_ function: Function) throws { try self.init(Module(function)) }

  /// Of several functions the first is what runs.
  init(_ module: Module) throws {
    self.module = module
    let found = module.verify()
    if !found.isEmpty { throw DiagnosticError(found) }
    let options = CompilerOptions(threads: 2, operations: FuzzOperations.compiled)
    let compiled = try Compiler(options).compile(module)
    twoThreads = compiled.executable
    loops = compiled.loops.module
    oneThread = twoThreads.on(ThreadPool(threads: 1))
  }

  /// How the engines disagree, and how many elements could be judged.
  struct Judgement {
    var problems: [String] = []
    var elements = 0
    var judged = 0
  }

  /// Runs both. Generated code runs twice: on two threads, and on one with memory that ends at a guard.
  ///
  /// - Parameter name: what a result is called in reports.
  func judge(_ inputs: [Tensor], _ name: (Int) -> String = { "result \($0)" }) throws -> Judgement {
    var judgement = Judgement()
    let found = try Self.outcome { try twoThreads.run(inputs) }
    let again = try Self.outcome { try runGuarded(inputs, found) }
    let wanted = try Self.outcome { try interpreter.run(inputs) }
    switch (found, again, wanted) {
    case (.results(let found), .results(let again), .results(let wanted)):
      let enclosures = try interpreter.enclose(inputs)
      for index in found.indices {
        judgement.elements += wanted[index].count
        if found[index] != again[index] {
          let texts = "\(found[index].contents) and \(again[index].contents)"
          judgement.problems.append("\(name(index)): depends on threads or alignment: \(texts)")
        }
        guard let enclosure = enclosures?[index] else { continue }
        judgement.judged += enclosure.judgedCount
        if enclosure.value != wanted[index], Enclosure(pinned: wanted[index]).contradiction(enclosure.value) != nil {
          judgement.problems.append("\(name(index)): the bounds are around \(enclosure.value.contents)")
        }
        if let problem = enclosure.contradiction(found[index]) { judgement.problems.append("\(name(index)): \(problem)") }
      }
    case (.failure(let found), .failure(let again), .failure(let wanted)) where found == wanted && again == wanted: break
    case (_, _, .failure):
      // Which of several failures is reported is open, and so is whether what nobody needs fails.
      let reference = try Reference(module, inputs)
      judgement.problems += [found, again].compactMap { reference.contradiction($0.ofRun) }
    case (.results, _, _), (.failure, _, _):
      judgement.problems.append("\(found), then \(again), but \(wanted) interpreted")
    }
    return judgement
  }

  private var interpreter: Interpreter { Interpreter(module, customOperations: FuzzOperations.interpreted) }

  /// What the loops that code is made of mean to the interpreter, which checks every access; they are valid.
  func interpretLoops(_ inputs: [Tensor]) throws -> [Tensor] {
    let found = loops.verify()
    if !found.isEmpty { throw DiagnosticError(found) }
    return try Interpreter(loops).run(inputs)
  }

  private func runGuarded(_ inputs: [Tensor], _ first: Outcome) throws -> [Tensor] {
    let guarded = try inputs.map(GuardedMemory.copy)
    let shapes = try oneThread.description.plan(inputs.map(\.shape)).outputShapes
    guard case .results(let results) = first, !shapes.contains(nil) else { return try oneThread.run(guarded) }
    var rooms = try results.map { try GuardedMemory.room($0.elementType, shape: $0.shape) }
    try oneThread.run(guarded, into: &rooms)
    return rooms
  }

  private enum Outcome: CustomStringConvertible {
    case results([Tensor])
    case failure(id: String)

    var ofRun: RunOutcome {
      switch self {
      case .results(let tensors): .results(tensors)
      case .failure(let id): .failure(id: id, "")
      }
    }

    var description: String {
      switch self {
      case .results(let tensors): tensors.map(\.contents).joined(separator: ", ")
      case .failure(let id): "failure \(id)"
      }
    }
  }

  private static func outcome(_ body: () throws -> [Tensor]) throws -> Outcome {
    do {
      return .results(try body())
    } catch let error as DiagnosticError {
      return .failure(id: error.diagnostics.first?.id ?? "")
    }
  }
}

extension Tensor {
  /// The elements as text.
  var contents: String { "\(self) \((0..<count).map { scalar(at: $0) })" }
}
