import Foundation
import Testing

/// A case on disk; reports show its path below `Tests/Cases`.
struct CasePath: Sendable, CustomTestStringConvertible {
  let url: URL
  let name: String
  var testDescription: String { name }

  func read() throws -> CaseFile {
    try CaseFile(text: String(decoding: Data(contentsOf: url), as: UTF8.self))
  }

  /// Writes down what came out as what is expected.
  func bless(_ output: String) throws {
    let text = try String(contentsOf: url, encoding: .utf8)
    let input = text.components(separatedBy: CaseFile.outputMark)[0]
    try (input + CaseFile.outputMark + output + "\n").write(to: url, atomically: true, encoding: .utf8)
  }

  /// A place in the case file, so that a failure opens it in an editor.
  func location(line: Int = 1) -> SourceLocation {
    SourceLocation(fileID: "FileTests/\(name)", filePath: url.path, line: max(1, line), column: 1)
  }
}

extension CasePath {
  /// Every `.apus` and `.ir` file under `Tests/Cases` in the order of their names.
  /// `CASE=parse/*` in the environment selects some of them.
  static let all: [CasePath] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cases")
    let pattern = ProcessInfo.processInfo.environment["CASE"]
    let names = FileManager.default.subpaths(atPath: root.path) ?? []
    return names.sorted()
      .filter { $0.hasSuffix(".apus") || $0.hasSuffix(".ir") }
      .filter { name in pattern.map { fnmatch($0, name, 0) == 0 } ?? true }
      .map { CasePath(url: root.appending(path: $0), name: $0) }
  }()
}
