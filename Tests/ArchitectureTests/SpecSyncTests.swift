import ApusIR
import ApusSpec
import ApusTensor
import Foundation
import Testing

/// `BLESS=1 swift test --filter SpecSync` rewrites what is generated.
struct SpecSyncTests {
  private let tree = SpecTree(root: Checkout.root)

  @Test func generatedFilesAreUpToDate() throws {
    if ProcessInfo.processInfo.environment["BLESS"] == "1" { try tree.update() }
    let stale = try tree.stale().keys.sorted()
    #expect(stale.isEmpty, "stale: run `swift run specgen`, or test with BLESS=1")
  }

  /// The tables of this build are those of the declarations on disk.
  @Test func opCodesFollowTheDeclarations() throws {
    let declarations = try tree.read().declarations
    #expect(OpInfo.all.map(\.name) == declarations.map(\.name.value))
    #expect(OpInfo.all.map(\.code) == Array(OpCode.allCases))
    #expect(OpInfo.all.map(\.signature) == declarations.map(\.signature))
  }

  @Test func vocabularyIsThatOfTheIR() {
    #expect(Set(Vocabulary.elementTypes) == Set(ElementType.allCases.map(\.name)))
    #expect(Set(ApusSpec.ElementClass.allCases.map(\.rawValue)) == Set(ApusIR.ElementClass.allCases.map(\.rawValue)))
    #expect(ApusSpec.Phase.allCases.map(\.rawValue) == ApusIR.Phase.allCases.map(\.rawValue))
  }
}
