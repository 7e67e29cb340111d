import ApusCompiler
import ApusFuzz
import ApusIR
import ApusPasses
import ApusSupport
import ApusTensor
import Foundation

/// A program on which a planted bug shows: `Tests/PlantedTests/Witnesses/<bug>.ir`. Comments before the text may say
///
///     // passes: canonicalize, cse        what it goes through; the standard pipeline otherwise
///     // seeds: 3 8                       of the inputs; 1 2 3 otherwise
///     // check: verify                    what counts: the ids that the verifier finds,
///     // check: text                      what is read and printed again,
///     // check: bits                      or the bits of the results; the judge's verdict otherwise
struct Witness {
  let source: SourceText
  private var settings: [String: String] = [:]

  init(of bug: PlantedBug, in folder: URL) throws {
    let file = folder.appendingPathComponent("\(bug.name).ir")
    let text = try String(contentsOf: file, encoding: .utf8)
    source = SourceText(name: file.lastPathComponent, text: text)
    for line in text.split(separator: "\n").prefix(while: { $0.hasPrefix("//") }) {
      let parts = line.dropFirst(2).split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      if parts.count == 2 { settings[parts[0]] = parts[1] }
    }
  }

  /// What this compiler says of the program, on one line or more; the first word is `agrees` where it is right.
  func verdict() throws -> String {
    let module: Module
    do {
      module = try Module.parse(source)
    } catch {
      return "unreadable: \(error)"
    }
    if settings["check"] == "verify" {
      let ids = module.verify().map(\.id)
      return ids.isEmpty ? "accepted" : ids.joined(separator: " ")
    }
    if settings["check"] == "text" { return module.text() }
    if settings["check"] == "bits" { return try bits(module) }
    let passes = try settings["passes"].map { try Pipeline.parse($0) } ?? Passes.standard
    let judge = Judge()
    for seed in seeds {
      do {
        if let failure = try judge.judge(FuzzCase(module, passes: passes, seed: seed)) {
          return "\(failure.key), seed \(seed): \(failure.detail)"
        }
      } catch {
        return "nothing to compare, seed \(seed): \(error)"
      }
    }
    return "agrees"
  }

  /// The results of the compiled module as text, for differences that lie within the error which a module may have.
  private func bits(_ module: Module) throws -> String {
    guard let main = module.functions.first else { return "" }
    let model = try Compiler(CompilerOptions(threads: 1)).compile(module)
    let results = try seeds.map { seed in
      var inputs = InputDrawing(seed: seed)
      return try model.executable.run(inputs.inputs(of: main)).map { result in
        (0..<result.count).map { "\(result.scalar(at: $0))" }.joined(separator: " ")
      }
    }
    return "\(results)"
  }

  private var seeds: [UInt64] { (settings["seeds"] ?? "1 2 3").split(separator: " ").compactMap { UInt64($0) } }
}
