import Apus
import ApusCompiler
import ApusIR
import ApusSupport
import ApusTarget
import ArgumentParser
import Foundation

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Compile a model and time its runs.",
    discussion: """
      Without --inputs the inputs are random, of an ONNX file all that are not given; sizes that the model leaves open are those of
      --batch, or small.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var inputs: InputOptions
  @OptionGroup var shapes: ShapeOptions
  @OptionGroup var execution: ExecutionOptions

  @Option(help: ArgumentHelp("Runs before the timed ones.", valueName: "n"))
  var warmup = 3

  @Option(help: ArgumentHelp("Timed runs (default: as many as fit in --duration).", valueName: "n"))
  var iterations: Int?

  @Option(help: ArgumentHelp("Seconds to spend on timed runs.", valueName: "s"))
  var duration = 1.0

  @Option(help: ArgumentHelp("The size of the first axis of random inputs where it is open.", valueName: "n"))
  var batch: Int?

  @Option(help: ArgumentHelp("Write the outputs of the last run: a .npz or .safetensors.", valueName: "path"))
  var outputs: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Say how long each phase took: on stderr, or in the JSON object.")
  var timing = false

  func validate() throws {
    if warmup < 0 { throw ValidationError("--warmup is not negative") }
    if let iterations, iterations < 1 { throw ValidationError("--iterations is at least 1") }
    if !(duration > 0 && duration <= 3600) { throw ValidationError("--duration is more than 0 and at most 3600 seconds") }
    if let batch, batch < 1 { throw ValidationError("--batch is at least 1") }
  }

  func run() throws {
    let start = ContinuousClock.now
    var times = PhaseTimes()
    let format = try ModelFile(path: model.model)
    var progress = Progress(steps: format == .onnx ? 5 : 4, isQuiet: json)
    let options = try times.measure("machine") { try execution.compilerOptions(function: model.function) }
    let (runnable, function, tensors) =
      switch format {
      case .apus, .ir: try own(options, &times, &progress)
      case .onnx: try imported(options, &times, &progress)
      }
    let first = ContinuousClock.now - start
    let benchmark = try progress.step("run") {
      try Benchmark(
        runnable, tensors, .init(warmup: warmup, iterations: iterations, duration: .seconds(duration)))
    }
    if let outputs {
      try TensorFile.write(zip(runnable.outputs.map(\.name), benchmark.outputs).map { ($0, $1) }, path: outputs)
    }
    let members = try figures(runnable, function, tensors, benchmark, first: first, times, options)
    if json {
      let phases = timing ? [("timing", times.json)] : []
      printJSON(members + phases + [("machine", .object(MachineFacts.members(options.machine)))])
    } else {
      for (name, value) in members + MachineFacts.members(options.machine) { Output.print("\(name): \(value.plainText)") }
      if timing { for line in times.lines { Console.note(line) } }
    }
  }

  private func own(
    _ options: CompilerOptions, _ times: inout PhaseTimes, _ progress: inout Progress
  ) throws -> (Model, Function, [Tensor]) {
    let module = try progress.step("read") { try times.measure("read") { try ModelFile.load(path: model.model) } }
    let runnable = try progress.step("compile") {
      try times.measure("compile") { Model(try Compiler(options).compile(module)) }
    }
    if let compiled = runnable.compiled {
      times.add(compiled)
      for warning in compiled.warnings { Console.show(warning) }
    }
    let function = try module.functions(named: runnable.name)[0]
    let tensors = try times.measure("inputs") { try self.tensors(for: runnable, function, options) }
    _ = try progress.step("first run") { try times.measure("first run") { try runnable.run(tensors) } }
    return (runnable, function, tensors)
  }

  private func imported(
    _ options: CompilerOptions, _ times: inout PhaseTimes, _ progress: inout Progress
  ) throws -> (Model, Function, [Tensor]) {
    let sizes = try shapes.sizes
    let run = try ImportedRun(
      model.model, options, &times, &progress,
      .init(
        run: "first run", inputs: { try inputs.values(for: $0.inputs, of: model.model, byteLimit: options.inputBytes) },
        drawn: { try $0.randomInputs(given: $1, sizes: sizes, batch: batch, largest: $2) }))
    guard let compiled = run.variant.model.compiled else { preconditionFailure("a variant is compiled unless it is interpreted") }
    return (run.variant.model, compiled.host, try run.variant.arguments(run.values))
  }

  private func tensors(for runnable: Model, _ function: Function, _ options: CompilerOptions) throws -> [Tensor] {
    if inputs.inputs != nil || !inputs.input.isEmpty {
      return try inputs.tensors(for: runnable, byteLimit: options.inputBytes)
    }
    var sizes: [String: Int] = [:]
    for parameter in function.parameters {
      guard let batch, let symbol = function.type(of: parameter).dims.first?.symbolID else { continue }
      sizes[function.symbols[symbol].name] = batch
    }
    var random = RandomInputs(seed: 1)
    return try random.inputs(of: function, sizes: sizes)
  }

  private func figures(
    _ runnable: Model, _ function: Function, _ tensors: [Tensor], _ benchmark: Benchmark, first: Duration,
    _ times: PhaseTimes, _ options: CompilerOptions
  ) throws -> [(String, JSONValue)] {
    func milliseconds(_ duration: Duration) -> JSONValue { .number(duration.milliseconds.rounded(to: 5)) }
    let median = benchmark.quantile(0.5)
    var members: [(String, JSONValue)] = [
      ("model", .string(model.model)), ("function", .string(runnable.name)),
      ("threads", .int(options.threadCount)), ("iterations", .int(benchmark.count)),
      ("min_ms", milliseconds(benchmark.minimum)), ("median_ms", milliseconds(median)),
      ("p90_ms", milliseconds(benchmark.quantile(0.9))), ("p99_ms", milliseconds(benchmark.quantile(0.99))),
      ("runs_per_s", .number((1 / max(median.seconds, 1e-12)).rounded(to: 2))),
      ("first_result_s", .number(first.seconds.rounded(to: 5))), ("cache", .string("none")),
      ("compile_ms", .number(times.milliseconds("compile").rounded(to: 5))),
      ("arena_bytes", .int(try runnable.compiled?.executable.description.plan(tensors.map(\.shape)).arenaBytes ?? 0)),
      ("peak_rss_mb", .number(peakResidentMegabytes.rounded(to: 1))),
    ]
    let work = try WorkEstimate(runnable.compiled?.host ?? function, inputs: tensors)
    members.append(("gflop_per_s", .number((work.operations / max(median.seconds, 1e-12) * 1e-9).rounded(to: 3))))
    members.append(("gb_per_s", .number((work.bytes / max(median.seconds, 1e-12) * 1e-9).rounded(to: 3))))
    let roofline = try Roofline(for: work, on: options.machine, threads: options.threadCount)
    members.append(("peak_gflop_per_s", .number((roofline.operationsPerSecond * 1e-9).rounded(to: 2))))
    members.append(("peak_gb_per_s", .number((roofline.bytesPerSecond * 1e-9).rounded(to: 2))))
    let share = roofline.seconds(for: work) / max(median.seconds, 1e-12)
    members.append(("roofline_share", .number(share.rounded(to: 4))))
    return members
  }

  private var peakResidentMegabytes: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024  // Linux counts in KiB
  }
}
