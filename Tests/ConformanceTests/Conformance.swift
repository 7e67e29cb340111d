import Foundation

/// ONNX's backend suite, where it is at hand: a folder with the archive, the lists of its tests and a runner that drives
/// any program. The folder is `../shared/conformance` beside the checkout, or what APUS_CONFORMANCE says.
struct Conformance {
  let folder: URL

  /// Nil where the suite or what its runner needs is missing: `reason` says what.
  init?(reason: inout String) {
    let environment = ProcessInfo.processInfo.environment
    let beside = Self.checkout.deletingLastPathComponent().appendingPathComponent("shared/conformance")
    folder = environment["APUS_CONFORMANCE"].map { URL(fileURLWithPath: $0, isDirectory: true) } ?? beside
    guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("suite.tar.xz").path) else {
      reason = "there is no conformance suite in \(folder.path)"
      return nil
    }
    guard (try? Self.run("/usr/bin/env", ["python3", "-c", "import numpy, onnx"]).status) == 0 else {
      reason = "python3 has no numpy and onnx"
      return nil
    }
  }

  /// How a test ended: `pass`, `wrong`, `unsupported`, `error`, `crash`, `timeout` or `na`.
  struct Outcome: Decodable {
    let status: String
    let why: String
  }

  /// The outcomes by test, `kind/name`.
  ///
  /// - Parameter filter: a regular expression that names of tests have a match of; nil is all.
  func outcomes(filter: String?) throws -> [String: Outcome] {
    struct Report: Decodable { let results: [String: Outcome] }
    return try report("suite", as: Report.self) { suite in
      ["run_backend_suite.py", "--suite", suite, "--kinds", "all", "--quiet", "--timeout", "120",
        "--serve", "'\(Self.tool.path)' serve --threads 1"] + (filter.map { ["--filter", $0] } ?? [])
    }.results
  }

  /// How each file of the open half of the hostile corpus was handled: `good`, or what is wrong with that.
  func verdictsOnHostileFiles() throws -> [String: String] {
    struct Report: Decodable {
      struct Case: Decodable { let verdict: String }
      let results: [String: Case]
    }
    // The limits of time are for an optimized build.
    return try report("hostile", as: Report.self) { corpus in
      ["run_hostile.py", "--corpus", corpus, "--slow", "6", "--cpu-s", "240",
        "--cmd", "'\(Self.tool.path)' run {model} --inputs {inputs} --outputs {outputs}"]
    }.results.mapValues(\.verdict)
  }

  /// What a runner reports on an archive that was unpacked for it.
  private func report<Report: Decodable>(
    _ archive: String, as _: Report.Type, _ arguments: (_ unpacked: String) -> [String]
  ) throws -> Report {
    let scratch = FileManager.default.temporaryDirectory
      .appendingPathComponent("apus-conformance-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let packed = folder.appendingPathComponent("\(archive).tar.xz").path
    let unpacked = try Self.run("/usr/bin/env", ["tar", "xJf", packed, "-C", scratch.path])
    guard unpacked.status == 0 else { throw Failure(description: "\(packed) cannot be unpacked: \(unpacked.text)") }
    let report = scratch.appendingPathComponent("report.json")
    var command = arguments(scratch.appendingPathComponent(archive).path)
    command[0] = folder.appendingPathComponent(command[0]).path
    let jobs = max(1, ProcessInfo.processInfo.activeProcessorCount)
    let run = try Self.run("/usr/bin/env", ["python3"] + command + ["--jobs", "\(jobs)", "--report", report.path])
    guard let data = try? Data(contentsOf: report) else { throw Failure(description: "the runner failed: \(run.text)") }
    return try JSONDecoder().decode(Report.self, from: data)
  }

  /// The tests of a list, without those whose operands were made initializers: they are counted apart.
  func list(_ name: String) throws -> Set<String> {
    let text = try String(contentsOf: folder.appendingPathComponent("lists/\(name).txt"), encoding: .utf8)
    let names = text.split(separator: "\n").map { line in
      line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
    }
    return Set(names.filter { !$0.isEmpty && !$0.hasPrefix("node-const/") })
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let checkout = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The command beside the tests, or what APUS_CONFORMANCE_TOOL says.
  private static var tool: URL {
    if let path = ProcessInfo.processInfo.environment["APUS_CONFORMANCE_TOOL"] { return URL(fileURLWithPath: path) }
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let beside = tests.deletingLastPathComponent().appendingPathComponent("apus")
    if FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
    return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("apus")
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    // A file rather than a pipe: a pipe that nobody empties would stop the program.
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("apus-output-\(UUID().uuidString)")
    try Data().write(to: output)
    defer { try? FileManager.default.removeItem(at: output) }
    let handle = try FileHandle(forUpdating: output)
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: try Data(contentsOf: output), as: UTF8.self))
  }
}
