import ApusSupport
import Foundation

/// The declarations and what is generated from them, in a checkout of Apus.
public struct SpecTree: Sendable {
  /// The folder that holds `IR-specs` and `Sources`.
  public let root: URL

  public static let specFolder = "IR-specs"
  static let swiftFolder = "Sources/ApusIR/Generated"
  static let nodeFolder = "Sources/ApusGraph/Generated"

  public init(root: URL) { self.root = root }

  /// Reads and checks every `.ops` file. Throws diagnostics with ids `spec.…`, or `file.missing` where there is none.
  public func read() throws -> Specification {
    let folder = root.appending(path: Self.specFolder)
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
      .filter { $0.hasSuffix(".ops") }
    if names.isEmpty {
      throw DiagnosticError(id: "file.missing", "there are no .ops files in this folder", at: .file(folder.path))
    }
    return try Specification(
      reading: names.map { name in
        SourceText(name: "\(Self.specFolder)/\(name)", bytes: Array(try Data(contentsOf: folder.appending(path: name))))
      })
  }

  /// The generated files, by their paths below the root.
  public static func rendered(_ specification: Specification) -> [String: String] {
    var files = [
      "\(swiftFolder)/OpCode.swift": InfoRenderer.opCodes(specification),
      "\(swiftFolder)/ShapeFunction.swift": InfoRenderer.shapeFunctions(specification),
      "\(swiftFolder)/OpInfo+All.swift": InfoRenderer.all(specification),
      "\(specFolder)/ops.md": MarkdownRenderer.reference(specification),
    ]
    for group in specification.groups {
      files["\(swiftFolder)/OpInfo+\(capitalized(group.name)).swift"] = InfoRenderer.infos(group)
      if let builders = BuilderRenderer.builders(group) {
        files["\(swiftFolder)/Builders+\(capitalized(group.name)).swift"] = builders
      }
      if let functions = NodeRenderer.functions(group) {
        files["\(nodeFolder)/Nodes+\(capitalized(group.name)).swift"] = functions
      }
    }
    return files
  }

  /// What differs between the disk and the declarations, by path: the text that should stand there, or `nil`
  /// for a file that should not be there.
  public func stale() throws -> [String: String?] {
    let wanted = Self.rendered(try read())
    var stale: [String: String?] = [:]
    for (path, text) in wanted {
      let present = try? Data(contentsOf: root.appending(path: path))
      if present != Data(text.utf8) { stale[path] = text }
    }
    for folder in [Self.swiftFolder, Self.nodeFolder] {
      let generated = root.appending(path: folder).path
      for name in (try? FileManager.default.contentsOfDirectory(atPath: generated)) ?? [] {
        let path = "\(folder)/\(name)"
        if wanted[path] == nil { stale.updateValue(nil, forKey: path) }
      }
    }
    return stale
  }

  /// Brings the disk in line with the declarations and returns the paths that were changed.
  @discardableResult
  public func update() throws -> [String] {
    let stale = try stale()
    for folder in [Self.swiftFolder, Self.nodeFolder] {
      try FileManager.default.createDirectory(at: root.appending(path: folder), withIntermediateDirectories: true)
    }
    for (path, text) in stale {
      let file = root.appending(path: path)
      if let text { try Data(text.utf8).write(to: file) } else { try FileManager.default.removeItem(at: file) }
    }
    return stale.keys.sorted()
  }
}
