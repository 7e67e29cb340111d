import ApusSupport
import Foundation

/// Proves of every planted bug that it changes what the compiler does: each witness is tried with and without its bug,
/// each time in a process of its own. `PlantedWitnesses [BUG …]`, in the root of the package; needs a build with
/// `APUS_PLANTED_BUGS`.
@main struct PlantedWitnesses {
  static let folder = URL(fileURLWithPath: "Tests/PlantedTests/Witnesses")

  static func main() throws {
    #if APUS_PLANTED_BUGS
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == "--show", let bug = arguments.dropFirst().first.flatMap({ PlantedBug(name: $0) }) {
        print(try Witness(of: bug, in: folder).verdict())
        return
      }
      let unknown = arguments.filter { PlantedBug(name: $0) == nil }
      guard unknown.isEmpty else {
        print("no planted bug is named \(unknown.joined(separator: ", "))")
        exit(1)
      }
      let bugs = arguments.isEmpty ? PlantedBug.allCases : arguments.compactMap { PlantedBug(name: $0) }
      let unproven = try bugs.filter { try !prove($0) }
      say("\(bugs.count - unproven.count) of \(bugs.count) planted bugs are shown by their witness")
      exit(unproven.isEmpty ? 0 : 1)
    #else
      print("build with APUS_PLANTED_BUGS=1: this compiler holds no planted bugs")
      exit(1)
    #endif
  }

  /// Prints at once: a run of all witnesses takes minutes.
  private static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

  /// Whether a bug changes the verdict on its witness, which without it is that all agree.
  private static func prove(_ bug: PlantedBug) throws -> Bool {
    let clean = try verdict(on: bug, isPlanted: false)
    let planted = try verdict(on: bug, isPlanted: true)
    let isRight = clean == "agrees" || clean == planted ? clean == "agrees" : !clean.hasPrefix("nothing")
    let isProven = isRight && clean != planted && !planted.hasPrefix("nothing")
    let lines = planted.split(separator: "\n").prefix(isProven ? 1 : 12).joined(separator: "\n    ")
    say("\(isProven ? "shown" : "NOT SHOWN") \(bug.name): \(lines.prefix(isProven ? 140 : 2000))")
    if !isRight { say("    without it: \(clean.prefix(2000))") }
    return isProven
  }

  private static func verdict(on bug: PlantedBug, isPlanted: Bool) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
    process.arguments = ["--show", bug.name]
    var environment = ProcessInfo.processInfo.environment
    environment["APUS_PLANTED_BUG"] = isPlanted ? bug.name : nil
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let limit = DispatchWorkItem { process.terminate() }
    DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: limit)
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    limit.cancel()
    if process.terminationReason == .uncaughtSignal {
      return process.terminationStatus == SIGTERM ? "does not end" : "crashes with signal \(process.terminationStatus)"
    }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
