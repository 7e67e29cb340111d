import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The folder of an untrusted file: what that file names is read from there and below, and from nowhere else, whatever is
/// renamed meanwhile.
public struct ConfinedFolder: Sendable {
  /// What is done with symbolic links below the folder.
  public enum Links: Sendable {
    case refused
    /// Those that lead to another place below the folder are followed.
    case followedWithin
  }

  /// "" for the current one, else with a slash at its end.
  public let prefix: String
  private let links: Links

  /// The folder that the file of this path lies in.
  public init(beside path: String, links: Links) {
    prefix = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    self.links = links
  }

  private var path: String { prefix.isEmpty ? "." : prefix }

  /// Maps a regular file of this folder or below.
  ///
  /// Throws `file.outside` for a name that leads out of the folder, `file.link` where links are refused, and what
  /// ``FileBytes/init(path:)`` throws.
  public func open(_ name: String) throws(DiagnosticError) -> FileBytes {
    let parts = try parts(of: name)
    switch links {
    case .refused: return try FileBytes(within: path, parts, name: prefix + parts.joined(separator: "/"))
    case .followedWithin:
      guard let root = resolved(path), let target = resolved(prefix + name) else {
        return try FileBytes(within: path, parts, name: prefix + name)
      }
      // The resolved path has no links; should one be put there now, it is not followed.
      let below = target.split(separator: "/").dropFirst(root.split(separator: "/").count).map(String.init)
      return try FileBytes(within: root, below, name: prefix + name)
    }
  }

  /// Throws `file.outside` for a name that leads out of the folder.
  public func check(_ name: String) throws(DiagnosticError) { _ = try parts(of: name) }

  private func parts(of name: String) throws(DiagnosticError) -> [String] {
    let parts = name.split(separator: "/").map(String.init).filter { $0 != "." }
    var isInside = name.utf8.first != UInt8(ascii: "/") && !name.utf8.contains(0) && !parts.contains("..") && !parts.isEmpty
    if isInside, case .followedWithin = links, let root = resolved(path), let target = resolved(prefix + name) {
      isInside = target.hasPrefix(root == "/" ? "/" : root + "/")
    }
    guard isInside else { throw DiagnosticError(id: "file.outside", "\(quoted(name)) leads out of the folder") }
    return parts
  }

  private func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }
}
