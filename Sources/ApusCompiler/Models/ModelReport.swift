import ApusIR
import ApusONNX
import ApusPasses
import ApusRuntime
import ApusSupport
import ApusTensor

/// What can be said of a model without compiling it.
public struct ModelReport: Sendable {
  /// Memory in bytes, for the largest sizes that the model allows.
  public struct Memory: Sendable, Hashable {
    /// Of constants, which stay mapped.
    public var constants = 0
    public var inputs = 0
    /// Of outputs and intermediate values at the worst moment.
    public var peak = 0
    /// Symbols without an upper bound, and the size taken for each.
    public var assumed: [String: Int] = [:]

    public var total: Int {
      let (sum, overflow) = constants.addingReportingOverflow(inputs)
      let (all, more) = sum.addingReportingOverflow(peak)
      return overflow || more ? .max : all
    }
  }

  /// The name of the function that runs.
  public let name: String
  public let inputs: [TensorSignature]
  public let outputs: [TensorSignature]
  /// Everything that would stop a compilation or a run, and notes of what is found out only then.
  public let problems: [Diagnostic]
  /// `nil` where problems hide it.
  public let memory: Memory?
  public let kernels: Int

  /// Takes the model through the passes and looks for everything that would stop it.
  ///
  /// - Parameter sizes: the values of symbols by name; the others have their upper bounds, or 1.
  /// Throws `function.unknown` or `module.empty`.
  public init(_ module: Module, _ options: CompilerOptions, sizes: [String: Int] = [:]) throws(DiagnosticError) {
    let module = try module.reaching(from: options.function)
    name = module.functions[0].name
    inputs = module.functions[0].inputSignatures
    outputs = module.functions[0].outputSignatures
    var found = module.verify()
    found += module.unregistered(options.operations)
    var memory: Memory?
    var kernels = 0
    if !found.contains(where: { $0.severity == .error }) {
      do {
        var timing = Timing()
        let host = try Compiler(options).fuse(module, timing: &timing).host
        kernels = host.allOps().count { host.opcode(of: $0) == .kernel }
        let estimate = MemoryEstimate(host, sizes: sizes).memory
        memory = estimate
        // Towards a limit that is stated the planner works, and says what it could not reach.
        if estimate.peak > options.memoryBytes, options.memoryLimit == nil || host.isOpen {
          found.append(
            Diagnostic(
              id: "limit.memory",
              "a run at the largest sizes takes \(estimate.peak) bytes: the limit is \(options.memoryBytes)"))
        }
        // Schedules and loops are made as for a run; only LLVM is left out.
        _ = try LoopsModule(lowering: host, on: options.machine, memory: options.memoryGoal)
      } catch let error as DiagnosticError {
        found += error.diagnostics
      } catch {
        found.append(Diagnostic(id: "compile.internal", "\(error)"))
      }
    }
    problems = found
    self.memory = memory
    self.kernels = kernels
  }
}

extension ModelReport {
  /// Looks for everything that would stop a model from an ONNX file. Where its sizes must be known before it is compiled,
  /// those that it leaves open and `shapes` does not settle are taken as 1.
  ///
  /// Throws everything that keeps it from being imported.
  public init(
    _ file: ONNXFile, _ options: CompilerOptions, shapes: [String: [Int]] = [:]
  ) throws(DiagnosticError) {
    var settings = ImportOptions.folding
    settings.shapes = shapes
    var notes: [Diagnostic] = []
    var failure: DiagnosticError?
    // With sizes open; where that decides something, for either outcome.
    for assumption in [nil, true, false] {
      settings.assumption = assumption
      do {
        switch try file.imported(settings) {
        case .module(let module, _, let guards):
          let report = try ModelReport(module, options)
          self.init(report, memory: report.memory, problems: report.problems + guards.notes)
          return
        case .needs(_, _, let problems): if notes.isEmpty { notes = problems }
        }
      } catch {
        if assumption == nil { failure = error }
      }
    }
    if let failure {
      // What is not supported may be once the sizes are known.
      guard failure.diagnostics.allSatisfy({ $0.severity != .error }) else { throw failure }
      notes = failure.diagnostics
    }
    settings.assumption = nil
    var assumed: [String: Int] = [:]
    for input in file.inputs where settings.shapes[input.name] == nil && input.isRequired {
      guard case .tensor(let type?) = input.kind, let sizes = type.sizes else { continue }
      settings.shapes[input.name] = sizes.map { size in
        switch size {
        case .fixed(let extent): return extent
        case .open(let name):
          assumed[name] = 1
          return 1
        }
      }
    }
    notes = notes.map(\.asNote)
    switch try file.imported(settings) {
    case .module(let module, _, _):
      let report = try ModelReport(module, options)
      var memory = report.memory
      memory?.assumed.merge(assumed) { own, _ in own }
      self.init(report, memory: memory, problems: report.problems + notes)
    case .needs(_, _, let problems):
      self.init(file, problems: problems.map(\.asNote))
    }
  }

  private init(_ report: ModelReport, memory: Memory?, problems: [Diagnostic]) {
    (name, inputs, outputs, kernels) = (report.name, report.inputs, report.outputs, report.kernels)
    (self.memory, self.problems) = (memory, problems)
  }

  /// What the file alone says.
  private init(_ file: ONNXFile, problems: [Diagnostic]) {
    name = "main"
    inputs = file.inputs.filter(\.isRequired).compactMap(\.tensorSignature)
    outputs = file.outputs.compactMap(\.tensorSignature)
    (memory, kernels, self.problems) = (nil, 0, problems)
  }
}

extension Diagnostic {
  /// What keeps a model from being compiled before there are inputs, said as what it is then: no obstacle.
  fileprivate var asNote: Diagnostic {
    Diagnostic(.note, id: id, "the model is compiled for the sizes or values that this depends on: \(message)", at: place)
  }
}

/// The memory of a host function, from when its values are made and last used.
struct MemoryEstimate {
  private let host: Function
  private let values: [SymbolID: Int]
  private(set) var memory = ModelReport.Memory()

  init(_ host: Function, sizes: [String: Int]) {
    self.host = host
    var values: [SymbolID: Int] = [:]
    for id in host.symbols.ids {
      let symbol = host.symbols[id]
      if let size = sizes[symbol.name] ?? symbol.bounds.upper {
        values[id] = size
      } else {
        values[id] = max(symbol.bounds.lower ?? 0, 1)
        memory.assumed[symbol.name.isEmpty ? "?" : symbol.name] = values[id]
      }
    }
    self.values = values
    for parameter in host.parameters { memory.inputs = Self.sum(memory.inputs, bytes(parameter)) }
    memory.peak = peak()
  }

  private mutating func peak() -> Int {
    let ops = host.allOps()
    var last: [ValueID: Int] = [:]
    for (step, op) in ops.enumerated() {
      for value in host.operands(of: op) { last[value] = step }
    }
    var ends: [Int: [ValueID]] = [:]
    for (value, step) in last { ends[step, default: []].append(value) }
    let returned = Set(host.terminator(of: host.entry).map { host.operands(of: $0) } ?? [])
    var (live, peak) = (0, 0)
    var counted: Set<ValueID> = []
    for (step, op) in ops.enumerated() where !isInKernel(op) {
      for value in host.results(of: op) {
        if host.opcode(of: op) == .constant {
          memory.constants = Self.sum(memory.constants, bytes(value))
        } else if host.opcode(of: op) != .reshape {
          live = Self.sum(live, bytes(value))
          counted.insert(value)
        }
      }
      peak = max(peak, live)
      for value in ends[step] ?? [] where counted.contains(value) && !returned.contains(value) { live -= bytes(value) }
    }
    return peak
  }

  private func isInKernel(_ op: OpID) -> Bool {
    var block = host.block(of: op)
    while let owner = host.owner(of: block) {
      if host.opcode(of: owner) == .kernel { return true }
      block = host.block(of: owner)
    }
    return false
  }

  /// What a value takes; the largest number there is where that does not fit.
  private func bytes(_ value: ValueID) -> Int {
    let type = host.type(of: value)
    var bytes = type.element.byteCount
    for dim in type.dims {
      guard let size = try? dim.evaluate({ values[$0] ?? 1 }) else { return .max }
      let (product, overflow) = bytes.multipliedReportingOverflow(by: max(size, 0))
      guard !overflow else { return .max }
      bytes = product
    }
    return bytes
  }

  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }
}
