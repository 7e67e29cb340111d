extension Emitter {
  /// erf of f32, in f32 arithmetic: x + x·p(x²) up to 1, beyond it 1 − q(x) with q near erfc.
  func errorFunctionInSingle(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    // erf(x)/x − 1 in x², |x| ≤ 1; Remez, relative to erf: 2⁻²⁹.
    let series = (x * x).polynomial([
      0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2ce6p-4, -0x1.b7f71ap-6, 0x1.53f22ep-8, -0x1.a351d2p-11, 0x1.4773aap-14,
    ])
    let near = series.multiplied(by: x, plus: x)
    // erfc(t + 2.375) for 1 ≤ |x| ≤ 3.92, from where on erf rounds to 1; Remez, absolute: 2⁻²⁷·².
    let complement = (a.atMost(3.92) - 2.375).polynomial([
      0x1.9a7b80p-11, -0x1.0690d2p-8, 0x1.37cf2cp-7, -0x1.c1f2b8p-7, 0x1.ae44d0p-7, -0x1.11b684p-7, 0x1.993966p-9,
      -0x1.190ea6p-13, -0x1.3e1872p-11, 0x1.70c416p-12, -0x1.7576c8p-15, -0x1.611f4ep-15, 0x1.184d2ap-16,
      0x1.3fe2b0p-20, -0x1.24d036p-20,
    ])
    let far = (a > 3.92).then(1.0, else: 1.0 - complement).withSign(of: x)
    return (a < 1.0).then(near, else: x.isNaN.then(x, else: far))
  }

  /// erf of f64: x + x·p(x²) up to 1, beyond it 1 − e^(−x²)·q(t) with t = (|x| − 2) / (|x| + 2).
  func errorFunction(_ x: Lanes) -> Lanes {
    let a = x.magnitude
    let square = x * x
    // erf(x)/x − 1 in x², |x| ≤ 1; Remez, relative to erf: 2⁻⁵⁵·⁹.
    let series = square.polynomial([
      0.12837916709551256, -0.37612638903183343, 0.1128379167093695, -0.02686617064195914, 0.005223977596735903,
      -0.000854832548500237, 0.00012055280496790437, -1.4924465646250577e-05, 1.6444150676831535e-06,
      -1.6183992131251445e-07, 1.3616703749114886e-08, -7.60782074657672e-10,
    ])
    let near = series.multiplied(by: x, plus: x)
    // e^(x²)·erfc(x) for 1 ≤ |x| ≤ 5.95, from where on erf rounds to 1; Remez, absolute in erf: 2⁻⁶⁰·⁷.
    let bounded = a.atMost(5.95)
    let scaled = ((bounded - 2.0) / (bounded + 2.0)).polynomial([
      0.25539567631050575, -0.4271858474139568, 0.2416581942424688, -0.07897858101641575, 0.003732892398540806,
      0.006997461785686399, -0.0008471425904506386, -0.0009819764800640778, 4.353615639413096e-05,
      0.00017428846742048414, 2.7623208060646138e-05, -2.66114182239338e-05, -1.2644045175429418e-05,
    ])
    let complement = exponential(-(bounded * bounded), .double) * scaled
    let far = (a > 5.95).then(1.0, else: 1.0 - complement).withSign(of: x)
    return (a < 1.0).then(near, else: x.isNaN.then(x, else: far))
  }
}
