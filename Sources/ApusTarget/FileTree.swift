#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads the small text files in which Linux describes itself, below a root that tests replace.
struct FileTree {
  /// "" for the real machine.
  var root: String

  /// The text of a file of at most 1 MiB, without white space at its ends; nil when it cannot be read.
  func text(_ path: String) -> String? {
    let descriptor = open(root + path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < 1 << 20 {
      // Files of /proc state no size: read until there is no more.
      let count = read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { return nil }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return trimmed(String(decoding: bytes, as: UTF8.self)[...])
  }

  func integer(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

  /// A size such as `32K` or `8M`, in bytes.
  func size(_ path: String) -> Int? {
    guard let text = text(path), let unit = text.last else { return nil }
    let scales: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    guard let scale = scales[unit] else { return Int(text) }
    guard let number = Int(text.dropLast()) else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: scale)
    return overflow ? nil : bytes
  }

  func lines(_ path: String) -> [Substring] {
    text(path)?.split(separator: "\n", omittingEmptySubsequences: false) ?? []
  }

  /// The fields `name : value` of a file, first occurrence of each name.
  func fields(_ path: String) -> [Substring: Substring] {
    var found: [Substring: Substring] = [:]
    for line in lines(path) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let name = trimmed(line[..<colon])[...]
      if found[name] == nil { found[name] = trimmed(line[line.index(after: colon)...])[...] }
    }
    return found
  }
}

/// The numbers of a list such as `0-3,8,10-11`; nil when it is not one, or names more than a million.
func cpuList(_ text: some StringProtocol) -> [Int]? {
  var cpus: [Int] = []
  for part in text.split(separator: ",") {
    let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2,
      first >= 0, last >= first, last - first < 1_000_000, cpus.count < 1_000_000
    else { return nil }
    cpus += first...last
  }
  return cpus
}

private func trimmed(_ text: Substring) -> String {
  var rest = text
  while let c = rest.first, c.isWhitespace { rest.removeFirst() }
  while let c = rest.last, c.isWhitespace { rest.removeLast() }
  return String(rest)
}
