import Foundation

/// What was measured, as lines for people or as one JSON object.
struct Report {
  struct Row {
    var group: String
    var name: String
    var measurements: [Measurement]
    /// Bytes of anonymous memory that are taken by what it makes, where that is measured.
    var anonymousBytes: Int?
    /// What onnxruntime takes, by the count of threads.
    var peers: [Int: Peer.Result] = [:]
  }

  var rows: [Row] = []

  static let header =
    "subject".padded(to: 40) + " thr" + " min µs".leftPadded(to: 12) + " median".leftPadded(to: 12)
    + " spread".leftPadded(to: 8) + " rate".leftPadded(to: 20) + " yardstick".leftPadded(to: 11) + " ratio".leftPadded(to: 7)
    + " speedup".leftPadded(to: 8)

  static func lines(of row: Row) -> [String] {
    row.measurements.flatMap { lines(of: $0, in: row) }
      + (row.anonymousBytes.map { ["  anonymous memory".padded(to: 44) + (number(Double($0) / 1e6, 2) + " MB").leftPadded(to: 12)] } ?? [])
  }

  private static func lines(of measurement: Measurement, in row: Row) -> [String] {
    let (rate, scale) = rateText(measurement)
    let yardstick = measurement.yardstickRate.map { number($0 * scale, 1) } ?? ""
    let ratio = measurement.ratio.map { number($0 * 100, 1) + "%" } ?? ""
    let speedup = measurement.threads == 1 ? "" : row.speedup(measurement).map { number($0, 2) + "x" } ?? ""
    let line = row.name.padded(to: 40) + "\(measurement.threads)".leftPadded(to: 4)
      + number(measurement.samples.minimum * 1e6, 1).leftPadded(to: 12)
      + number(measurement.samples.median * 1e6, 1).leftPadded(to: 12)
      + (number(measurement.samples.spread * 100, 0) + "%").leftPadded(to: 8) + rate.leftPadded(to: 20)
      + yardstick.leftPadded(to: 11) + ratio.leftPadded(to: 7) + speedup.leftPadded(to: 8)
    guard let peer = row.peers[measurement.threads] else { return [line] }
    return [
      line,
      "  onnxruntime".padded(to: 44) + number(peer.minimum * 1e6, 1).leftPadded(to: 12)
        + number(peer.median * 1e6, 1).leftPadded(to: 12) + "".padded(to: 39)
        + (number(measurement.samples.minimum > 0 ? peer.minimum / measurement.samples.minimum : 0, 2) + "x").leftPadded(to: 8),
    ]
  }

  /// `{"schema_version": 1, "rows": […]}`, one row for each subject and count of threads.
  func json() throws -> String {
    var list: [[String: Any]] = []
    for row in rows {
      for measurement in row.measurements {
        var entry: [String: Any] = [
          "group": row.group, "name": row.name, "threads": measurement.threads,
          "min_s": measurement.samples.minimum, "median_s": measurement.samples.median,
          "spread": measurement.samples.spread, "rounds": measurement.samples.seconds.count, "rate": measurement.rate,
          "unit": Self.unit(measurement.work),
        ]
        entry["yardstick_rate"] = measurement.yardstickRate
        entry["ratio"] = measurement.ratio
        entry["anonymous_bytes"] = row.anonymousBytes
        entry["onnxruntime_min_s"] = row.peers[measurement.threads]?.minimum
        if measurement.threads != 1 { entry["speedup"] = row.speedup(measurement) }
        list.append(entry)
      }
    }
    let data = try JSONSerialization.data(
      withJSONObject: ["schema_version": 1, "rows": list], options: [.prettyPrinted, .sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }

  private static func unit(_ work: Work) -> String {
    switch work {
    case .flops: "flop/s"
    case .bytes: "byte/s"
    case .items(_, let name): "\(name)s/s"
    }
  }

  private static func rateText(_ measurement: Measurement) -> (text: String, scale: Double) {
    switch measurement.work {
    case .flops: (number(measurement.rate * 1e-9, 1) + " GFLOP/s", 1e-9)
    case .bytes: (number(measurement.rate * 1e-9, 1) + " GB/s", 1e-9)
    case .items(let count, let name) where count > 1:
      (number(measurement.samples.minimum / count * 1e9, 0) + " ns/\(name)", 1)
    case .items(_, let name): (number(measurement.rate, 0) + " \(name)s/s", 1)
    }
  }

  private static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}

extension Report.Row {
  /// How much faster it is than on one thread.
  func speedup(_ measurement: Measurement) -> Double? {
    guard let single = measurements.first(where: { $0.threads == 1 }), measurement.samples.minimum > 0 else { return nil }
    return single.samples.minimum / measurement.samples.minimum
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  fileprivate func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
