import ApusIR

/// Operands and attributes that an op takes, whatever its element types.
public struct OpCase: Sendable {
  public var shapes: [[Int]]
  public var attributes: [NamedAttribute]
  /// The result's shape, where the declaration leaves it open.
  public var stated: [Int]?

  public init(_ shapes: [Int]..., attributes: [String: Attribute] = [:], stated: [Int]? = nil) {
    self.shapes = shapes
    self.attributes = attributes.map { NamedAttribute($0.key, $0.value) }
    self.stated = stated
  }

  /// Cases of odd and zero sizes for an op of phase `graph`; `nil` for ops that run code.
  public static func cases(of info: OpInfo) -> [OpCase]? {
    if info.traits.contains(.elementwise) || isShapeless(info) {
      let count = info.operands.count
      return [[3, 5], [], [0], [1], [17], [2, 0, 3], [2, 1, 3, 1, 11]].map { shape in
        var each = OpCase()
        each.shapes = Array(repeating: shape, count: count)
        return each
      }
    }
    return byCode[info.code]
  }

  /// Composites that work on each element and need no attribute.
  private static func isShapeless(_ info: OpInfo) -> Bool {
    let pattern = TypePattern.Shape.dims([.pack("s")])
    guard info.isComposite, case .patterns(let results) = info.results, byCode[info.code] == nil else { return false }
    return (info.operands.map(\.pattern) + results).allSatisfy { $0.shape == pattern }
      && info.attributes.allSatisfy { $0.defaultValue != nil }
  }

  private static let reductions: [OpCase] = [
    OpCase([3, 5], attributes: ["axes": .ints([1])]),
    OpCase([2, 3, 5], attributes: ["axes": .ints([2, 0]), "keep_dims": .bool(true)]),
    OpCase([7], attributes: ["axes": .ints([0])]), OpCase([3, 0], attributes: ["axes": .ints([1])]),
    OpCase([0, 3], attributes: ["axes": .ints([1])]), OpCase([], attributes: ["axes": .ints([])]),
  ]
  private static let argReductions: [OpCase] = [
    OpCase([3, 5], attributes: ["axis": .int(0)]), OpCase([7], attributes: ["axis": .int(0)]),
    OpCase([2, 3, 5], attributes: ["axis": .int(-1), "keep_dims": .bool(true), "last": .bool(true)]),
    OpCase([0, 3], attributes: ["axis": .int(1)]),
  ]
  private static let alongAnAxis: [OpCase] = [
    OpCase([3, 5], attributes: ["axis": .int(0)]), OpCase([2, 3, 5], attributes: ["axis": .int(1)]),
    OpCase([7], attributes: ["axis": .int(-1)]), OpCase([0, 3], attributes: ["axis": .int(1)]),
    OpCase([3, 0], attributes: ["axis": .int(0)]),
  ]
  private static let convolutions: [OpCase] = [
    OpCase([1, 3, 7], [5, 3, 3]), OpCase([2, 4, 5, 7], [6, 2, 3, 1], attributes: ["groups": .int(2)]),
    OpCase(
      [1, 2, 5, 5], [3, 2, 3, 3],
      attributes: ["strides": .ints([2, 1]), "pads": .ints([1, 0, 2, 1]), "dilations": .ints([1, 2])]),
    OpCase([0, 3, 7], [5, 3, 3]), OpCase([1, 0, 7], [5, 0, 3]),
  ]
  private static let pools: [OpCase] = [
    OpCase([2, 3, 7], attributes: ["window": .ints([3])]),
    OpCase(
      [1, 2, 5, 7],
      attributes: ["window": .ints([2, 3]), "strides": .ints([2, 2]), "pads": .ints([1, 1, 0, 1])]),
    OpCase([0, 2, 5], attributes: ["window": .ints([2])]),
  ]

  private static let byCode: [OpCode: [OpCase]] = [
    .constant: [
      OpCase(attributes: ["value": .int(1)], stated: [3, 5]), OpCase(attributes: ["value": .int(0)], stated: [0]),
    ],
    .iota: [OpCase(attributes: ["axis": .int(1)], stated: [3, 5]), OpCase(stated: [0, 2])],
    .randomBits: [OpCase([], stated: [3, 7]), OpCase([], stated: [0]), OpCase([], stated: [])],
    .size: [OpCase(attributes: ["of": .dims([7])])],
    .broadcast: [
      OpCase([5], attributes: ["axes": .ints([1])], stated: [3, 5, 2]),
      OpCase([], attributes: ["axes": .ints([])], stated: [0, 7]),
    ],
    .reshape: [OpCase([3, 5], stated: [5, 3]), OpCase([0, 3], stated: [7, 0]), OpCase([1], stated: [])],
    .transpose: [
      OpCase([3, 5, 2], attributes: ["perm": .ints([2, 0, 1])]), OpCase([], attributes: ["perm": .ints([])]),
      OpCase([0, 3], attributes: ["perm": .ints([1, 0])]),
    ],
    .slice: [
      OpCase([7, 5], attributes: ["starts": .dims([1, 0]), "limits": .dims([6, 5]), "strides": .ints([2, 3])]),
      OpCase([7], attributes: ["starts": .dims([3]), "limits": .dims([3])]),
    ],
    .pad: [
      OpCase([3, 5], [], attributes: ["low": .dims([1, 0]), "high": .dims([0, 2]), "interior": .ints([2, 0])]),
      OpCase([0], [], attributes: ["low": .dims([1]), "high": .dims([2])]),
    ],
    .concat: [
      OpCase([3, 5], [3, 1], [3, 0], attributes: ["axis": .int(1)]), OpCase([0], attributes: ["axis": .int(0)]),
    ],
    .reverse: [
      OpCase([3, 5], attributes: ["axes": .ints([0, 1])]), OpCase([0, 3], attributes: ["axes": .ints([0])]),
    ],
    .gather: [
      OpCase([3, 5], [7, 1], attributes: ["axis": .int(1)]), OpCase([3, 0], [2], attributes: ["axis": .int(0)]),
      OpCase([3], [0], attributes: ["axis": .int(0)]), OpCase([3, 5], [], attributes: ["axis": .int(0)]),
    ],
    .gatherElements: [
      OpCase([3, 5], [7, 5], attributes: ["axis": .int(0)]),
      OpCase([3, 5], [0, 5], attributes: ["axis": .int(0)]),
    ],
    .gatherNd: [
      OpCase([3, 5], [7, 2]), OpCase([3, 5], [2, 1]), OpCase([3, 5], [0, 2]),
      OpCase([2, 3, 5], [2, 7, 1], attributes: ["batch_axes": .int(1)]),
    ],
    .scatterElements: [
      OpCase([3, 5], [2, 5], [2, 5], attributes: ["axis": .int(0)]),
      OpCase([3], [0], [0], attributes: ["axis": .int(0)]),
    ],
    .scatterNd: [OpCase([3, 5], [7, 1], [7, 5]), OpCase([3, 5], [0, 2], [0])],
    .dynamicSlice: [
      OpCase([3, 5], [2], attributes: ["sizes": .dims([2, 3])]),
      OpCase([3], [1], attributes: ["sizes": .dims([0])]),
    ],
    .dynamicUpdateSlice: [OpCase([3, 5], [1, 4], [2]), OpCase([3], [0], [1])],
    .nonZero: [OpCase([3, 5]), OpCase([0]), OpCase([])],
    .reduceSum: reductions, .reduceProd: reductions, .reduceMax: reductions, .reduceMin: reductions,
    .reduceAnd: reductions, .reduceOr: reductions, .mean: reductions, .variance: reductions, .logsumexp: reductions,
    .argMax: argReductions, .argMin: argReductions,
    .scan: alongAnAxis, .sort: alongAnAxis, .cumsum: alongAnAxis, .softmax: alongAnAxis, .logSoftmax: alongAnAxis,
    .l2Normalize: alongAnAxis,
    .topK: [
      OpCase([3, 5], attributes: ["k": .dims([2]), "axis": .int(1)]),
      OpCase([3, 5], attributes: ["k": .dims([0]), "axis": .int(0), "largest": .bool(false)]),
    ],
    .reduceWindow: pools.map { pool in
      var each = pool
      each.attributes.append(NamedAttribute("kind", .name("sum")))
      return each
    },
    .maxPool: pools, .averagePool: pools,
    .matmul: [
      OpCase([3, 5], [5, 7]), OpCase([2, 3, 1], [2, 1, 5]), OpCase([3, 0], [0, 2]),
      OpCase([0, 5], [5, 7]),
    ],
    .matmulInteger: [OpCase([3, 5], [5, 7]), OpCase([3, 0], [0, 2])],
    .conv: convolutions, .convInteger: convolutions,
    .clamp: [OpCase([3, 5], [], []), OpCase([0], [], [])],
    .prelu: [OpCase([3, 5], [3, 5]), OpCase([0], [0])],
    .layerNorm: [
      OpCase([3, 5]), OpCase([3, 5], [5], [5]), OpCase([2, 3, 5], [3, 5], attributes: ["axis": .int(1)]),
      OpCase([0, 5]),
    ],
    .rmsNorm: [OpCase([3, 5]), OpCase([3, 5], [5]), OpCase([0, 5])],
    .groupNorm: [OpCase([2, 6, 3, 5], [6], [6], attributes: ["groups": .int(3)])],
    .instanceNorm: [OpCase([2, 3, 5, 7], [3], [3]), OpCase([0, 3, 5], [3], [3])],
    .batchNorm: [OpCase([2, 3, 5], [3], [3], [3], [3]), OpCase([0, 3, 5], [3], [3], [3], [3])],
    .attention: [
      OpCase([2, 4, 3, 5], [2, 2, 7, 5], [2, 2, 7, 3]),
      OpCase(
        [1, 1, 3, 4], [1, 1, 3, 4], [1, 1, 3, 4], attributes: ["causal": .bool(true), "scale": .float(0.5)]),
      OpCase([1, 2, 3, 4], [1, 1, 5, 4], [1, 1, 5, 4], [3, 5]),
    ],
    .rope: [
      OpCase([1, 2, 3, 6], [3, 2], [3, 2]),
      OpCase([1, 2, 3, 4], [3, 2], [3, 2], attributes: ["interleaved": .bool(true)]),
    ],
    .crossEntropy: [OpCase([3, 5], [3])],
    .oneHot: [
      OpCase([3, 2], attributes: ["depth": .dims([5])]), OpCase([0], attributes: ["depth": .dims([3])]),
    ],
    .convTranspose: [
      OpCase([1, 2, 5], [2, 3, 3]),
      OpCase(
        [1, 4, 3, 5], [4, 1, 3, 2],
        attributes: [
          "strides": .ints([2, 1]), "pads": .ints([1, 0, 0, 1]), "output_pads": .ints([1, 0]), "groups": .int(2),
        ]),
    ],
    .depthToSpace: [
      OpCase([1, 8, 3, 5], attributes: ["block": .int(2)]),
      OpCase([1, 9, 1, 2], attributes: ["block": .int(3), "mode": .name("crd")]),
    ],
    .spaceToDepth: [OpCase([1, 2, 6, 4], attributes: ["block": .int(2)])],
    .resizeAxis: ["nearest", "linear", "cubic"].flatMap { mode in
      [1, 3, 11].map { OpCase([2, 5, 3], attributes: ["axis": .int(1), "size": .dims([$0]), "mode": .name(mode)]) }
    },
    .resize: [OpCase([1, 2, 3, 5], attributes: ["sizes": .dims([7, 4]), "mode": .name("linear")])],
    .lstm: [
      OpCase([3, 2, 5], [12, 5], [12, 3], [2, 3], [2, 3], [24]),
      OpCase([1, 1, 1], [4, 1], [4, 1], [1, 1], [1, 1]),
    ],
    .gru: [
      OpCase([3, 2, 5], [9, 5], [9, 3], [2, 3], [18]),
      OpCase([3, 2, 5], [9, 5], [9, 3], [2, 3], attributes: ["linear_before_reset": .bool(true)]),
    ],
  ]
}
