import Foundation

/// The folder of the package that is tested.
enum Checkout {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: root.appending(path: path)), as: UTF8.self)
  }

  /// The paths below `folder` of all files with that ending, sorted.
  static func files(below folder: String, ending: String) -> [String] {
    let path = root.appending(path: folder).resolvingSymlinksInPath().path
    return (FileManager.default.subpaths(atPath: path) ?? []).sorted()
      .filter { $0.hasSuffix(ending) }
      .map { "\(folder)/\($0)" }
  }
}
