import ApusIR
import ApusTensor

extension Operators {
  /// Forests of decision trees.
  static var treeEnsembles: [OperatorRule] {
    [
      OperatorRule("TreeEnsemble", domain: learning, value: ensemble),
      OperatorRule("TreeEnsembleRegressor", domain: learning, value: regression),
    ]
  }

  private static func ensemble(_ n: NodeTranslation) throws -> ValueID {
    let (x, wide) = try rows(n)
    let forest = try forest(n)
    let targets = try n.optionalInt("n_targets") ?? (forest.leaves.compactMap { $0.first?.target }.max() ?? 0) + 1
    guard let aggregation = Forest.Aggregation(rawValue: try n.int("aggregate_function", 1)) else {
      throw n.error("onnx.attribute", "'aggregate_function' is from 0 to 3")
    }
    let names = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
    let number = try n.int("post_transform", 0)
    guard names.indices.contains(number) else { throw n.error("onnx.attribute", "'post_transform' is from 0 to 4") }
    let scores = try forest.scores(of: wide, targets: targets, aggregation, n)
    return n.convert(try n.transformed(scores, names[number]), to: n.element(x))
  }

  private static func regression(_ n: NodeTranslation) throws -> ValueID {
    let (_, wide) = try rows(n)
    let forest = try Forest(n, "target")
    let names = ["AVERAGE", "SUM", "MIN", "MAX"]
    let name = try n.string("aggregate_function", "SUM")
    guard let index = names.firstIndex(of: name), let aggregation = Forest.Aggregation(rawValue: index) else {
      throw n.error("onnx.attribute", "there is no aggregation '\(name)'")
    }
    let targets = try n.optionalInt("n_targets") ?? (forest.leaves.flatMap { $0.map(\.target) }.max() ?? 0) + 1
    var scores = try forest.scores(of: wide, targets: targets, aggregation, n)
    let base = try n.numbers("base_values")
    if !base.isEmpty {
      guard base.count == targets || base.count == 1 else {
        throw n.error("onnx.attribute", "\(base.count) base values for \(targets) targets")
      }
      scores = try n.call(.add, scores, n.convert(n.constant(Tensor(base)), to: n.element(scores)))
    }
    return n.convert(try n.transformed(scores, n.string("post_transform", "NONE")), to: .f32)
  }

  /// The operand, and its rows in what trees compare.
  private static func rows(_ n: NodeTranslation) throws -> (ValueID, ValueID) {
    let x = try n.value(0)
    guard n.rank(x) == 1 || n.rank(x) == 2 else { throw n.error("onnx.shape", "the operand has \(n.rank(x)) axes, not 2") }
    let wide = n.convert(x, to: n.element(x) == .f64 ? .f64 : .f32)
    return (x, n.rank(x) == 1 ? try n.reshape(wide, [1] + n.dims(x)) : wide)
  }

  /// The trees of `TreeEnsemble`.
  private static func forest(_ n: NodeTranslation) throws -> Forest {
    let splits = try n.numbers("nodes_splits")
    let modes = try n.numbers("nodes_modes")
    let lists = try ["nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs", "nodes_falseleafs"].map {
      try n.ints($0)
    }
    let (features, yes, no, yesLeaf, noLeaf) = (lists[0], lists[1], lists[2], lists[3], lists[4])
    let missing = try n.ints("nodes_missing_value_tracks_true")
    guard ([modes.count] + lists.map(\.count)).allSatisfy({ $0 == splits.count }), missing.isEmpty || missing.count == splits.count
    else { throw n.error("onnx.attribute", "the lists of nodes are not of one length") }
    let (targets, weights) = (try n.ints("leaf_targetids"), try n.numbers("leaf_weights"))
    guard targets.count == weights.count else { throw n.error("onnx.attribute", "the lists of leaves are not of one length") }
    var forest = Forest()
    forest.leaves = zip(targets, weights).map { [(target: $0, weight: $1)] }
    var members = try n.numbers("membership_values")[...]
    for (index, split) in splits.enumerated() {
      let places: [Forest.Place] = [(yes, yesLeaf), (no, noLeaf)].map { $1[index] != 0 ? .leaf($0[index]) : .node($0[index]) }
      let tracks = !missing.isEmpty && missing[index] != 0
      forest.nodes.append(
        Forest.Node(feature: features[index], split: split, mode: .equal, tracksMissing: tracks, yes: places[0], no: places[1]))
      if let mode = Int(exactly: modes[index]).flatMap({ Forest.Mode(rawValue: $0) }) {
        forest.nodes[index].mode = mode
        continue
      }
      guard modes[index] == 6 else { throw n.error("onnx.attribute", "a node's mode is from 0 to 6") }
      // Which numbers are members follows once all nodes have their places.
    }
    for index in splits.indices where modes[index] == 6 {
      guard let end = members.firstIndex(where: \.isNaN) else {
        throw n.error("onnx.attribute", "'membership_values' has too few sets")
      }
      // A set is a chain of nodes, one for each member.
      let set = Array(members[..<end])
      members = members[(end + 1)...]
      var node = forest.nodes[index]
      node.mode = .equal
      node.split = set.first ?? .nan
      for member in set.dropFirst().reversed() {
        var next = node
        next.split = member
        next.no = node.no
        forest.nodes.append(next)
        node.no = .node(forest.nodes.count - 1)
      }
      forest.nodes[index] = node
    }
    forest.roots = try n.ints("tree_roots").map { .node($0) }
    return forest
  }
}

extension Forest {
  /// The trees of the older operators, whose leaves' weights are lists of that name.
  init(_ n: NodeTranslation, _ kind: String) throws {
    self.init()
    let lists = try ["nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"].map { try n.ints($0) }
    let (trees, numbers, features, yes, no) = (lists[0], lists[1], lists[2], lists[3], lists[4])
    let modes = try n.strings("nodes_modes")
    let splits = try n.numbers("nodes_values")
    let missing = try n.ints("nodes_missing_value_tracks_true")
    guard (lists.map(\.count) + [splits.count]).allSatisfy({ $0 == modes.count }), missing.isEmpty || missing.count == modes.count
    else { throw n.error("onnx.attribute", "the lists of nodes are not of one length") }
    struct Name: Hashable { let tree, node: Int }
    var places: [Name: Place] = [:]
    let codes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    var count = 0
    for index in modes.indices {
      let isLeaf = modes[index] == "LEAF"
      let name = Name(tree: trees[index], node: numbers[index])
      guard places.updateValue(isLeaf ? .leaf(leaves.count) : .node(count), forKey: name) == nil else {
        throw n.error("onnx.attribute", "the tree \(name.tree) has two nodes \(name.node)")
      }
      if isLeaf { leaves.append([]) } else { count += 1 }
    }
    func place(_ tree: Int, _ node: Int) throws -> Place {
      guard let place = places[Name(tree: tree, node: node)] else {
        throw n.error("onnx.attribute", "the tree \(tree) has no node \(node)")
      }
      return place
    }
    var isRoot: [Place: Bool] = [:]
    for index in modes.indices where modes[index] != "LEAF" {
      guard let code = codes.firstIndex(of: modes[index]), let mode = Mode(rawValue: code) else {
        throw n.error("onnx.attribute", "there is no mode '\(modes[index])'")
      }
      let next = [try place(trees[index], yes[index]), try place(trees[index], no[index])]
      for place in next { isRoot[place] = false }
      nodes.append(
        Node(
          feature: features[index], split: splits[index], mode: mode, tracksMissing: !missing.isEmpty && missing[index] != 0,
          yes: next[0], no: next[1]))
    }
    // A tree's first node is its root, unless another leads there.
    for index in modes.indices {
      let own = try place(trees[index], numbers[index])
      if isRoot[own] == nil { roots.append(own) }
    }
    let (ownTrees, ownNodes, targets) = (try n.ints(kind + "_treeids"), try n.ints(kind + "_nodeids"), try n.ints(kind + "_ids"))
    let weights = try n.numbers(kind + "_weights")
    guard ownTrees.count == weights.count, ownNodes.count == weights.count, targets.count == weights.count else {
      throw n.error("onnx.attribute", "the lists of weights are not of one length")
    }
    for index in weights.indices {
      guard case .leaf(let leaf) = try place(ownTrees[index], ownNodes[index]) else { continue }
      leaves[leaf].append((target: targets[index], weight: weights[index]))
    }
  }
}

extension NodeTranslation {
  /// Numbers that are a list of floats or, under its name with `_as_tensor` or under its own, a tensor.
  fileprivate func numbers(_ name: String) throws -> [Double] {
    if let proto = attribute(name + "_as_tensor")?.tensor ?? attribute(name)?.tensor {
      let tensor = try context.externalData.tensor(proto)
      return (0..<tensor.count).map { tensor.scalar(at: $0).asDouble }
    }
    return try optionalFloats(name) ?? []
  }

  /// Scores `[rows, targets]` after one of the transforms of `ai.onnx.ml`.
  fileprivate func transformed(_ scores: ValueID, _ name: String) throws -> ValueID {
    switch name {
    case "NONE": return scores
    case "SOFTMAX": return try call(.softmax, [.value(scores)], ["axis": .integer(1)])
    case "LOGISTIC": return try call(.logistic, scores)
    case "SOFTMAX_ZERO": return try result(Self.softmaxZero, ["x": .value(scores)])
    case "PROBIT": return try result(Self.probit, ["x": .value(scores)])
    default: throw error("onnx.attribute", "there is no transform '\(name)'")
    }
  }

  /// A softmax in which scores of zero have no part of their own.
  private static let softmaxZero = Formula(
    "SOFTMAX_ZERO",
    """
    top = reduce_max(x, axes: [1], keep_dims: true)
    e = select(abs(x) > 0.0000001, exp(x - top), x * exp(-top))
    total = reduce_sum(e, axes: [1], keep_dims: true)
    select(total == 0, 0.5, e / total)
    """)

  /// The normal distribution's quantile, with Winitzki's approximation of the inverse error function.
  private static let probit = Formula(
    "PROBIT",
    """
    y = 2 * x - 1
    l = log((1 - y) * (1 + y))
    v = 4.3307467508 + 0.5 * l
    1.41421356 * sign(y) * sqrt(sqrt(v * v - l * 6.8027210884) - v)
    """)
}
