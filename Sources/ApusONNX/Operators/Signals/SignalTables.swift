import ApusIR
import ApusTensor

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Operators {
  /// Windows that signals are multiplied with, and weights that sum up their spectra.
  static var signalTables: [OperatorRule] {
    [
      OperatorRule("HannWindow", value: { try window($0, [0.5, -0.5]) }),
      OperatorRule("HammingWindow", value: { try window($0, [25.0 / 46, -21.0 / 46]) }),
      OperatorRule("BlackmanWindow", value: { try window($0, [0.42, -0.5, 0.08]) }),
      OperatorRule("MelWeightMatrix", value: { try MelWeights($0).matrix() }),
    ]
  }

  /// A sum of cosines, the first of which is constant, over one period or up to its end.
  private static func window(_ n: NodeTranslation, _ weights: [Double]) throws -> ValueID {
    let size = try n.size(0, "the size")
    if let known = size.constantValue, known < 0 { throw n.error("onnx.operand", "a window of \(known) points") }
    let element = try n.outputType()
    try n.checkSize(TensorType(.f64, [size]))
    let period = try n.flag("periodic", true) ? size : n.difference(size, 1)
    let turns = try n.call(
      .div, n.iota(.f64, [size], axis: 0), n.convert(n.value(of: period), to: .f64))
    var sum = try n.filled(weights[0], .f64, [size])
    for (count, weight) in weights.enumerated().dropFirst() {
      let angle = try n.call(.mul, [.value(turns), .number(2 * Double.pi * Double(count))])
      sum = try n.call(.add, [.value(sum), .value(n.call(.mul, [.value(n.call(.cos, angle)), .number(weight)]))])
    }
    return n.convert(sum, to: element)
  }
}

/// Triangles over the frequencies of a spectrum, at equal distances on the scale of mels.
private struct MelWeights {
  private let n: NodeTranslation
  private let bands: Int
  private let frequencies: Int
  /// The frequencies at which triangles begin, have their tops and end.
  private let corners: [Int]

  init(_ n: NodeTranslation) throws {
    self.n = n
    bands = try n.integer(0, "the number of bands")
    let length = try n.integer(1, "the transform's length")
    let rate = try n.integer(2, "the sample rate")
    let (low, high) = (try n.number(3, "the lower edge"), try n.number(4, "the upper edge"))
    guard bands >= 0, length >= 0, rate > 0 else {
      throw n.error("onnx.operand", "\(bands) bands, a transform of \(length) points, \(rate) samples a second")
    }
    guard low >= 0, low <= high, high < .infinity else {
      throw n.error("onnx.operand", "the edges are \(low) and \(high): they are frequencies, the lower one first")
    }
    frequencies = length / 2 + 1
    try n.checkSize(TensorType(.f64, [.constant(frequencies), .constant(bands)]))
    let (first, last) = (2_595 * log1p(low / 700) / log(10), 2_595 * log1p(high / 700) / log(10))
    let step = (last - first) / Double(bands + 2)
    corners = (0..<(bands + 2)).map { index in
      let hertz = 700 * expm1((Double(index) * step + first) / 2_595 * log(10))
      return Int(min(1e15, (Double(length + 1) * hertz / Double(rate)).rounded(.down)))
    }
  }

  func matrix() throws -> ValueID {
    let element = try n.outputType()
    var weights = Array(repeating: 0.0, count: frequencies * bands)
    for band in 0..<bands {
      let (low, top, high) = (corners[band], corners[band + 1], corners[band + 2])
      // What lies beyond the spectrum has no weight.
      for place in low..<max(low, min(top, frequencies)) {
        weights[place * bands + band] = Double(place - low) / Double(top - low)
      }
      if top < frequencies { weights[top * bands + band] = 1 }
      for place in top..<max(top, min(high, frequencies)) {
        weights[place * bands + band] = Double(high - place) / Double(high - top)
      }
    }
    let table = Tensor(weights, shape: [frequencies, bands])
    return n.convert(try n.constant(table), to: element)
  }
}

extension NodeTranslation {
  /// The type that `output_datatype` names.
  fileprivate func outputType() throws -> ElementType {
    let element = try optionalElementType("output_datatype") ?? .f32
    guard element != .bool else { throw error("onnx.attribute", "'output_datatype' is a type of numbers") }
    return element
  }
}
