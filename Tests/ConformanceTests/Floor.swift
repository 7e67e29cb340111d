import Foundation

/// What the suite has been seen to give, in `floor.json`: at least so many passes in each list, at most so many results
/// that are wrong, crashes and runs without end. Only `BLESS=1` moves it, and only to the better.
struct Floor: Codable, Equatable {
  /// Passes by list.
  var passes: [String: Int]
  /// Tests of all lists, at most, by how they end.
  var failures: [String: Int]

  private static let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("floor.json")

  init(passes: [String: Int], failures: [String: Int]) { (self.passes, self.failures) = (passes, failures) }

  /// The one of the file.
  init() throws { self = try JSONDecoder().decode(Floor.self, from: Data(contentsOf: Self.url)) }

  /// What of `found` is below the floor, in words. Lists that `found` lacks have not been run.
  func shortfalls(of found: Floor) -> [String] {
    var texts: [String] = []
    for (list, count) in found.passes.sorted(by: { $0.key < $1.key }) {
      let least = passes[list] ?? 0
      if count < least { texts.append("\(list): \(count) tests pass, and \(least) did") }
    }
    for (status, count) in found.failures.sorted(by: { $0.key < $1.key }) {
      guard let most = failures[status], count > most else { continue }
      texts.append("\(count) tests end as '\(status)', and \(most) did")
    }
    return texts
  }

  /// The floor with the better of both.
  func raised(to found: Floor) -> Floor {
    Floor(
      passes: passes.merging(found.passes) { max($0, $1) }, failures: failures.merging(found.failures) { min($0, $1) })
  }

  func write() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try (encoder.encode(self) + Data("\n".utf8)).write(to: Self.url)
  }
}
