import Foundation
import Testing

/// Who may import whom stands in a table of `IR-specs/README.md`.
struct ImportTests {
  @Test func importsKeepToTheTable() throws {
    let table = try ImportTable(text: Checkout.text("IR-specs/README.md"))
    var seen: Set<String> = []
    for path in Checkout.files(below: "Sources", ending: ".swift") {
      let target = path.split(separator: "/")[1]
      seen.insert(String(target))
      let allowed = try #require(table.rows[String(target)], "\(target) has no row in the table")
      for statement in Self.imports(in: try Checkout.text(path)) {
        let isAllowed = allowed.contains(statement.module) || ImportTable.openToAll.contains(statement.module)
        #expect(isAllowed, "\(path) imports \(statement.module)")
        // A C library that a public import shows would have to be installed by the users of Apus.
        let isForeign = ["CLLVM", "CFFI", "CZlib"].contains(statement.module)
        #expect(!isForeign || statement.isInternal, "\(path) imports \(statement.module) without `internal`")
      }
    }
    #expect(seen.count > 10)
  }

  /// A cycle in the table would be one between targets.
  @Test func tableHasNoCycle() throws {
    let table = try ImportTable(text: Checkout.text("IR-specs/README.md"))
    var finished: Set<String> = []
    func visit(_ target: String, from path: [String]) {
      if finished.contains(target) { return }
      #expect(!path.contains(target), "\((path + [target]).joined(separator: " → "))")
      if path.contains(target) { return }
      for next in table.rows[target] ?? [] { visit(next, from: path + [target]) }
      finished.insert(target)
    }
    for target in table.rows.keys.sorted() { visit(target, from: []) }
  }

  private struct Statement {
    var module: String
    var isInternal: Bool
  }

  private static func imports(in text: String) -> [Statement] {
    text.components(separatedBy: "\n").compactMap { line in
      guard line.range(of: "import ", options: .literal) != nil else { return nil }
      let words = line.split { $0 == " " || $0 == "." }
      guard let position = words.firstIndex(of: "import"), words[..<position].allSatisfy(isModifier) else { return nil }
      let kinds = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
      guard let module = words[(position + 1)...].first(where: { !kinds.contains(String($0)) }) else { return nil }
      return Statement(module: String(module), isInternal: words[..<position].contains("internal"))
    }
  }

  private static func isModifier(_ word: Substring) -> Bool {
    word.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(word)
  }

  @Test func readsImportStatements() {
    let text = """
      import A
      @testable import B
      internal import struct C.D
      // import E
        import F.G
      let x = "import H"
      """
    #expect(Self.imports(in: text).map(\.module) == ["A", "B", "C", "F"])
    #expect(Self.imports(in: text).map(\.isInternal) == [false, false, true, false])
  }
}

/// The rows of the table, by target; `ApusSupport` is written `Support` in the last column.
struct ImportTable {
  let rows: [String: Set<String>]

  static let openToAll: Set<String> = ["Swift", "Synchronization", "Glibc", "Darwin", "Musl"]

  init(text: String) throws {
    var rows: [String: Set<String>] = [:]
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("| target | duty | may import |") })
    for line in lines[(start + 2)...].prefix(while: { $0.hasPrefix("|") }) {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 3 else { continue }
      // Remarks in parentheses are for people.
      let plain = cells[2].replacing(#/\([^)]*\)/#, with: "").replacing("`", with: "")
      let names = plain.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0 != "–" }
      for target in cells[0].split(separator: ",") {
        let name = target.replacing(#/\([^)]*\)/#, with: "").trimmingCharacters(in: CharacterSet(charactersIn: " `"))
        rows[name] = Set(names.map(Self.module))
      }
    }
    self.rows = rows
  }

  private static func module(_ name: String) -> String {
    let foreign = ["Foundation", "ArgumentParser", "CLLVM", "CFFI", "CZlib", "CCoverage", "CSolver"]
    return foreign.contains(name) || name.hasPrefix("Apus") ? name : "Apus\(name)"
  }
}
