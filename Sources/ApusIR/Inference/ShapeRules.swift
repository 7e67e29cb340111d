extension TypeInference {
  /// The results of an op whose shape rule a signature cannot say.
  mutating func shape(_ function: ShapeFunction) throws(InferenceError) -> [TensorType] {
    switch function {
    case .transposeShape: try transposeShape()
    case .sliceShape: try sliceShape()
    case .padShape: try padShape()
    case .concatShape: try concatShape()
    case .gatherShape: try gatherShape()
    case .gatherNdShape: try gatherNdShape()
    case .scatterNdShape: try scatterNdShape()
    case .dynamicSliceShape: try dynamicSliceShape()
    case .nonZeroShape: try nonZeroShape()
    case .oneHotShape: try oneHotShape()
    case .reduceShape: try reduceShape()
    case .argReduceShape: try argReduceShape()
    case .topKShape: try topKShape()
    case .reduceWindowShape: try reduceWindowShape()
    case .convShape: try convShape()
    case .convTransposeShape: try convTransposeShape()
    case .depthToSpaceShape: try depthToSpaceShape()
    case .spaceToDepthShape: try spaceToDepthShape()
    case .resizeAxisShape: try resizeAxisShape()
    case .resizeShape: try resizeShape()
    case .forShape: try forShape()
    case .shuffleShape: try shuffleShape()
    }
  }

  /// Constraints that speak of ranks come before attributes: an axis of an operand without axes
  /// would otherwise hide them.
  func checkRanks() throws(InferenceError) {
    if info.constraints.isEmpty { return }
    if let rule = Self.rankRules[info.code] { try rule(self) }
  }

  /// Constraints of ops whose results the signature gives, or the text states.
  mutating func checkConstraints() throws(InferenceError) {
    if info.constraints.isEmpty { return }
    if let rule = Self.constraintRules[info.code] { try rule(&self) }
  }

  typealias Rule = @Sendable (inout TypeInference) throws(InferenceError) -> Void

  typealias RankRule = @Sendable (TypeInference) throws(InferenceError) -> Void

  static let rankRules: [OpCode: RankRule] = [
    .concat: { (use) throws(InferenceError) in try use.concatRanks() },
    .gather: { (use) throws(InferenceError) in try use.gatherRank() },
    .gatherElements: { (use) throws(InferenceError) in try use.elementIndexRanks() },
    .scatterElements: { (use) throws(InferenceError) in try use.elementIndexRanks() },
  ]

  static let constraintRules: [OpCode: Rule] = [
    // source
    .constant: { (use) throws(InferenceError) in try use.constantRules() },
    .iota: { (use) throws(InferenceError) in try use.iotaRules() },
    .size: { (use) throws(InferenceError) in try use.sizeRules() },
    .randomBits: { (use) throws(InferenceError) in try use.randomBitsRules() },
    // elementwise
    .bitcast: { (use) throws(InferenceError) in try use.bitcastRules() },
    // movement
    .broadcast: { (use) throws(InferenceError) in try use.broadcastRules() },
    .reshape: { (use) throws(InferenceError) in try use.reshapeRules() },
    // indexing
    .gatherElements: { (use) throws(InferenceError) in try use.elementIndexRules() },
    .scatterElements: { (use) throws(InferenceError) in try use.scatterElementsRules() },
    .dynamicUpdateSlice: { (use) throws(InferenceError) in try use.dynamicUpdateSliceRules() },
    // composite
    .layerNorm: { (use) throws(InferenceError) in try use.normRules() },
    .rmsNorm: { (use) throws(InferenceError) in try use.normRules() },
    .groupNorm: { (use) throws(InferenceError) in try use.groupNormRules() },
    .attention: { (use) throws(InferenceError) in try use.attentionRules() },
    .rope: { (use) throws(InferenceError) in try use.ropeRules() },
    .lstm: { (use) throws(InferenceError) in try use.recurrentRules(gates: 4) },
    .gru: { (use) throws(InferenceError) in try use.recurrentRules(gates: 3) },
    // fused
    .pack: { (use) throws(InferenceError) in try use.packRules() },
    // loops
    .load: { (use) throws(InferenceError) in try use.accessRules() },
    .loadMasked: { (use) throws(InferenceError) in try use.accessRules() },
    .store: { (use) throws(InferenceError) in try use.accessRules() },
    .storeMasked: { (use) throws(InferenceError) in try use.accessRules() },
    .extractLane: { (use) throws(InferenceError) in try use.extractLaneRules() },
    .scratch: { (use) throws(InferenceError) in try use.scratchRules() },
    .alloc: { (use) throws(InferenceError) in try use.allocRules() },
    .view: { (use) throws(InferenceError) in try use.viewRules() },
    .contract: { (use) throws(InferenceError) in try use.contractRules() },
  ]
}
