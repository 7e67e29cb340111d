import ApusIR
import Foundation
import Testing

/// Every rule of a declaration has a case below `Tests/Cases` that breaks it, and nothing but it.
struct ConstraintCaseTests {
  /// Rules that no text can break: reading it, the literal is refused as such. Tests of inference break them.
  private static let unwritable: Set<String> = ["constant.C1", "constant.C2"]

  @Test(arguments: OpInfo.all.filter { !$0.constraints.isEmpty }.map(\.name))
  func numberedConstraintsAreBroken(op: String) throws {
    let code = try #require(OpCode(name: op))
    for constraint in code.info.constraints {
      let id = "\(op).\(constraint.id)"
      if Self.unwritable.contains(id) { continue }
      #expect(Self.rejected.contains(id), "no case says `// error: \(id)`: \(constraint.text)")
    }
  }

  /// Sizes that several operands share, as `k` of matmul.
  @Test(arguments: OpInfo.all.filter { !sharedDims($0).isEmpty }.map(\.name))
  func sharedSizesAreBroken(op: String) throws {
    let code = try #require(OpCode(name: op))
    for dim in Self.sharedDims(code.info) {
      #expect(Self.rejected.contains("\(op).\(dim)"), "no case says `// error: \(op).\(dim)`")
    }
  }

  @Test func unwritableRulesAreTestedOtherwise() throws {
    let tests = try Checkout.files(below: "Tests/IRTests", ending: ".swift").map(Checkout.text).joined()
    for id in Self.unwritable { #expect(tests.contains("\"\(id)\"")) }
  }

  @Test func noCaseCitesARuleThatIsGone() {
    for id in Self.rejected {
      let parts = id.split(separator: ".").map(String.init)
      guard parts.count == 2, parts[1].wholeMatch(of: /C[0-9]+/) != nil else { continue }
      let info = OpCode(name: parts[0])?.info
      #expect(info?.constraints.contains { $0.id == parts[1] } == true, "\(id) is no constraint")
    }
  }

  private static func sharedDims(_ info: OpInfo) -> [String] {
    var seen: [String: Int] = [:]
    for operand in info.operands {
      guard case .dims(let entries) = operand.pattern.shape else { continue }
      let names = entries.compactMap { if case .dim(let name) = $0 { name } else { nil } }
      for name in Set(names) { seen[name, default: 0] += 1 }
    }
    return seen.filter { $0.value > 1 }.keys.sorted()
  }

  /// The ids that the cases expect.
  private static let rejected: Set<String> = {
    var ids: Set<String> = []
    for ending in [".ir", ".apus"] {
      for path in Checkout.files(below: "Tests/Cases", ending: ending) {
        for match in ((try? Checkout.text(path)) ?? "").matches(of: /\/\/ error: (\S+)/) { ids.insert(String(match.1)) }
      }
    }
    return ids
  }()
}
