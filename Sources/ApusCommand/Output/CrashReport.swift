import ApusSupport
import Foundation

/// Turns our own bugs, which trap, into the exit code that stands for them, and keeps what reproduces them.
enum CrashReport {
  /// Leaves the signals alone where the user asks Swift itself for a backtrace.
  static func install(_ arguments: [String], environment: [String: String]) {
    if environment["SWIFT_BACKTRACE"] != nil { return }
    bundle = ReproductionBundle(arguments, environment: environment)
    FatalSignals.handle { _ in
      CrashReport.keep()
      _exit(70)
    }
  }

  /// Writes the bundle and says so. Allocates nothing.
  static func keep() {
    say("error[internal]: this is a bug in Apus")
    if let bundle, bundle.keep() {
      say("; please report it with what lies in ")
      bundle.sayFolder()
      say("\n")
    } else {
      say("; please report it with the command and its files\n")
    }
  }

  /// Set once, before anything can fail; a handler of signals has no other way to reach it.
  nonisolated(unsafe) private static var bundle: ReproductionBundle?

  private static func say(_ text: StaticString) { _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount) }
}

/// A folder with a command and copies of the files that it names. Everything is prepared when the command starts,
/// since a handler of signals may do no more than open, read and write.
private struct ReproductionBundle {
  private struct Copy {
    var source: UnsafePointer<CChar>
    var target: UnsafePointer<CChar>
  }

  /// Larger files are named in the text, and not copied.
  private static let mostBytes = 64 << 20

  private let folder: UnsafePointer<CChar>
  private let textPath: UnsafePointer<CChar>
  private let text: UnsafePointer<CChar>
  private let copies: UnsafeBufferPointer<Copy>

  init?(_ arguments: [String], environment: [String: String]) {
    let path = "\(environment["TMPDIR"] ?? "/tmp")/apus-bug-\(getpid())"
    var copies: [Copy] = []
    for argument in arguments.dropFirst() {
      // `FILE`, `NAME=FILE`, `NAME=FILE:ARRAY`, `--flag=FILE`
      let value = argument.drop { $0 != "=" }.dropFirst()
      let candidates = [argument, String(value), value.lastIndex(of: ":").map { String(value[..<$0]) } ?? ""]
      guard let file = candidates.first(where: Self.isCopied) else { continue }
      let name = file.split(separator: "/").last ?? "file"
      guard let source = strdup(file), let target = strdup("\(path)/\(copies.count)-\(name)") else { return nil }
      copies.append(Copy(source: source, target: target))
    }
    let quoted = arguments.map { "'" + $0.replacing("'", with: "'\\''") + "'" }.joined(separator: " ")
    let settings = environment.filter { $0.key.hasPrefix("APUS_") || $0.key.hasPrefix("OMP_") }
      .sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)' " }.joined()
    let folder = FileManager.default.currentDirectoryPath
    guard let name = strdup(path), let textPath = strdup(path + "/command.txt"),
      let text = strdup("cd '\(folder)'\n\(settings)\(quoted)\n")
    else { return nil }
    (self.folder, self.textPath, self.text) = (UnsafePointer(name), UnsafePointer(textPath), UnsafePointer(text))
    let kept = UnsafeMutableBufferPointer<Copy>.allocate(capacity: copies.count)
    _ = kept.initialize(from: copies)
    self.copies = UnsafeBufferPointer(kept)
  }

  private static func isCopied(_ path: String) -> Bool {
    var status = stat()
    return !path.isEmpty && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size <= mostBytes
  }

  /// Returns whether the folder with the command is there.
  func keep() -> Bool {
    guard mkdir(folder, 0o700) == 0 else { return false }
    for copy in copies { Self.copy(copy) }
    let file = open(textPath, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    guard file >= 0 else { return false }
    defer { close(file) }
    return write(file, text, strlen(text)) >= 0
  }

  func sayFolder() { _ = write(STDERR_FILENO, folder, strlen(folder)) }

  private static func copy(_ copy: Copy) {
    let source = open(copy.source, O_RDONLY | O_NONBLOCK)
    let target = open(copy.target, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
      while source >= 0, target >= 0 {
        let count = read(source, buffer.baseAddress, buffer.count)
        guard count > 0, write(target, buffer.baseAddress, count) == count else { break }
      }
    }
    if source >= 0 { close(source) }
    if target >= 0 { close(target) }
  }
}
