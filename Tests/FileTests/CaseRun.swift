import Apus
import ApusSupport
import ArgumentParser
import Foundation

@testable import ApusCommand

/// A case as the command runs it, in this process.
struct CaseRun {
  /// What the command would print on stdout, had it not failed.
  private(set) var output = ""
  /// Errors as "3: matmul.k" with the line of the case, or "file: matmul.k" for those of the file as a whole.
  private(set) var errors: [String] = []
  private(set) var status = ExitStatus.done

  init(_ file: CaseFile, name: String) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "apus-case-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: name)
    for name in file.folders + (file.input == .folder ? [name] : []) {
      try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    for (name, bytes) in file.files { try Data(bytes).write(to: folder.appending(path: name)) }
    if case .bytes(let bytes) = file.input { try Data(bytes).write(to: model) }

    do {
      let command = try ApusCommand.parseAsRoot(Self.commandLine(file, model: model, folder: folder))
      try run(command, model)
    } catch {
      status = ExitStatus.status(of: error)
      guard let error = error as? DiagnosticError else {
        errors.append("\(error)")
        return
      }
      note(error.diagnostics, of: model)
    }
  }

  private mutating func run(_ command: any ParsableCommand, _ model: URL) throws {
    if let command = command as? CheckCommand {
      let problems = try command.report().problems
      status = ExitStatus.status(of: problems)
      note(problems, of: model)
    } else if let command = command as? OptCommand {
      output = try command.result()
    } else if let command = command as? RunCommand {
      let outcome = try command.outcome()
      output = RunCommand.lines(of: outcome).joined(separator: "\n")
      if !outcome.mismatches.isEmpty { status = .failed }
      note(outcome.mismatches, of: model)
    } else {
      throw CaseFormatError("no case runs this command")
    }
  }

  private mutating func note(_ diagnostics: [Diagnostic], of model: URL) {
    for diagnostic in diagnostics where diagnostic.severity == .error || diagnostic.severity == .unsupported {
      var place = "file"
      if case .text(let source, let range) = diagnostic.place, source.name == model.path, range.lowerBound < source.bytes.count {
        place = "\(source.position(of: range.lowerBound).line)"
      }
      errors.append("\(place): \(diagnostic.id)")
    }
  }

  /// `./` at the start of an argument, or of its value, is the folder of the case.
  private static func commandLine(_ file: CaseFile, model: URL, folder: URL) -> [String] {
    var arguments = file.arguments.map { argument in
      if argument.hasPrefix("./") { return folder.path + argument.dropFirst(1) }
      return argument.replacing("=./", with: "=\(folder.path)/")
    }
    if file.command == "opt", let passes = arguments.first, !passes.hasPrefix("-") {
      arguments[0] = "--passes=\(passes)"
    }
    return [file.command, model.path] + arguments
  }
}
