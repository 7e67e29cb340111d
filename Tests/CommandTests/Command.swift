import Foundation
import Testing

/// One run of the command `apus`, as a process of its own.
struct Command {
  var status: Int32
  var output: String
  var errors: String

  /// - Parameter environment: what is added to, or replaced in, this process's own.
  init(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws {
    try self.init(Self.executable, arguments, input: input, environment: environment)
  }

  /// A script of the shell, which finds the command as `$APUS`.
  init(shell script: String, environment: [String: String] = [:]) throws {
    let environment = environment.merging(["APUS": Self.executable.path]) { _, new in new }
    try self.init(URL(fileURLWithPath: "/bin/sh"), ["-c", script], input: "", environment: environment)
  }

  private init(
    _ executable: URL, _ arguments: [String], input: String, environment: [String: String]
  ) throws {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = Self.checkout
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("apus-command-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files rather than pipes: a pipe that nobody empties would stop the command.
    func file(_ name: String, _ text: String = "") throws -> FileHandle {
      let url = folder.appendingPathComponent(name)
      try text.write(to: url, atomically: false, encoding: .utf8)
      return try FileHandle(forUpdating: url)
    }
    process.standardInput = try file("in", input)
    process.standardOutput = try file("out")
    process.standardError = try file("err")
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = try String(contentsOf: folder.appendingPathComponent("out"), encoding: .utf8)
    errors = try String(contentsOf: folder.appendingPathComponent("err"), encoding: .utf8)
  }

  init(_ arguments: String...) throws { try self.init(arguments) }

  /// The object that `--json` prints.
  func json() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
  }

  static let checkout = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The command stands beside the tests.
  private static var executable: URL {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let beside = tests.deletingLastPathComponent().appendingPathComponent("apus")
    if FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
    return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("apus")
  }
}

/// A folder that lasts as long as the test.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  /// Writes a file and returns its path.
  func file(_ name: String, _ text: String) throws -> String {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    return path(name)
  }
}
