import ApusSpec
import ApusSupport
import Foundation

/// Renders what is generated from `IR-specs/*.ops`.
///
///     specgen [--check] [FOLDER]
///
/// FOLDER is a checkout of Apus; without it, the first one from the current folder upwards. `--check` writes
/// nothing and names the files that are not up to date. Exit codes: 0 done, 1 a mistake in the declarations or,
/// with `--check`, a stale file, 3 bad command line.
@main
struct SpecGen {
  static func main() {
    var arguments = Array(CommandLine.arguments.dropFirst())
    let isCheck = arguments.contains("--check")
    arguments.removeAll { $0 == "--check" }
    guard arguments.count <= 1, !arguments.contains(where: { $0.hasPrefix("-") }) else {
      fail("usage: specgen [--check] [FOLDER]", code: 3)
    }
    let start = URL(filePath: FileManager.default.currentDirectoryPath)
    guard let root = arguments.first.map({ URL(filePath: $0) }) ?? checkout(above: start) else {
      fail("no folder from here upwards holds \(SpecTree.specFolder)", code: 1)
    }
    do {
      let tree = SpecTree(root: root)
      let paths = isCheck ? try tree.stale().keys.sorted() : try tree.update()
      for path in paths { print(path) }
      if isCheck, !paths.isEmpty { fail("these files are stale: run `swift run specgen`", code: 1) }
    } catch {
      fail("\(error)", code: 1)
    }
  }

  private static func checkout(above start: URL) -> URL? {
    var folder = start.standardizedFileURL
    while !FileManager.default.fileExists(atPath: folder.appending(path: SpecTree.specFolder).path) {
      let parent = folder.deletingLastPathComponent()
      if parent.path == folder.path { return nil }
      folder = parent
    }
    return folder
  }

  private static func fail(_ message: String, code: Int32) -> Never {
    FileHandle.standardError.write(Data((message + "\n").utf8))
    exit(code)
  }
}
