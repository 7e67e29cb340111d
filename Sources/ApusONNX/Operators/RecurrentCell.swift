import ApusIR

/// What one direction of a recurrent layer computes at each step.
struct RecurrentCell {
  enum Kind { case simple, gru, lstm }

  let kind: Kind
  /// What they are called in ONNX, with their parameters.
  let activations: [Activation]
  /// The bound of the operands of activations.
  let clip: Double?
  /// LSTM: whether the forget gate is what the input gate leaves.
  let couplesInputAndForget: Bool
  /// GRU: whether the new state's product with the weights is taken before the reset gate acts.
  let resetsAfterwards: Bool
  /// LSTM: whether the state goes through 8 bits before it meets the weights, in the range that all of it has at each step.
  let quantizesState: Bool

  struct Activation: Equatable {
    let name: String
    let alpha: Double
    let beta: Double
  }

  /// The cells of all directions. Throws `onnx.attribute`.
  static func cells(
    _ n: NodeTranslation, _ kind: Kind, directions: Int, quantizesState: Bool
  ) throws -> [RecurrentCell] {
    let standard = standardActivations(kind)
    var names = try n.strings("activations").map { $0.lowercased() }
    if names.isEmpty { names = Array(repeating: standard, count: directions).flatMap { $0 } }
    guard names.count >= standard.count * directions else {
      throw n.error("onnx.attribute", "there are \(names.count) activations where \(standard.count * directions) are needed")
    }
    let activations = try parameters(n, names)
    let clip = try n.optionalFloat("clip")
    let couples = try kind == .lstm && n.flag("input_forget")
    let resets = try kind == .gru && n.flag("linear_before_reset")
    return (0..<directions).map { direction in
      RecurrentCell(
        kind: kind, activations: Array(activations[direction * standard.count..<(direction + 1) * standard.count]),
        clip: clip.flatMap { $0 > 0 ? $0 : nil }, couplesInputAndForget: couples, resetsAfterwards: resets,
        quantizesState: quantizesState)
    }
  }

  private static func standardActivations(_ kind: Kind) -> [String] {
    switch kind {
    case .simple: ["tanh"]
    case .gru: ["sigmoid", "tanh"]
    case .lstm: ["sigmoid", "tanh", "tanh"]
    }
  }

  /// Default parameters of the activations that have some.
  private static let defaults: [String: (alpha: Double?, beta: Double?)] = [
    "relu": (nil, nil), "tanh": (nil, nil), "sigmoid": (nil, nil), "softsign": (nil, nil), "softplus": (nil, nil),
    "affine": (1, 0), "leakyrelu": (0.01, nil), "thresholdedrelu": (1, nil), "scaledtanh": (1, 1), "hardsigmoid": (0.2, 0.5),
    "elu": (1, nil),
  ]

  /// Parameters stand one for each activation, or only one for each that takes it.
  private static func parameters(_ n: NodeTranslation, _ names: [String]) throws -> [Activation] {
    let alphas = try n.optionalFloats("activation_alpha") ?? []
    let betas = try n.optionalFloats("activation_beta") ?? []
    var (alphaCount, betaCount) = (0, 0)
    var activations: [Activation] = []
    for (index, name) in names.enumerated() {
      guard let standard = defaults[name] else { throw n.error("onnx.attribute", "there is no activation '\(name)'") }
      let alpha = alphas.count == names.count ? index : alphaCount
      let beta = betas.count == names.count ? index : betaCount
      activations.append(
        Activation(
          name: name, alpha: alpha < alphas.count && standard.alpha != nil ? alphas[alpha] : standard.alpha ?? 0,
          beta: beta < betas.count && standard.beta != nil ? betas[beta] : standard.beta ?? 0))
      if standard.alpha != nil { alphaCount += 1 }
      if standard.beta != nil { betaCount += 1 }
    }
    return activations
  }

  /// Whether it is the cell of an op of the graph language.
  var isStandard: Bool {
    activations.map(\.name) == Self.standardActivations(kind) && clip == nil && !couplesInputAndForget && !quantizesState
  }
}

extension RecurrentCell {
  /// What the formula calls the parameters of activations, and the bound of their operands.
  var parameters: [String: Meaning] {
    var names: [String: Meaning] = [:]
    for (index, activation) in activations.enumerated() {
      names["alpha\(index)"] = .number(activation.alpha)
      names["beta\(index)"] = .number(activation.beta)
    }
    if let clip { names["clip"] = .number(clip) }
    return names
  }

  /// The loop over time, from the end if `reversed`: all states, the last one, and an LSTM's last cell. A sequence shorter
  /// than others keeps its state, and gives zeros, at steps beyond its length.
  ///
  /// Over `x` [time, batch, input], `w`, `r`, `bias`, `first`, `first_cell`, `lengths`, `reversed` and the parameters.
  var formula: Formula {
    let gates = gateCount
    let carriesCell = kind == .lstm
    let last = carriesCell ? "states, last, last_cell" : "states, last"
    return Formula(
      "recurrent layer",
      """
      t = shape(x)[0]
      b = shape(x)[1]
      n = shape(r)[1]
      wb = slice(bias, starts: [0], limits: [\(gates) * n])
      rb = slice(bias, starts: [\(gates) * n], limits: [\(2 * gates) * n])
      gates = x @ transpose(w, perm: [1, 0]) + \(kind == .gru ? "wb" : "(wb + rb)")
      rt = transpose(r, perm: [1, 0])
      \(weights)
      empty = constant(value: 0, shape: [t, b, n], to: type(x))
      if known(t <= 0) { empty, first\(carriesCell ? ", first_cell" : "") } else {
        k, \(last) = while k = 0, ys = empty, y = first\(carriesCell ? ", c = first_cell" : ""); k < t {
          at = if reversed { t - k - 1 } else { k }
          a = reshape(dynamic_slice(gates, [at, 0, 0], sizes: [1, b, \(gates) * n]), shape: [b, \(gates) * n])
          \(step)
          \(has("out", "y2", else: "0"))
          \(has("y3", "y2", else: "y"))
          \(carriesCell ? has("c3", "c2", else: "c") : "")
          k + 1, dynamic_update_slice(ys, reshape(out, shape: [1, b, n]), [at, 0, 0]), y3\(carriesCell ? ", c3" : "")
        }
        \(last)
      }
      """)
  }

  private var gateCount: Int {
    switch kind {
    case .simple: 1
    case .gru: 3
    case .lstm: 4
    }
  }

  /// What takes one value where the sequence goes on, and another beyond its end.
  private func has(_ name: String, _ value: String, else other: String) -> String {
    let here = "reshape(convert(lengths, to: s64) > at, shape: [b, 1])"
    return "\(name) = if has(lengths) { select(\(here), \(value), \(other)) } else { \(value) }"
  }

  /// Parts of the weights, which are the same in all steps.
  private var weights: String {
    switch kind {
    case .simple: ""
    case .gru:
      """
      rzr = slice(rt, starts: [0, 0], limits: [n, 2 * n])
      rn = slice(rt, starts: [0, 2 * n], limits: [n, 3 * n])
      bzr = slice(rb, starts: [0], limits: [2 * n])
      bn = slice(rb, starts: [2 * n], limits: [3 * n])
      """
    case .lstm:
      """
      pi = if has(p) { slice(p, starts: [0], limits: [n]) } else { 0 }
      po = if has(p) { slice(p, starts: [n], limits: [2 * n]) } else { 0 }
      pf = if has(p) { slice(p, starts: [2 * n], limits: [3 * n]) } else { 0 }
      """
    }
  }

  /// `y2`, and `c2`, from `a`, what the input gives to the gates, `y` and `c`.
  private var step: String {
    switch kind {
    case .simple: return activated("y2", 0, "a + y @ rt")
    case .gru:
      let new = resetsAfterwards ? "an + q * (y @ rn + bn)" : "an + (q * y) @ rn + bn"
      return """
        zr = slice(a, starts: [0, 0], limits: [b, 2 * n]) + y @ rzr + bzr
        an = slice(a, starts: [0, 2 * n], limits: [b, 3 * n])
        \(activated("z", 0, "slice(zr, starts: [0, 0], limits: [b, n])"))
        \(activated("q", 0, "slice(zr, starts: [0, n], limits: [b, 2 * n])"))
        \(activated("h", 1, new))
        y2 = (1 - z) * h + z * y
        """
    case .lstm:
      let peephole = { (gate: String, state: String) in
        "a\(gate) = if has(p) { g\(gate) + p\(gate) * \(state) } else { g\(gate) }"
      }
      return """
        \(quantizesState ? Self.quantizedState : "")
        g = a + \(quantizesState ? "yq" : "y") @ rt
        gi = slice(g, starts: [0, 0], limits: [b, n])
        go = slice(g, starts: [0, n], limits: [b, 2 * n])
        gf = slice(g, starts: [0, 2 * n], limits: [b, 3 * n])
        gc = slice(g, starts: [0, 3 * n], limits: [b, 4 * n])
        \(peephole("i", "c"))
        \(activated("ig", 0, "ai"))
        \(peephole("f", "c"))
        \(couplesInputAndForget ? "fg = 1 - ig" : activated("fg", 0, "af"))
        \(activated("cg", 1, "gc"))
        c2 = fg * c + ig * cg
        \(peephole("o", "c2"))
        \(activated("og", 0, "ao"))
        \(activated("hc", 2, "c2"))
        y2 = og * hc
        """
    }
  }

  /// `yq`, what DynamicQuantizeLinear and DequantizeLinear make of the state.
  private static let quantizedState = """
    span = max(reduce_max(y, axes: [0, 1]), 0) - min(reduce_min(y, axes: [0, 1]), 0)
    sy = select(span == 0, 1, span) / 255
    zy = quantize(-min(reduce_min(y, axes: [0, 1]), 0), sy, constant(value: 0, shape: [], to: u8))
    yq = dequantize(quantize(y, sy, zy), sy, zy)
    """

  /// Binds a name to an activation of an expression.
  private func activated(_ name: String, _ index: Int, _ expression: String) -> String {
    let operand = "\(name)_in"
    let bounded = clip == nil ? expression : "min(max(\(expression), -clip), clip)"
    let (alpha, beta) = ("alpha\(index)", "beta\(index)")
    let result =
      switch activations[index].name {
      case "relu": "relu(\(operand))"
      case "tanh": "tanh(\(operand))"
      case "sigmoid": "logistic(\(operand))"
      case "softsign": "softsign(\(operand))"
      case "softplus": "softplus(\(operand))"
      case "affine": "\(operand) * \(alpha) + \(beta)"
      case "leakyrelu": "leaky_relu(\(operand), slope: \(alpha))"
      case "thresholdedrelu": "select(\(operand) >= \(alpha), \(operand), 0)"
      case "scaledtanh": "tanh(\(operand) * \(beta)) * \(alpha)"
      case "hardsigmoid": "hard_sigmoid(\(operand), slope: \(alpha), offset: \(beta))"
      default: "elu(\(operand), alpha: \(alpha))"
      }
    return "\(operand) = \(bounded)\n\(name) = \(result)"
  }
}
