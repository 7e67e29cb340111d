import Foundation
import Testing

/// Every file below `Tests/Cases`, through the code of the command.
@Suite struct CaseTests {
  @Test("gives what it states", arguments: CasePath.all)
  func runs(_ path: CasePath) throws {
    let file = try path.read()
    let run = try CaseRun(file, name: path.url.lastPathComponent)
    let wanted = file.errors.map { "\($0.line.map(String.init) ?? "file"): \($0.id)" }
    #expect(run.errors.sorted() == wanted.sorted(), "\(path.name)", sourceLocation: path.location())
    #expect(run.status.rawValue == file.status, "exit code", sourceLocation: path.location())
    guard let output = file.output, run.errors.isEmpty else { return }
    let found = run.output.trimmingCharacters(in: .newlines)
    if ProcessInfo.processInfo.environment["BLESS"] == "1" { return try path.bless(found) }
    #expect(found == output, "\(path.name)", sourceLocation: path.location())
  }

  @Test func enoughOfThemReject() throws {
    guard ProcessInfo.processInfo.environment["CASE"] == nil else { return }
    #expect(try CasePath.all.count { try $0.read().isRejecting } >= 150)
  }
}
