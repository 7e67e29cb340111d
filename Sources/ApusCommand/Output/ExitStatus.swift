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
    if let error = error as? DiagnosticError {
      for diagnostic in error.diagnostics { Console.show(diagnostic) }
      return status(of: error.diagnostics)
    }
    if let status = error as? CommandFailure { return status.status }
    if error is CancellationError {
      Console.note("cancelled")
      return .failed
    }
    let code = ApusCommand.exitCode(for: error)
    let message = ApusCommand.fullMessage(for: error)
    if code == .success {
      print(message)
      return .done
    }
    if code == .validationFailure {
      Console.note(message)
      return .badCommandLine
    }
    Console.note("error[internal]: \(error)")
    return .internalError
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
