import Foundation

/// What Magika looks at: the first and the last bytes of a file, white space at its ends left out, as its configuration says.
struct Features {
  private struct Configuration: Decodable {
    let beg_size: Int
    let end_size: Int
    let padding_token: Int32
    let block_size: Int
    let min_file_size_for_dl: Int
    let medium_confidence_threshold: Float
    let target_labels_space: [String]
    let thresholds: [String: Float]
    let overwrite_map: [String: String]
  }

  enum Reading {
    case enough([Int32])
    /// The file is too short for the model: what it is all the same.
    case tooFew(String)
  }

  private let configuration: Configuration

  init(configuration path: String) throws {
    configuration = try JSONDecoder().decode(Configuration.self, from: Data(contentsOf: URL(filePath: path)))
  }

  func read(_ path: String) throws -> Reading {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? file.close() }
    let size = Int(try file.seekToEnd())
    if size == 0 { return .tooFew("empty") }
    let block = min(configuration.block_size, size)
    try file.seek(toOffset: 0)
    let head = Array(try file.read(upToCount: block) ?? Data())
    try file.seek(toOffset: UInt64(size - block))
    let tail = Array(try file.read(upToCount: block) ?? Data())
    if size < configuration.min_file_size_for_dl { return .tooFew(Self.kind(ofShort: head)) }

    let first = head.drop(while: Self.isSpace).prefix(configuration.beg_size).map { Int32($0) }
    let last = tail.reversed().drop(while: Self.isSpace).prefix(configuration.end_size).reversed().map { Int32($0) }
    if first.count < configuration.min_file_size_for_dl { return .tooFew(Self.kind(ofShort: head)) }
    let padding = configuration.padding_token
    return .enough(
      first + Array(repeating: padding, count: configuration.beg_size - first.count)
        + Array(repeating: padding, count: configuration.end_size - last.count) + last)
  }

  /// The likeliest kind and its score; below the kind's threshold only whether it is text.
  func kind(of scores: [Float]) -> (String, Float) {
    guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }), best < configuration.target_labels_space.count
    else { return ("unknown", 0) }
    let label = configuration.target_labels_space[best]
    let isSure = scores[best] >= configuration.thresholds[label] ?? configuration.medium_confidence_threshold
    let kind = configuration.overwrite_map[label] ?? label
    return (isSure ? kind : "perhaps \(kind)", scores[best])
  }

  /// What Python's `strip` takes from bytes.
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

  private static func kind(ofShort bytes: [UInt8]) -> String {
    String(validating: bytes, as: UTF8.self) == nil ? "unknown" : "txt"
  }
}
