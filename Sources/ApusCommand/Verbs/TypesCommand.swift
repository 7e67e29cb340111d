import Apus
import ApusCompiler
import ApusIR
import ArgumentParser

struct TypesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "types", abstract: "Print one line for each tensor: NAME, DTYPE and DIMS, with tabs between.",
    discussion: "DTYPE is named as in ONNX's TensorProto. DIMS are separated by commas: `?` is unknown, `scalar` is rank 0.")

  @OptionGroup var model: ModelArguments

  func run() throws {
    let module = try ModelFile.load(path: model.model)
    for function in try module.functions(named: model.function) {
      for parameter in function.parameters { show(parameter, function) }
      for op in function.allOps() {
        for value in function.results(of: op) where function.name(of: value) != nil { show(value, function) }
      }
      for (name, type) in zip(function.outputSignatures.map(\.name), function.resultTypes) {
        print(line(name, type, function))
      }
    }
  }

  private func show(_ value: ValueID, _ function: Function) {
    let index = function.parameters.firstIndex(of: value)
    print(line(function.name(of: value) ?? "input_\(index ?? 0)", function.type(of: value), function))
  }

  private func line(_ name: String, _ type: TensorType, _ function: Function) -> String {
    let dims = type.dims.map { dim in dim.constantValue.map(String.init) ?? "?" }
    return "\(name)\t\(type.element.protobufName)\t\(dims.isEmpty ? "scalar" : dims.joined(separator: ","))"
  }
}

extension ElementType {
  /// The name in ONNX's `TensorProto.DataType`.
  fileprivate var protobufName: String {
    switch self {
    case .f32: "FLOAT"
    case .f64: "DOUBLE"
    case .f16: "FLOAT16"
    case .bf16: "BFLOAT16"
    case .s8: "INT8"
    case .s16: "INT16"
    case .s32: "INT32"
    case .s64: "INT64"
    case .u8: "UINT8"
    case .u16: "UINT16"
    case .u32: "UINT32"
    case .u64: "UINT64"
    case .bool: "BOOL"
    }
  }
}
