import ApusIR
import ApusTensor

/// A node that only moves elements, on sizes: it is computed with numbers that name the elements.
struct SizeMovement {
  private let translation: NodeTranslation
  private let context: ModelImport
  private let element: ElementType
  /// What the numbers name; 0 names 0, with which some operators fill.
  private let named: [Dim]
  /// What they are fractions by.
  private let denominator: Int
  private let inputs: [Imported]

  /// Operators whose results are elements of their operands, by which operands these are; all where it says nil.
  private static let operators: [String: Set<Int>?] = [
    "Compress": [0], "Concat": nil, "Expand": [0], "Flatten": [0], "Gather": [0], "GatherElements": [0], "GatherND": [0],
    "Identity": [0], "Pad": [0, 2], "Reshape": [0], "ReverseSequence": [0], "Scatter": [0, 2], "ScatterElements": [0, 2],
    "ScatterND": [0, 2], "Slice": [0], "Split": [0], "Squeeze": [0], "Tile": [0], "Transpose": [0], "Unsqueeze": [0],
    "Where": [1, 2],
  ]

  /// nil where the operator is another one, or where one of its operands is not known well enough.
  init?(_ name: String, _ translation: NodeTranslation, _ context: ModelImport) {
    guard let moved = Self.operators[name] else { return nil }
    let parts = translation.inputs.indices.map { index in
      moved?.contains(index) ?? true ? context.fractions(of: translation.inputs[index]) : nil
    }
    let isExact = parts.allSatisfy { $0?.isExact ?? true } || parts.count { $0 != nil } == 1
    guard let denominator = parts.compactMap({ $0?.denominator }).max(), isExact else { return nil }
    var element: ElementType?
    var named: [Dim] = [0]
    var inputs: [Imported] = []
    for (index, input) in translation.inputs.enumerated() {
      if input.isAbsent {
        inputs.append(.absent)
      } else if moved?.contains(index) ?? true {
        guard let sizes = try? parts[index]?.over(denominator, translation) else { return nil }
        element = element ?? sizes.element
        let first = named.count
        let names = (0..<sizes.dims.count).map { Int64(first + $0) }
        named += sizes.dims
        inputs.append(.constant(Tensor(names, shape: sizes.shape)))
      } else {
        guard let tensor = context.constant(of: input) else { return nil }
        inputs.append(.constant(tensor))
      }
    }
    guard let element else { return nil }
    // A number that is filled in would be taken for the name of an element.
    if let filler = translation.attribute("value"), filler.float != 0 { return nil }
    if let reduction = translation.attribute("reduction"), !reduction.string.elementsEqual("none".utf8) { return nil }
    self.translation = translation
    self.context = context
    self.element = element
    self.named = named
    self.denominator = denominator
    self.inputs = inputs
  }

  func outputs(_ rule: OperatorRule) throws -> [Imported]? {
    let node = NodeTranslation(
      node: translation.node, version: translation.version, context: translation.context, inputs: inputs)
    guard let found = try context.folded(rule, node) else { return nil }
    var outputs: [Imported] = []
    for output in found {
      guard !output.isAbsent else {
        outputs.append(.absent)
        continue
      }
      guard let names = context.constant(of: output), names.count <= SizeTensor.maximumCount else { return nil }
      let dims = (0..<names.count).map { named[names.integer(at: $0)] }
      var moved = SizeTensor(dims, shape: names.shape, element)
      moved.denominator = denominator
      outputs.append(moved.imported)
    }
    return outputs
  }
}
