extension Emitter {
  /// The real cube root of f64: a cubic guess good to 2⁻¹³·⁷ of the fraction, then Halley's iteration, which triples
  /// the good bits each time.
  func cubeRoot(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let split = SplitFloat(x.magnitude)
    let third = RoundedLanes(split.exponent, times: 1.0 / 3.0)
    let remainder = split.exponent - third.number * 3.0
    let (isUp, isDown) = (remainder > 0.5, remainder < -0.5)
    let target = isUp.then(split.fraction * 2.0, else: isDown.then(split.fraction * 0.5, else: split.fraction))
    let guess = split.fraction.polynomial([
      0.4925087955783868, 0.7397202162392486, -0.29038133484168166, 0.05822157765888016,
    ])
    var root = isUp.then(
      guess * 1.2599210498948732, else: isDown.then(guess * 0.7937005259840998, else: guess))
    for _ in 0..<(accuracy == .single ? 1 : 2) {
      // r·(r³ + 2a) / (2r³ + a) as r + r·(a − r³) / (2r³ + a): the correction is small, so its rounding is too.
      let cube = root * root * root
      root = root + root * ((target - cube) / (cube + cube + target))
    }
    let result = (root * third.powerOfTwo()).withSign(of: x)
    let isRegular = (x.magnitude > 0) & (x.magnitude < .infinity)
    return isRegular.then(result, else: x)
  }
}
