import Apus
import ApusCompiler
import ApusMemory
import ApusONNX
import ApusSupport
import ArgumentParser

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Say what a model becomes: its kernels, and where their values lie in memory.",
    discussion: """
      Nothing is run. The arena holds what kernels hand to each other; with it stands the least that any plan for this order of the
      kernels takes, and the least for any order, as far as they are proven. Sizes that the model leaves open stay expressions;
      bytes are stated for the largest that it allows, or for 128.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var shapes: ShapeOptions
  @OptionGroup var execution: ExecutionOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Print a page in HTML that needs nothing else.")
  var html = false

  func validate() throws {
    if json, html { throw ValidationError("--json and --html do not go together") }
  }

  func run() throws {
    let options = try execution.compilerOptions(function: model.function)
    let explanation =
      switch try ModelFile(path: model.model) {
      case .apus, .ir: try Explanation(try ModelFile.load(path: model.model), options)
      case .onnx: try Explanation(try ONNXFile(path: model.model), options, shapes: try shapes.sizes)
      }
    if json {
      printJSON(explanation.members(of: model.model))
    } else if html {
      Output.print(ExplanationPage(model: model.model, explanation: explanation).html, terminator: "")
    } else {
      for line in explanation.lines { Output.print(line) }
    }
    if let warning = explanation.reduction?.warning { Console.show(warning) }
  }
}

// MARK: For people

extension Explanation {
  fileprivate var lines: [String] {
    var lines = ["\(name): \(kernels.count) kernels of \(functionCount) functions, constants of \(constantBytes) bytes"]
    if let assumed { lines.append("sizes: \(assumed)") }
    lines += memoryLines
    if let reduction { lines += reduction.lines }
    for (index, kernel) in kernels.enumerated() {
      lines.append("\(index) @\(kernel.function): \(kernel.ops.joined(separator: ", "))")
      lines += kernel.reads.map { "  reads  \($0.text)" } + kernel.writes.map { "  writes \($0.text)" }
    }
    return lines
  }

  /// The sizes that bytes are stated for, if any are open.
  var assumed: String? {
    if sizes.isEmpty { return nil }
    return "bytes are stated for \(sizes.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }.joined(separator: ", "))"
  }

  /// The arena, and what is proven of its offsets and of the order.
  var memoryLines: [String] {
    var lines = [
      "arena: \(plan.peak) bytes\(arena == "\(plan.peak)" ? "" : " (\(arena.shortened))")",
      "offsets: \(plan.method); \(Self.proof(plan.peak, plan.bound, "of this order"))",
    ]
    if let order { lines.append("order: \(order.method); \(Self.proof(plan.peak, order.bound, "of any order"))") }
    return lines
  }

  private static func proof(_ peak: Int, _ bound: Int, _ what: String) -> String {
    if peak <= bound { return "no plan \(what) takes less" }
    return "no plan \(what) takes less than \(bound) bytes (gap \((gap(of: peak, above: bound) * 100).rounded(to: 1)) %)"
  }
}

extension MemoryReduction {
  var lines: [String] {
    var lines = ["memory: a run takes \(reached) bytes, of \(target) that it may; without more work it takes \(unlimited)"]
    lines += splits.map { "split: \($0.kernels) kernels in \($0.parts) parts: \($0.ops.joined(separator: ", "))" }
    lines += repeats.map {
      "recomputed: \($0.ops.joined(separator: ", ")), \($0.times == 1 ? "once" : "\($0.times) times"): \($0.work.bytes) bytes, \($0.work.flops) flops"
    }
    lines.append("cost: \(work.bytes) bytes and \(work.flops) flops a run")
    return lines
  }
}

extension Explanation.Value {
  var text: String {
    let size = (start.map { " from byte \($0)" } ?? "") + (bytes.map { ", \($0) bytes" } ?? "")
    return switch place {
    case .input(let name): "\(type) input \(name)\(size)"
    case .output(let index): "\(type) output \(index)\(size)"
    case .constant: "\(type) constant\(size)"
    case .arena(let offset, let kernels): "\(type) at \(offset.shortened)\(size), kernels \(kernels.lowerBound) to \(kernels.upperBound)"
    case .own: "\(type) in memory of its own\(size)"
    }
  }
}

extension String {
  /// The beginning of an expression that nobody would read to its end; `--json` has all of it.
  fileprivate var shortened: String { count <= 200 ? self : "\(prefix(160)) …" }
}

// MARK: For programs

extension Explanation {
  fileprivate func members(of model: String) -> [(String, JSONValue)] {
    [
      ("model", .string(model)), ("function", .string(name)), ("kernel_count", .int(kernels.count)),
      ("functions", .int(functionCount)), ("constant_bytes", .int(constantBytes)),
      ("sizes", .object(sizes.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
      ("arena", .string(arena.shortened)), ("arena_bytes", .int(plan.peak)), ("bound_bytes", .int(min(plan.bound, plan.peak))),
      ("gap", .number(plan.gap)), ("method", .string(plan.method)),
      ("order", order.map { order in
        let bound = min(order.bound, plan.peak)
        return .object([
          ("bound_bytes", .int(bound)), ("gap", .number(gap(of: plan.peak, above: bound))), ("method", .string(order.method)),
        ])
      } ?? .null),
      ("reduction", reduction.map(\.json) ?? .null),
      ("kernels", .list(kernels.map { kernel in
        .object([
          ("function", .string(kernel.function)), ("ops", .list(kernel.ops.map { .string($0) })),
          ("reads", .list(kernel.reads.map(\.json))), ("writes", .list(kernel.writes.map(\.json))),
        ])
      })),
    ]
  }
}

extension MemoryReduction {
  fileprivate var json: JSONValue {
    .object([
      ("unlimited_bytes", .int(unlimited)), ("bytes", .int(reached)), ("target_bytes", .int(target)),
      ("extra_bytes_moved", .int(work.bytes)), ("extra_flops", .int(work.flops)),
      ("splits", .list(splits.map { split in
        .object([
          ("kernels", .int(split.kernels)), ("parts", .int(split.parts)), ("ops", .list(split.ops.map { .string($0) })),
        ])
      })),
      ("recomputed", .list(repeats.map { again in
        .object([
          ("ops", .list(again.ops.map { .string($0) })), ("times", .int(again.times)), ("bytes_moved", .int(again.work.bytes)),
          ("flops", .int(again.work.flops)),
        ])
      })),
    ])
  }
}

extension Explanation.Value {
  fileprivate var json: JSONValue {
    let placed: [(String, JSONValue)] =
      switch place {
      case .input(let name): [("place", .string("input")), ("name", .string(name))]
      case .output(let index): [("place", .string("output")), ("index", .int(index))]
      case .constant: [("place", .string("constant"))]
      case .arena(let offset, let kernels):
        [
          ("place", .string("arena")), ("offset", .string(offset.shortened)), ("first_kernel", .int(kernels.lowerBound)),
          ("last_kernel", .int(kernels.upperBound)),
        ]
      case .own: [("place", .string("own"))]
      }
    let start = start.map { [("start", JSONValue.string($0))] } ?? []
    return .object([("type", .string(type)), ("bytes", bytes.map { .int($0) } ?? .null)] + placed + start)
  }
}
