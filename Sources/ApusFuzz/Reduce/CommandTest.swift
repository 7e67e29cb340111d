import ApusCompiler
import ApusIR
import ApusPasses
import ApusSupport

/// Asks a command of the shell whether candidates are interesting: one that exits with 0 says that they are.
///
/// In the command, `{}` stands for the path of the candidate, and `{passes}` for its passes; the path is appended where
/// there is no `{}`. Both come quoted. The command runs in the folder of whoever asks, and prints nothing.
public struct CommandTest: Sendable {
  public var command: String
  /// Where candidates are written: `candidate.ir`, and `candidate.ir.bin` for the constants that are too large for it.
  public var folder: String
  /// What may stand before a candidate: comments.
  public var header: @Sendable (Pipeline) -> String
  /// A command that takes longer says that a candidate is not interesting.
  public var timeLimit: Duration
  private let clock: @Sendable () -> Duration
  private let isCancelled: @Sendable () -> Bool

  /// - Parameter clock: the time since some fixed moment.
  public init(
    _ command: String, folder: String, timeLimit: Duration,
    header: @escaping @Sendable (Pipeline) -> String = { _ in "" }, clock: @escaping @Sendable () -> Duration,
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) {
    self.command = command
    self.folder = folder
    self.timeLimit = timeLimit
    self.header = header
    self.clock = clock
    self.isCancelled = isCancelled
  }

  /// Throws `file.unwritable`, and `reduce.command` where no process can be started.
  public func isInteresting(_ module: Module, _ passes: Pipeline) throws -> Bool {
    try ending(module, passes) == .status(0)
  }

  /// How the command ends for a candidate: for tests that look for a crash.
  ///
  /// - Parameter output: the file that keeps what the command prints.
  /// Throws as ``isInteresting(_:_:)`` does.
  public func ending(
    _ module: Module, _ passes: Pipeline, output: String = "/dev/null"
  ) throws(DiagnosticError) -> ShellCommand.Ending {
    let path = folder + "/candidate.ir"
    try ReducedFile.write(module, header: header(passes), path: path)
    let start = clock()
    let end = ShellCommand(text(path, passes), output: output)
    return try end.run { isCancelled() || clock() - start >= timeLimit }
  }

  private func text(_ path: String, _ passes: Pipeline) -> String {
    let path = ShellCommand.quoted(path)
    let named = command.replacing("{passes}", with: ShellCommand.quoted(passes.description))
    return named.contains("{}") ? named.replacing("{}", with: path) : "\(named) \(path)"
  }
}

/// A module in a file, with its large constants in another beside it.
public enum ReducedFile {
  /// Writes `PATH`, and `PATH.bin` if there are constants that are too large for a text.
  ///
  /// - Parameter header: lines of comments, which end in a line break.
  /// Throws `file.unwritable`.
  public static func write(_ module: Module, header: String, path: String) throws(DiagnosticError) {
    let file = path + ".bin"
    let name = file.split(separator: "/").last.map(String.init) ?? file
    var whole = module
    whole.dropConstantFiles()
    let document = whole.document(TextOptions(constantsFile: name))
    if !document.blocks.isEmpty { try ConstantsFile.write(document.blocks, path: file) }
    try TextFile.write(header + document.text, path: path)
  }
}
