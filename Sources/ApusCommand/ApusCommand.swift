import ArgumentParser
import Foundation

/// The command `apus`.
struct ApusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "A tensor compiler and JIT for CPUs.",
    discussion: "A MODEL is a .apus graph file, a .ir file or a .onnx file.",
    subcommands: [
      RunCommand.self, CheckCommand.self, OptCommand.self, BenchCommand.self, TypesCommand.self, ExplainCommand.self,
      PlanCommand.self, OpsCommand.self, FuzzCommand.self, FuzzWorkerCommand.self, ReduceCommand.self, ServeCommand.self,
      DoctorCommand.self, ListKnobsCommand.self,
    ])
}

@main enum Main {
  static func main() {
    CrashReport.install(CommandLine.arguments, environment: ProcessInfo.processInfo.environment)
    do {
      var command = try ApusCommand.parseAsRoot()
      try command.run()
      try Output.flush()
    } catch {
      var status = ExitStatus.report(error)
      // Help is printed, too.
      do { try Output.flush() } catch { if status == .done { status = ExitStatus.report(error) } }
      exit(status.rawValue)
    }
  }
}
