import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A command of the shell, run in a process of its own: what it does to itself costs nobody else anything.
public struct ShellCommand: Sendable {
  /// How a run ended.
  public enum Ending: Sendable, Hashable {
    case status(Int32)
    case signal(Int32)
    /// It took too long, or nobody wants to know any more.
    case stopped
  }

  public var text: String
  /// Where what it prints goes.
  public var output: String

  public init(_ text: String, output: String = "/dev/null") {
    self.text = text
    self.output = output
  }

  /// Runs it to its end, or ends it and all that it has started.
  ///
  /// - Parameter isLate: asked every few milliseconds; where it says so, the command is ended.
  /// Throws `reduce.command` where no process can be started.
  public func run(until isLate: () -> Bool) throws(DiagnosticError) -> Ending {
    let process = try start()
    // Short commands are waited for closely, long ones now and then.
    var pause: UInt32 = 500
    while true {
      var status: Int32 = 0
      let found = waitpid(process, &status, WNOHANG)
      if found == process {
        // What it left running is of no use.
        kill(-process, SIGKILL)
        let signal = status & 0x7F
        return signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
      }
      if found < 0, errno != EINTR { return .stopped }
      if isLate() {
        kill(-process, SIGKILL)
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return .stopped
      }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  private func start() throws(DiagnosticError) -> pid_t {
    do {
      return try ChildProcess.start("/bin/sh", ["-c", text]) { actions in
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
      }
    } catch {
      throw DiagnosticError(id: "reduce.command", "the shell cannot be started: \(error.text)")
    }
  }

  /// A word as the shell reads it back.
  public static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }
}
