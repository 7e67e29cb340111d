import ApusCompiler
import ApusMemory
import ApusSupport
import ApusTarget
import ArgumentParser
import Foundation

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say what this machine offers, and whether Apus works on it.")

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Say how long each phase took: on stderr, or in the JSON object.")
  var timing = false

  func run() throws {
    var times = PhaseTimes()
    let machine = times.measure("machine") { Machine.host(environment: ProcessInfo.processInfo.environment) }
    let outcome = times.measure("self-test") { SelfTest.run(on: machine) }
    var lines = MachineFacts.members(machine)
    lines.append(("compiler", .string(outcome == nil ? "works" : "fails: \(outcome ?? "")")))
    lines += times.measure("solvers") {
      InstalledSolvers.members(override: ProcessInfo.processInfo.environment["APUS_SOLVER"])
    }
    if json {
      if timing { lines.append(("timing", times.json)) }
      printJSON(lines)
    } else {
      for (name, value) in lines { Output.print("\(name): \(value.plainText)") }
      if timing { for line in times.lines { Console.note(line) } }
    }
    if outcome != nil { throw CommandFailure(status: .failed) }
  }
}

/// The facts of a machine that figures depend on.
enum MachineFacts {
  static func members(_ machine: Machine) -> [(String, JSONValue)] {
    [
      ("cpu", .string(machine.cpuName)), ("architecture", .string(machine.architecture.rawValue)),
      ("vector_bytes", .int(machine.vectorBytes)), ("fma", .bool(machine.hasFMA)),
      ("logical_cores", .int(machine.logicalCores)), ("physical_cores", .int(machine.physicalCores)),
      ("usable_threads", .int(machine.availableThreads)), ("cpu_quota", machine.cpuQuota.map { .number($0) } ?? .null),
      ("l1d_bytes", .int(machine.caches.l1d)), ("l2_bytes", .int(machine.caches.l2)),
      ("l3_bytes", .int(machine.caches.l3)), ("usable_memory_bytes", .int(machine.usableMemoryBytes)),
    ]
  }
}

/// The solvers that the memory planner asks where they are installed.
enum InstalledSolvers {
  /// What there is of each; `override` is the library that `APUS_SOLVER` names.
  static func members(override: String?) -> [(String, JSONValue)] {
    let found = Solver.candidates(override: override).compactMap { solver in
      solver.identify().map { (solver, $0) }
    }
    return ["HiGHS", "CBC"].map { name in
      guard let (solver, identity) = found.first(where: { $0.1.name == name }) else {
        return (name.lowercased(), .string("not installed (optional)"))
      }
      return (name.lowercased(), .string("\(identity.version) (\(solver.library))"))
    }
  }
}
