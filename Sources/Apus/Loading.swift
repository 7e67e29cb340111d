import ApusCompiler
import ApusGraph
import ApusIR
import ApusSupport
import ApusTensor

extension Model {
  /// Reads a `.apus`, `.ir` or `.onnx` file and compiles it. Weights are read from its folder.
  ///
  /// A model from an ONNX file whose code depends on the sizes or the values of its inputs is compiled when it runs, once
  /// for all inputs that agree in what matters.
  ///
  /// Throws `DiagnosticError` with everything that is wrong with the file.
  public init(contentsOf path: String, options: ModelOptions = ModelOptions()) throws {
    try self.init(path: path, options.compilerOptions())
  }

  /// Compiles a text in the graph language. It reads no files: weights come as inputs, inline or seeded.
  ///
  /// Throws `DiagnosticError` with everything that is wrong with the text.
  public init(
    graph text: String, options: ModelOptions = ModelOptions(), fileID: StaticString = #fileID, line: Int = #line
  ) throws {
    try self.init(compiling: GraphFile.parse(SourceText(name: "\(fileID):\(line)", text: text)), options)
  }

  init(compiling module: Module, _ options: ModelOptions) throws {
    try self.init(Compiler(options.compilerOptions()).compile(module))
  }

  /// Runs on inputs by position.
  ///
  /// Throws as `run` does.
  public func callAsFunction(_ inputs: Tensor...) throws -> [Tensor] { try run(inputs) }
}
