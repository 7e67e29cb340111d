import Foundation

/// One file under `Tests/Cases`: what to run, on which input, and what must come out.
///
/// The format is described in `Tests/Cases/README.md`.
struct CaseFile: Sendable {
  /// What is given to Apus under the case's own file name.
  enum Input: Sendable, Hashable {
    case bytes([UInt8])
    /// The path does not exist.
    case missing
    /// The path is a folder.
    case folder
  }

  /// An error that must be reported; `line` is nil for one that belongs to the file as a whole.
  struct ExpectedError: Sendable, Hashable {
    var line: Int?
    var id: String
  }

  /// `check`, `opt`, …: the first word after `// test:`.
  var command: String
  /// The words after the command.
  var arguments: [String]
  var input: Input
  /// Files that lie beside the input.
  var files: [String: [UInt8]]
  /// Folders that lie beside the input.
  var folders: [String]
  var errors: [ExpectedError]
  /// The exit code of the command.
  var status: Int32
  /// What follows `// ----`, without the line breaks around it.
  var output: String?

  var isRejecting: Bool { !errors.isEmpty }
}

extension CaseFile {
  static let outputMark = "\n// ----\n"

  init(text whole: String) throws {
    let halves = whole.components(separatedBy: Self.outputMark)
    guard halves.count <= 2 else { throw CaseFormatError("more than one `// ----`") }
    output = halves.count == 2 ? halves[1].trimmingCharacters(in: .newlines) : nil

    let lines = halves[0].components(separatedBy: "\n")
    guard let words = lines[0].directive("test")?.split(separator: " ").map(String.init), let first = words.first else {
      throw CaseFormatError("the first line is not `// test: COMMAND`")
    }
    command = first
    arguments = Array(words.dropFirst())
    errors = []
    files = [:]
    folders = []
    var stated: Int32?

    var texts: [String: [UInt8]] = [:]
    var given: Input?
    for line in lines.dropFirst().prefix(while: { $0.hasPrefix("//") }) {
      if let rest = line.directive("text") {
        let (name, bytes) = try namedPieces(rest)
        texts[name] = bytes
      } else if let rest = line.directive("file") {
        let (name, bytes) = try namedPieces(rest)
        files[name] = bytes
      } else if let rest = line.directive("folder") {
        folders.append(rest)
      } else if let rest = line.directive("exit") {
        guard let number = Int32(rest) else { throw CaseFormatError("`\(rest)` is no exit code") }
        stated = number
      } else if let rest = line.directive("input") {
        given = try Input(rest)
      }
    }
    for (index, line) in lines.enumerated() {
      for (id, ofFile) in line.expectedErrors() {
        errors.append(ExpectedError(line: ofFile ? nil : index + 1, id: id))
      }
    }
    status = stated ?? (errors.isEmpty ? 0 : 1)
    input = try given ?? .bytes(expand(halves[0] + (output == nil ? "" : "\n"), texts))
  }
}

/// A mistake in a case file, not in Apus.
struct CaseFormatError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

extension CaseFile.Input {
  fileprivate init(_ text: String) throws {
    switch text {
    case "missing": self = .missing
    case "folder": self = .folder
    default: self = .bytes(try CasePieces.bytes(of: text))
    }
  }
}

extension String {
  /// The rest of a `// name: rest` line.
  fileprivate func directive(_ name: String) -> String? {
    let start = "// \(name):"
    guard hasPrefix(start) else { return nil }
    return dropFirst(start.count).trimmingCharacters(in: .whitespaces)
  }

  /// Every `// error: id` and `// error@file: id` of a line; `ofFile` tells them apart.
  fileprivate func expectedErrors() -> [(id: String, ofFile: Bool)] {
    components(separatedBy: "// ").dropFirst().compactMap { part in
      for (mark, ofFile) in [("error:", false), ("error@file:", true)] where part.hasPrefix(mark) {
        return (part.dropFirst(mark.count).trimmingCharacters(in: .whitespaces), ofFile)
      }
      return nil
    }
  }
}

private func namedPieces(_ text: String) throws -> (String, [UInt8]) {
  guard let equals = text.firstIndex(of: "=") else { throw CaseFormatError("no `=` in `\(text)`") }
  let name = text[..<equals].trimmingCharacters(in: .whitespaces)
  return (name, try CasePieces.bytes(of: String(text[text.index(after: equals)...])))
}

/// Replaces every `${name}`; line breaks stay where they are, so lines keep their numbers.
private func expand(_ text: String, _ texts: [String: [UInt8]]) throws -> [UInt8] {
  var bytes: [UInt8] = []
  var rest = text[...]
  while let start = rest.range(of: "${"), let end = rest.range(of: "}", range: start.upperBound..<rest.endIndex) {
    let name = String(rest[start.upperBound..<end.lowerBound])
    guard let replacement = texts[name] else { throw CaseFormatError("`${\(name)}` has no `// text: \(name) = …`") }
    bytes += rest[..<start.lowerBound].utf8
    bytes += replacement
    rest = rest[end.upperBound...]
  }
  return bytes + rest.utf8
}
