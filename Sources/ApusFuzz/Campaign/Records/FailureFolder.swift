import ApusCompiler
import ApusONNX
import ApusSupport
import ApusTensor
import Foundation

/// The folder with what reproduces each failure, in a folder of its own:
///
///     case.ir       the module, its passes and its seed; case.bin, where there are constants that are too large for it
///     inputs.npz    the first inputs that the seed makes
///     model.onnx    where another program failed on what was exported
///     case.txt      what was found, and the command that finds it again
public struct FailureFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// Where the failure with that key lies.
  public func folder(_ key: String) -> String {
    path + "/" + String(key.map { $0.isLetter || $0.isNumber || $0 == "." ? $0 : "-" })
  }

  func text(of key: String) -> CaseText? { try? CaseText(path: folder(key) + "/case.ir") }

  /// Writes what is known of a failure. Throws `file.unwritable`.
  func write(_ finding: Finding, _ settings: CaseSettings) throws(DiagnosticError) {
    let folder = folder(finding.key)
    try Folder.make(folder)
    try finding.text?.write(named: "case", in: folder)
    let command = finding.text == nil ? settings.command(finding.number) : "apus fuzz '\(folder)/case.ir'\(settings.targetFlag)"
    let facts = [
      "key: \(finding.key)", "oracle: \(finding.failure.oracle.rawValue)", "pass: \(finding.failure.pass ?? "none")",
      "seed: \(settings.seed), case \(finding.number)", "passes: \(finding.text?.header("passes") ?? "unknown")",
      "ops: \(finding.ops)\(finding.isReduced ? ", reduced" : "")", "again: \(command)",
    ]
    try TextFile.write(facts.joined(separator: "\n") + "\n\n\(finding.failure.detail)\n", path: folder + "/case.txt")
    guard finding.failure.isReadable, let fuzzCase = try? finding.text?.fuzzCase(), let main = fuzzCase.module.functions.first
    else { return }
    if finding.failure.oracle == .target, let model = try? ONNXExport.model(fuzzCase.module) {
      try OutputFile.write(path: folder + "/model.onnx") { (file: inout OutputFile) throws(DiagnosticError) in
        try file.write(model.bytes)
      }
    }
    var drawing = InputDrawing(seed: fuzzCase.seed)
    guard let inputs = try? drawing.inputs(of: main) else { return }
    let names = main.parameters.map { main.name(of: $0) }
    try NumPyArchive.write(
      zip(names, inputs).enumerated().map { ($1.0 ?? "input\($0)", $1.1) }, path: folder + "/inputs.npz")
  }
}

extension Failure {
  /// Whether the text of its case can be read here without harm: what ended one process could end this one.
  var isReadable: Bool {
    switch oracle {
    case .crash, .hang: pass != nil && pass != Oracle.text.rawValue && pass != Oracle.verifier.rawValue
    case .verifier, .text: false
    case .violations, .sizes, .passes, .compile, .code, .loops, .threads, .replay, .memory, .arena, .inputs, .plan, .determinism,
      .target: true
    }
  }
}

extension CaseSettings {
  /// What commands are told of the target, after a blank.
  var targetFlag: String { target.map { " --target='\($0.name)'" } ?? "" }

  /// The command that draws and judges one case again.
  func command(_ number: Int) -> String {
    var words = ["apus fuzz --seed \(seed) --case \(number) --ops \(ops)"]
    if let passes { words.append("--passes '\(passes)'") }
    if target != nil { words.append(String(targetFlag.dropFirst())) }
    if let oracles { words.append("--oracles \(oracles.map(\.rawValue).sorted().joined(separator: ","))") }
    return words.joined(separator: " ")
  }
}
