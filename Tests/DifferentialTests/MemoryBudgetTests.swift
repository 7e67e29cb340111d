import ApusCompiler
import ApusIR
import ApusInterpreter
import ApusMemory
import ApusRuntime
import ApusSupport
import ApusTensor
import Foundation
import Testing

/// Drawn graphs with less memory than they would take: they mean the same to the bit, and take no more than they may.
///
/// `APUS_GRAPHS=2000` says how many, `APUS_SEED` with which to begin.
@Suite struct MemoryBudgetTests {
  private static func setting(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

  @Test func tightBudgetsChangeNothing() throws {
    let (first, count) = (Self.setting("APUS_SEED") ?? 0, Self.setting("APUS_GRAPHS") ?? 6)
    var reduced = 0
    for seed in first..<first + count {
      let text = Self.graph(seed: seed)
      let module = try Module.parse(SourceText(name: "f.ir", text: text))
      let unlimited = total(try compile(module, limit: nil))
      let smallest = try #require(try smallestLimit(module), "seed \(seed)")
      // Some ops need all that there is, whatever is done.
      if smallest == unlimited { continue }
      reduced += 1
      for limit in Set([smallest, (smallest + unlimited) / 2, unlimited - 1]) {
        let name = "seed \(seed), \(limit) of \(unlimited), smallest \(smallest)"
        let model: CompiledModel
        do {
          model = try compile(module, limit: limit)
        } catch {
          Issue.record("\(name): \(error)\n\(text)")
          continue
        }
        #expect(total(model) <= limit, "\(name): \(total(model))\n\(text)")
        let problems = Module(model.loops.scheduled).verify() + model.loops.module.verify()
        #expect(problems.isEmpty, "\(name): \(problems)\n\(text)")
        let inputs = Self.inputs(seed: seed)
        try model.validatePlan(inputShapes: inputs.map(\.shape))
        let wanted = try Interpreter(module).run(inputs)
        #expect(try model.executable.run(inputs) == wanted, "\(name)\n\(text)")
        #expect(try Interpreter(model.loops.module).run(inputs) == wanted, "\(name), interpreted\n\(text)")
      }
    }
    #expect(reduced > 0)
  }

  private func compile(_ module: Module, limit: Int?) throws -> CompiledModel {
    try Compiler(CompilerOptions(threads: 2, memoryLimit: limit)).compile(module)
  }

  /// What a refusal names.
  private func smallestLimit(_ module: Module) throws -> Int? {
    do {
      _ = try compile(module, limit: 1)
      return nil
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.map(\.id) == ["limit.memory"])
      return error.diagnostics.first?.hint.flatMap { Int($0.prefix { $0.isNumber }) }
    }
  }

  private func total(_ model: CompiledModel) -> Int {
    let arena = (try? model.plan.peak.evaluate { _ in 0 }) ?? .max
    return model.executable.outputs.reduce(arena) { total, output in
      output.dimensions.reduce(output.elementType.byteCount) { bytes, dimension in
        if case .fixed(let size) = dimension { bytes * size } else { .max }
      } + total
    }
  }

  // MARK: Drawing

  private static func inputs(seed: UInt64) -> [Tensor] {
    var generator = SplitMix64(seed: seed)
    func numbers(_ shape: [Int]) -> Tensor {
      Tensor((0..<shape.reduce(1, *)).map { _ in Int32(truncatingIfNeeded: generator.next() % 17) - 8 }, shape: shape)
    }
    let rows = Tensor((0..<8).map { _ in Int64(generator.next() % 8) }, shape: [8])
    return [numbers([8, 48]), numbers([48, 48]), numbers([8, 8, 3, 3]), numbers([8, 1, 3, 3]), rows]
  }

  /// Integers, so that results are equal to the bit, in values of 8 by 48 under many shapes.
  private static func graph(seed: UInt64) -> String {
    var generator = SplitMix64(seed: seed)
    var lines: [String] = []
    var count = 0
    func add(_ type: String, _ text: String) -> String {
      count += 1
      lines.append("  %\(count): s32\(type) = \(text)")
      return "%\(count)"
    }
    var values = ["%x"]
    for _ in 0..<(6 + Int(generator.next() % 10)) {
      let v = values[max(0, values.count - 1 - Int(generator.next() % 3))]
      let other = values[Int(generator.next() % UInt64(values.count))]
      switch generator.next() % 12 {
      case 0: values.append(add("[8, 48]", "scan \(v), axis: 0"))
      case 1, 2: values.append(add("[8, 48]", "add \(v), \(other)"))
      case 3: values.append(add("[8, 48]", "matmul \(v), %w"))
      case 4:
        let most = add("[8]", "reduce_max \(v), axes: [1]")
        let wide = add("[8, 48]", "broadcast \(most), axes: [0]")
        values.append(add("[8, 48]", "sub \(other), \(wide)"))
      case 5:
        let parts = add("[2, 4, 48]", "reshape \(v)")
        let done = add("[2, 4, 48]", "scan \(parts), axis: 1")
        values.append(add("[8, 48]", "reshape \(done)"))
      case 6:
        let turned = add("[48, 8]", "transpose \(v), perm: [1, 0]")
        let done = add("[48, 8]", "scan \(turned), axis: 1, reverse: true")
        values.append(add("[8, 48]", "transpose \(done), perm: [1, 0]"))
      case 7: values.append(add("[8, 48]", "gather \(v), %rows, axis: 0"))
      case 8, 9:
        let image = add("[1, 8, 6, 8]", "reshape \(v)")
        let isDeep = generator.next() % 2 == 0
        let done = add("[1, 8, 6, 8]", "conv \(image), \(isDeep ? "%k" : "%d"), pads: [1, 1, 1, 1], groups: \(isDeep ? 1 : 8)")
        values.append(add("[8, 48]", "reshape \(done)"))
      case 10:
        let heads = add("[8, 4, 12]", "reshape \(v)")
        let turned = add("[4, 8, 12]", "transpose \(heads), perm: [1, 0, 2]")
        let across = add("[4, 12, 8]", "transpose \(heads), perm: [1, 2, 0]")
        let scores = add("[4, 8, 8]", "matmul \(turned), \(across)")
        let done = add("[4, 8, 12]", "matmul \(scores), \(turned)")
        let back = add("[8, 4, 12]", "transpose \(done), perm: [1, 0, 2]")
        values.append(add("[8, 48]", "reshape \(back)"))
      default: values.append(add("[8, 48]", "scan \(v), axis: 1"))
      }
    }
    let end = add("[8, 48]", "scan \(values[values.count - 1]), axis: 1")
    let sum = add("[8, 48]", "add \(end), \(values[Int(generator.next() % UInt64(values.count))])")
    let last = add("[8]", "reduce_sum \(sum), axes: [1]")
    return """
      apus-ir 1

      func @f(%x: s32[8, 48], %w: s32[48, 48], %k: s32[8, 8, 3, 3], %d: s32[8, 1, 3, 3], %rows: s64[8]) -> s32[8] {
      \(lines.joined(separator: "\n"))
        return \(last)
      }

      """
  }
}
