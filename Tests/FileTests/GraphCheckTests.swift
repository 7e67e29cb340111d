import ApusGraph
import ApusIR
import ApusSupport
import Foundation
import Testing

/// `// test: check` on graph files: parse, load the weights, verify.
@Suite struct GraphCheckTests {
  @Test("checked", arguments: CasePath.all.filter { $0.name.hasSuffix(".apus") })
  func checked(_ path: CasePath) throws {
    let file = try path.read()
    guard file.command == "check" else { return }
    let folder = FileManager.default.temporaryDirectory.appending(path: "apus-case-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: path.url.lastPathComponent)
    for (name, bytes) in file.files { try Data(bytes).write(to: folder.appending(path: name)) }
    for name in file.folders + (file.input == .folder ? [model.lastPathComponent] : []) {
      try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    if case .bytes(let bytes) = file.input { try Data(bytes).write(to: model) }

    let found = errors(of: model.path)
    let wanted = file.errors.map { "\($0.line.map(String.init) ?? "file"): \($0.id)" }
    #expect(found.map(\.shown).sorted() == wanted.sorted(), "\(path.name)", sourceLocation: path.location())
  }

  private struct Found {
    /// "3: matmul.k"
    var shown: String
  }

  private func errors(of path: String) -> [Found] {
    do throws(DiagnosticError) {
      let module = try GraphFile.load(path: path)
      return module.verify().map { Found(shown: "verify: \($0.id)") }
    } catch {
      return error.diagnostics.filter { $0.severity != .note && $0.severity != .warning }.map { diagnostic in
        guard case .text(let source, let range) = diagnostic.place, range.lowerBound < source.bytes.count else {
          return Found(shown: "file: \(diagnostic.id)")
        }
        return Found(shown: "\(source.position(of: range.lowerBound).line): \(diagnostic.id)")
      }
    }
  }
}
