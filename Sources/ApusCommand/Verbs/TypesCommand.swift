import Apus
import ApusCompiler
import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor
import ArgumentParser

struct TypesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "types", abstract: "Print one line for each tensor: NAME, DTYPE and DIMS, with tabs between.",
    discussion: """
      DTYPE is named as in ONNX's TensorProto. DIMS are separated by commas: `?` is unknown, `scalar` is rank 0. A tensor of an
      ONNX file that could not be typed has `?`, `unranked` and the reason.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var shapes: ShapeOptions

  func run() throws {
    if try ModelFile(path: model.model) == .onnx { return try showImported() }
    let module = try ModelFile.load(path: model.model)
    let function = try module.functions(named: model.function ?? module.functions.first?.name)[0]
    var shown: Set<String> = []
    for (index, parameter) in function.parameters.enumerated() {
      show(function.name(of: parameter) ?? "input_\(index)", function.type(of: parameter), &shown)
    }
    for op in function.allOps() {
      for value in function.results(of: op) {
        guard let name = function.name(of: value) else { continue }
        show(name, function.type(of: value), &shown)
      }
    }
    for (signature, type) in zip(function.outputSignatures, function.resultTypes) { show(signature.name, type, &shown) }
  }

  private func show(_ name: String, _ type: TensorType, _ shown: inout Set<String>) {
    guard shown.insert(name).inserted else { return }
    show(name, type.element, nil, type.dims.map(\.constantValue))
  }

  private func show(_ name: String, _ element: ElementType, _ narrowType: NarrowType?, _ sizes: [Int?]) {
    let dims = sizes.map { $0.map(String.init) ?? "?" }
    let type = narrowType?.name ?? ElementType.onnxName(element.onnxDataType)
    Output.print("\(name)\t\(type)\t\(dims.isEmpty ? "scalar" : dims.joined(separator: ","))")
  }

  /// Shows what could be typed, then the rest with its reasons, and says what is wrong with the model.
  private func showImported() throws {
    let types = try ONNXFile(path: model.model).importedTypes(shapes: try shapes.sizes)
    for entry in types.entries { show(entry.name, entry.element, entry.narrowType, entry.sizes) }
    for entry in types.untyped { Output.print("\(entry.name)\t?\tunranked\t\(entry.reason)") }
    for problem in types.problems { Console.show(problem) }
    let status = ExitStatus.status(of: types.problems)
    if status != .done { throw CommandFailure(status: status) }
  }
}
