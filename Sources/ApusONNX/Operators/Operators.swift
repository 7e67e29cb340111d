import ApusIR

/// How the nodes of one operator are translated.
struct OperatorRule {
  typealias Translate = (NodeTranslation) throws -> [Imported]

  let name: String
  /// "" is ONNX's own.
  let domain: String
  /// Whether a node whose operands are all known may be computed while importing.
  let folds: Bool
  let translate: Translate

  init(_ name: String, domain: String = "", folds: Bool = true, _ translate: @escaping Translate) {
    self.name = name
    self.domain = domain
    self.folds = folds
    self.translate = translate
  }

  /// An operator of one result.
  init(_ name: String, domain: String = "", folds: Bool = true, value: @escaping (NodeTranslation) throws -> ValueID) {
    self.init(name, domain: domain, folds: folds) { [.value(try value($0))] }
  }
}

/// All operators that can be translated. A file of this folder lists those of one family.
enum Operators {
  nonisolated(unsafe) private static let table: [String: [String: OperatorRule]] = {
    var table: [String: [String: OperatorRule]] = [:]
    for rule in families.joined() {
      precondition(table[rule.domain]?[rule.name] == nil, "two rules for \(rule.domain) \(rule.name)")
      table[rule.domain, default: [:]][rule.name] = rule
    }
    return table
  }()

  private static var families: [[OperatorRule]] {
    [
      arithmetic,
      functions,
      logic,
      casts,
      activations,
      softmaxes,
      reductions,
      argReductions,
      cumulations,
      triangles,
      einsums,
      losses,
      quantization,
      integerContractions,
      fusedActivations,
      skipNormalization,
      quantizedElementwise,
      microsoftAttention,
      packedWeights,
      controlFlow,
      resizing,
      constants,
      shapeQueries,
      reshaping,
      slicing,
      padding,
      gathering,
      scattering,
      gridSampling,
      detection,
      matrixProducts,
      convolutions,
      pooling,
      unpooling,
      normalization,
      normalizationByNorm,
      droppingOut,
      recurrence,
      attention,
      sequences,
      causalConvolution,
      flexAttention,
      randomTensors,
      uniqueness,
      deformableConvolution,
      determinants,
      features,
      treeEnsembles,
      wordCounts,
      optimizers,
      spectra,
      signalTables,
    ]
  }

  static var all: [OperatorRule] { families.flatMap { $0 } }

  static func rule(_ domain: String, _ name: String) -> OperatorRule? { table[domain]?[name] }
}
