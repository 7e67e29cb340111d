import ApusIR
import ApusTensor

/// Decision trees: rows of features go from node to node, by one comparison each, until they come to leaves.
struct Forest {
  /// How a feature is compared with a node's number, in the order of `TreeEnsemble`'s codes.
  enum Mode: Int { case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual }

  enum Place: Hashable { case node(Int), leaf(Int) }

  struct Node {
    var feature: Int
    var split: Double
    var mode: Mode
    /// Whether a NaN holds, whatever it is compared with.
    var tracksMissing: Bool
    var yes: Place
    var no: Place
  }

  var nodes: [Node] = []
  /// What each leaf adds to which targets.
  var leaves: [[(target: Int, weight: Double)]] = []
  var roots: [Place] = []

  /// The steps from a root to the deepest leaf. Throws `onnx.attribute` for nodes in a cycle, and for those that are not there.
  func depth(_ n: NodeTranslation) throws -> Int {
    // By node: the steps from there; nil while the node's own are being counted.
    var known: [Int: Int?] = [:]
    var pending = roots
    while let place = pending.last {
      guard case .node(let index) = place else {
        guard case .leaf(let leaf) = place, leaves.indices.contains(leaf) else { throw n.error("onnx.attribute", "a leaf is missing") }
        pending.removeLast()
        continue
      }
      guard nodes.indices.contains(index) else { throw n.error("onnx.attribute", "the node \(index) is missing") }
      let next = [nodes[index].yes, nodes[index].no]
      if known.index(forKey: index) == nil {
        known.updateValue(nil, forKey: index)
        for place in next {
          guard case .node(let other) = place else {
            pending.append(place)
            continue
          }
          if let found = known[other] {
            guard found != nil else { throw n.error("onnx.attribute", "the nodes of a tree are in a cycle") }
          } else {
            pending.append(place)
          }
        }
        continue
      }
      pending.removeLast()
      if known[index] == .some(nil) { known.updateValue(1 + (next.map { steps($0, known) }.max() ?? 0), forKey: index) }
    }
    return roots.map { steps($0, known) }.max() ?? 0
  }

  private func steps(_ place: Place, _ known: [Int: Int?]) -> Int {
    guard case .node(let index) = place else { return 0 }
    return (known[index] ?? nil) ?? 0
  }

  /// The leaf of each row in each tree: `[rows, trees]`. `x` is `[rows, features]`, of floats.
  func leaves(of x: ValueID, _ n: NodeTranslation) throws -> ValueID {
    let depth = try depth(n)
    let (rows, count) = (n.dims(x)[0], nodes.count)
    func number(_ place: Place) -> Int64 {
      switch place {
      case .node(let index): Int64(index)
      case .leaf(let index): Int64(count + index)
      }
    }
    let start = n.broadcast(try n.constant(Tensor(roots.map { number($0) })), to: [rows, .constant(roots.count)])
    var end = start
    if depth > 0 {
      // A leaf leads to itself.
      let rest = leaves.indices
      let modes = Set(nodes.map(\.mode))
      func table(_ own: [Int64], _ standard: (Int) -> Int64) throws -> Meaning {
        .value(try n.constant(Tensor(own + rest.map { standard($0) })))
      }
      let splits = nodes.map(\.split) + rest.map { _ in 0 }
      end = try n.result(Self.walk, [
        "x": .value(x), "start": .value(start), "depth": .integer(depth),
        "feature": table(nodes.map { Int64($0.feature) }) { _ in Int64(nodes[0].feature) },
        "split": .value(n.convert(try n.constant(Tensor(splits)), to: n.element(x))),
        "kind": table(nodes.map { Int64($0.mode.rawValue) }) { _ in 0 },
        "missing": table(nodes.map { $0.tracksMissing ? 1 : 0 }) { _ in 0 },
        "yes": table(nodes.map { number($0.yes) }) { Int64(count + $0) },
        "no": table(nodes.map { number($0.no) }) { Int64(count + $0) },
        "mode": .integer(modes.count == 1 ? modes.first?.rawValue ?? 0 : -1),
        "tracks": .bool(nodes.contains { $0.tracksMissing }),
      ])
    }
    return try n.call(.sub, [.value(end), .integer(count)])
  }

  private static let walk = Formula(
    "a forest",
    """
    step, at = while step = 0, at = start; step < depth {
      value = gather_elements(x, gather(feature, at, axis: 0), axis: 1)
      limit = gather(split, at, axis: 0)
      holds = if mode == 0 { value <= limit } else { if mode == 1 { value < limit } else {
        own = gather(kind, at, axis: 0)
        ordered = select(own == 0, value <= limit, select(own == 1, value < limit, select(own == 2, value >= limit, value > limit)))
        select(own < 4, ordered, select(own == 4, value == limit, value != limit))
      } }
      taken = if tracks { holds || value != value && gather(missing, at, axis: 0) == 1 } else { holds }
      step + 1, select(taken, gather(yes, at, axis: 0), gather(no, at, axis: 0))
    }
    at
    """)

  // MARK: What leaves give

  enum Aggregation: Int { case average, sum, least, most }

  /// What the leaves of each row give its targets: `[rows, targets]`, of the type of `x`.
  func scores(of x: ValueID, targets: Int, _ aggregation: Aggregation, _ n: NodeTranslation) throws -> ValueID {
    let (rows, element) = (n.dims(x)[0], n.element(x))
    guard targets > 0, targets < 1 << 31, leaves.allSatisfy({ $0.allSatisfy { (0..<targets).contains($0.target) } }) else {
      throw n.error("onnx.attribute", "a leaf adds to a target that is not one of \(targets)")
    }
    // A column more, for what leaves do not say.
    let columns = targets + 1
    try n.checkSize(TensorType(.f64, [rows, .constant(columns)]))
    let width = leaves.map(\.count).max() ?? 0
    try n.checkSize(TensorType(.f64, [.constant(leaves.count), .constant(width)]))
    let entries = leaves.flatMap { leaf in leaf + Array(repeating: (target: targets, weight: 0.0), count: width - leaf.count) }
    let shape = [leaves.count, width]
    let found = try leaves(of: x, n)
    let flat = [rows, Dim.constant(roots.count * width)]
    func table(_ tensor: Tensor) throws -> ValueID {
      try n.reshape(n.call(.gather, n.constant(tensor), found, attributes: ["axis": .integer(0)]), flat)
    }
    let places = try table(Tensor(entries.map { Int64($0.target) }, shape: shape))
    var weights = n.convert(try table(Tensor(entries.map(\.weight), shape: shape)), to: element)
    let largest = element == .f64 ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
    let (start, reduction) = switch aggregation {
    case .average, .sum: (0.0, "add")
    case .least: (largest, "min")
    case .most: (-largest, "max")
    }
    if aggregation == .average { weights = try n.call(.div, [.value(weights), .number(Double(roots.count))]) }
    let sums = try n.call(
      .scatterElements, [.value(n.filled(start, element, [rows, .constant(columns)])), .value(places), .value(weights)],
      ["axis": .integer(1), "reduction": .name(reduction)])
    return try n.slice(sums, axis: 1, 0, .constant(targets))
  }
}
