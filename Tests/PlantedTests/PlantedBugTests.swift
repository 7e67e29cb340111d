import ApusSupport
import Foundation
import Testing

/// What is true of the planted bugs in any build. That each of them shows on its witness is for `PlantedWitnesses`, which
/// needs a build that holds them.
@Suite struct PlantedBugTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The text of all sources but the list of bugs itself.
  static let sources: [String] = {
    let folder = root.appendingPathComponent("Sources")
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
    return files.filter { $0.pathExtension == "swift" && $0.lastPathComponent != "PlantedBug.swift" }
      .compactMap { try? String(contentsOf: $0, encoding: .utf8) }.filter { $0.contains("isPlanted(") }
  }()

  @Test func enoughOfManyKinds() throws {
    let list = Self.root.appendingPathComponent("Sources/ApusSupport/PlantedBug.swift")
    let strata = try String(contentsOf: list, encoding: .utf8).components(separatedBy: "// MARK: ").dropFirst()
    #expect(PlantedBug.allCases.count >= 60)
    #expect(strata.count >= 12)
    #expect(strata.allSatisfy { $0.contains("  case ") })
  }

  /// Without `APUS_PLANTED_BUGS` a compiler has no bug but those that nobody knows.
  @Test func noneIsInForce() {
    #expect(!PlantedBug.allCases.contains { isPlanted($0) })
  }

  @Test(arguments: PlantedBug.allCases) func standsAtOneSite(_ bug: PlantedBug) {
    let sites = Self.sources.map { $0.components(separatedBy: "isPlanted(.\(bug.name))").count - 1 }
    #expect(sites.reduce(0, +) == 1)
  }

  @Test(arguments: PlantedBug.allCases) func hasAWitness(_ bug: PlantedBug) {
    let witness = Self.root.appendingPathComponent("Tests/PlantedTests/Witnesses/\(bug.name).ir")
    #expect(FileManager.default.fileExists(atPath: witness.path))
  }

  @Test func everyWitnessHasABug() throws {
    let folder = Self.root.appendingPathComponent("Tests/PlantedTests/Witnesses")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let unknown = names.filter { PlantedBug(name: String($0.dropLast(3))) == nil || !$0.hasSuffix(".ir") }
    #expect(unknown.isEmpty)
  }
}
