// Measures what Apus compiles against what the machine can do.
//
//     swift run -c release Benchmarks [filter…] [--json] [--rounds N] [--thread-time] [--peer]
//
// With --thread-time, what runs on one thread is timed by what that thread computes: for machines that are busy otherwise.
// With --peer, onnxruntime runs the same where it is installed; its line ends with how many times as long it takes.
// `offsets`, `order` and `residency` in the place of filters print what the memory planner makes of networks.
// A filter picks the subjects and the groups whose names contain it, or the one subject that it is the whole name of.

import ApusTarget
import Foundation

/// Shows a line at once, also in a file.
func show(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

if try PlannerTables.print(Array(CommandLine.arguments.dropFirst())) { exit(0) }
let machine = Machine.host()
var filters: [String] = []
var isJSON = false
var rounds = 25
var clock = Clock.wall
var comparesPeer = false
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
  switch argument {
  case "--json": isJSON = true
  case "--peer": comparesPeer = true
  case "--thread-time": clock = .thread
  case "--rounds":
    guard let count = arguments.popFirst().flatMap(Int.init), count > 0 else {
      FileHandle.standardError.write(Data("--rounds takes a positive number\n".utf8))
      exit(3)
    }
    rounds = count
  case "--memory-of":
    // What `AnonymousMemory` runs in a process of its own.
    let name = arguments.popFirst()
    let subject = SubjectGroup.all().flatMap(\.subjects).first { $0.name == name }
    guard let bytes = try subject?.anonymousBytes() else { exit(1) }
    show("\(bytes)")
    exit(0)
  case _ where argument.hasPrefix("-"):
    FileHandle.standardError.write(Data("there is no option \(argument)\n".utf8))
    exit(3)
  case _: filters.append(argument)
  }
}

if comparesPeer, let reason = Peer.whatIsMissing() {
  FileHandle.standardError.write(Data("onnxruntime is left out: \(reason)\n".utf8))
  comparesPeer = false
}
var report = Report()
if !isJSON { show(Report.header) }
let groups = SubjectGroup.all()
let names = Set(groups.flatMap { $0.subjects.map(\.name) })

@MainActor func isWanted(_ subject: Subject, _ group: SubjectGroup) -> Bool {
  filters.isEmpty
    || filters.contains { names.contains($0) ? subject.name == $0 : subject.name.contains($0) || group.name.contains($0) }
}

for group in groups {
  for subject in group.subjects where isWanted(subject, group) {
    var row: Report.Row
    do {
      let anonymousBytes = subject.measuresMemory ? AnonymousMemory.growth(of: subject.name) : nil
      let measurements = try Measurement.all(of: subject, machine: machine, rounds: rounds, clock: clock)
      row = Report.Row(group: group.name, name: subject.name, measurements: measurements, anonymousBytes: anonymousBytes)
    } catch {
      FileHandle.standardError.write(Data("\(subject.name): \(error)\n".utf8))
      exit(1)
    }
    if comparesPeer, let peer = subject.peer {
      for threads in subject.threads {
        row.peers[threads] = peer.measure(threads: threads, rounds: rounds, clock: clock)
      }
    }
    report.rows.append(row)
    if !isJSON {
      for line in Report.lines(of: row) { show(line) }
    }
  }
}
if isJSON { show(try report.json()) }
