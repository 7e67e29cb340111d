import Foundation

/// Memory of the process that no file stands behind.
enum AnonymousMemory {
  /// By how many bytes it grows while `make` makes something, which is held to the end. Nil where the system does not say.
  static func growth(_ make: () throws -> Any) throws -> Int? {
    let before = bytes
    let made = try make()
    let after = bytes
    return withExtendedLifetime(made) {
      guard let before, let after else { return nil }
      return after - before
    }
  }

  /// The growth that a process of its own finds for a subject: in this one, what others have freed would serve unseen.
  static func growth(of subject: String) -> Int? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["--memory-of", subject]
    // What is freed goes back to the system at once.
    process.environment = ["MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536"]
    let pipe = Pipe()
    process.standardOutput = pipe
    do { try process.run() } catch { return nil }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Int(String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// `RssAnon` of /proc/self/status.
  private static var bytes: Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}
