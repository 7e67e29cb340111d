import ApusCompiler
import ApusSupport
import ApusTarget
import ArgumentParser
import Foundation

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say what this machine offers, and whether Apus works on it.")

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let machine = Machine.host(environment: ProcessInfo.processInfo.environment)
    let outcome = SelfTest.run(on: machine)
    var lines = MachineFacts.members(machine)
    lines.append(("compiler", .string(outcome == nil ? "works" : "fails: \(outcome ?? "")")))
    for solver in Solver.all { lines.append((solver.name, .string(solver.isInstalled ? "found" : "not installed (optional)"))) }
    if json {
      printJSON(lines)
    } else {
      for (name, value) in lines { Output.print("\(name): \(value.plainText)") }
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

/// A library of solvers that Apus uses where it is installed.
private struct Solver {
  var name: String
  var library: String

  static let all = [Solver(name: "cbc", library: "libCbcSolver.so.3"), Solver(name: "highs", library: "libhighs.so")]

  var isInstalled: Bool {
    guard let handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL) else { return false }
    dlclose(handle)
    return true
  }
}
