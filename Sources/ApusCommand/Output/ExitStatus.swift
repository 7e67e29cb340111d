import ApusSupport
import ArgumentParser

/// The exit codes of the command.
enum ExitStatus: Int32 {
  case done = 0
  /// A mismatch, a regression, or an input refused as invalid.
  case failed = 1
  /// Valid, but unsupported here.
  case unsupported = 2
  case badCommandLine = 3
  case resourceLimit = 5
  case internalError = 70

  /// Says on stderr (help: on stdout) what ended the command, and how it exits.
  static func report(_ error: any Error) -> ExitStatus {
    let status = status(of: error)
    if let error = error as? DiagnosticError {
      for diagnostic in error.diagnostics { Console.show(diagnostic) }
      if status == .internalError { CrashReport.keep() }
    } else if error is CancellationError {
      Console.note("cancelled")
    } else if error is CommandFailure {
      return status
    } else if status == .done {
      Output.print(ApusCommand.fullMessage(for: error))
    } else if status == .badCommandLine {
      Console.note(ApusCommand.fullMessage(for: error))
    } else {
      Console.note("\(error)")
      CrashReport.keep()
    }
    return status
  }

  /// How a command exits that ended with this error; a request for help is one, too.
  static func status(of error: any Error) -> ExitStatus {
    if let error = error as? DiagnosticError { return status(of: error.diagnostics) }
    if let failure = error as? CommandFailure { return failure.status }
    if error is CancellationError { return .failed }
    switch ApusCommand.exitCode(for: error) {
    case .success: return .done
    case .validationFailure: return .badCommandLine
    case _: return .internalError
    }
  }

  static func status(of diagnostics: [Diagnostic]) -> ExitStatus {
    let problems = diagnostics.filter { $0.severity == .error || $0.severity == .unsupported }
    if problems.contains(where: { $0.id.hasSuffix(".internal") }) { return .internalError }
    if problems.contains(where: { isLimit($0.id) }) { return .resourceLimit }
    if problems.contains(where: { $0.severity == .error }) { return .failed }
    return problems.isEmpty ? .done : .unsupported
  }

  private static func isLimit(_ id: String) -> Bool {
    id.hasPrefix("limit.") || ["run.memory", "tensor.no-memory", "npz.limit", "memory.overflow"].contains(id)
  }
}

/// Ends a command that has said already what is wrong.
struct CommandFailure: Error {
  var status: ExitStatus
}
