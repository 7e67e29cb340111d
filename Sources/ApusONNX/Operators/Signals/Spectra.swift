import ApusIR
import ApusTensor

extension Operators {
  /// Spectra of signals.
  static var spectra: [OperatorRule] { [OperatorRule("DFT", value: dft), OperatorRule("STFT", value: stft)] }

  private static func dft(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let rank = n.rank(x)
    try checkNumbers(n, x)
    var given = n.version < 20 ? try n.int("axis", 1) : -2
    if n.version >= 20, n.has(2) { given = try n.integer(2, "the axis") }
    let axis = try n.axis(given, rank: rank)
    guard axis < rank - 1 else { throw n.error("onnx.axis", "the last axis is that of a number's parts, not one of signals") }
    let isInverse = try n.flag("inverse")
    let isOnesided = try n.flag("onesided")
    let length = try n.has(1)
      ? n.size(1, "the length") : isInverse && isOnesided ? n.product(2, n.difference(n.dims(x)[axis], 1)) : n.dims(x)[axis]
    let transform = try FourierTransform(
      n, length: n.known(length, "the length of a transform"), isInverse: isInverse, isOnesided: isOnesided)
    // The axis goes behind the others, and back.
    var order = Array(0..<rank)
    order.insert(order.remove(at: axis), at: rank - 2)
    var back = order
    for (place, axis) in order.enumerated() { back[axis] = place }
    let lines = try n.transpose(n.convert(x, to: n.element(x).wide), order)
    return n.convert(try n.transpose(transform.applied(to: lines), back), to: n.element(x))
  }

  private static func stft(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) == 3 else { throw n.error("onnx.shape", "the signal has \(n.rank(x)) axes, not batch, samples and parts") }
    try checkNumbers(n, x)
    let step = try n.known(n.size(1, "the step"), "the step")
    guard step > 0 else { throw n.error("onnx.operand", "the step from frame to frame is \(step)") }
    let window = try n.optionalValue(2)
    if let window, n.rank(window) != 1 { throw n.error("onnx.shape", "the window has \(n.rank(window)) axes, not one") }
    let samples = n.dims(x)[1]
    let size = try n.has(3) ? n.size(3, "the length of a frame") : window.map { n.dims($0)[0] } ?? samples
    let length = try n.known(size, "the length of a frame")
    guard length > 0 else { throw n.error("onnx.operand", "a frame has \(length) samples") }
    try n.context.emitter.require(
      .constant(length), atMost: samples, "a frame has \(length) samples, and the signal fewer", id: "onnx.shape")
    if let window {
      try n.context.emitter.require(n.dims(window)[0], equals: .constant(length), "the window is not as long as a frame")
    }
    let transform = try FourierTransform(n, length: length, isInverse: false, isOnesided: n.flag("onesided", true))
    let count = try n.sum(n.quotient(n.difference(samples, .constant(length)), .constant(step)), 1)
    let starts = try n.call(.mul, [.value(n.iota(.s64, [count, 1], axis: 0)), .integer(step)])
    let places = try n.call(.add, starts, n.iota(.s64, [.constant(length)], axis: 0))
    let wide = n.element(x).wide
    var frames = try n.call(.gather, [.value(n.convert(x, to: wide)), .value(places)], ["axis": .integer(1)])
    if let window {
      frames = try n.call(.mul, frames, n.reshape(n.convert(window, to: wide), [.constant(length), 1]))
    }
    return n.convert(try transform.applied(to: frames), to: n.element(x))
  }

  /// Refuses what does not end with an axis of the parts of real or complex numbers.
  private static func checkNumbers(_ n: NodeTranslation, _ x: ValueID) throws {
    guard n.rank(x) >= 2, let last = n.dims(x).last else {
      throw n.error("onnx.shape", "a signal has at least an axis of samples and one of their parts")
    }
    let parts = try n.known(last, "whether the numbers are real or complex")
    guard parts == 1 || parts == 2 else { throw n.error("onnx.shape", "a number of \(parts) parts: it has 1 or 2") }
  }
}

extension ElementType {
  /// What a spectrum of numbers of this type is computed in.
  fileprivate var wide: ElementType { self == .f64 ? .f64 : .f32 }
}
