import ApusGraph
import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor

/// The files that a model may come in, told apart by the endings of their names.
public enum ModelFile: String, Sendable, CaseIterable {
  /// The graph language (IR-specs/language.md).
  case apus
  /// IR text of any phase.
  case ir
  case onnx

  /// The length in bytes of the longest text that is read.
  public static let maximumLength = 1 << 30

  /// Throws `file.format` for any other ending.
  public init(path: String) throws(DiagnosticError) {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), let format = ModelFile(rawValue: name[dot...].dropFirst().lowercased())
    else {
      throw DiagnosticError(
        id: "file.format", "its name ends in none of .apus, .ir and .onnx", at: .file(path))
    }
    self = format
  }

  /// Reads a model and the weights that it names, which must lie in its folder or below, and verifies it.
  ///
  /// - Parameter shapes: the sizes of an ONNX file's inputs, for those that it leaves open.
  /// Throws `file.missing`, `file.unreadable`, `file.format`, everything that the file's parser and the verifier
  /// find; `onnx.…` for what is wrong with an ONNX file, or what it cannot be compiled without.
  public static func load(path: String, shapes: [String: [Int]] = [:]) throws(DiagnosticError) -> Module {
    switch try ModelFile(path: path) {
    case .apus: return try GraphFile.load(path: path)
    case .ir:
      return try parse(ir: text(path: path), constants: ConstantFolder(beside: path))
    case .onnx:
      var options = ImportOptions.folding
      options.shapes = shapes
      switch try ONNXFile(path: path).imported(options) {
      case .module(let module, _, _):
        try module.throwIfInvalid()
        return module
      case .needs(_, _, let problems): throw DiagnosticError(problems)
      }
    }
  }

  /// The bytes of a file as text. Throws `file.missing`, `file.unreadable`, `file.not-regular`, and `parse.size` for a
  /// file that no parser takes.
  public static func text(path: String) throws(DiagnosticError) -> SourceText {
    let file = try FileBytes(path: path)
    guard file.count <= maximumLength else {
      throw DiagnosticError(id: "parse.size", "the file is longer than 1 GiB", at: .file(path))
    }
    return SourceText(name: path, bytes: file.storage.withUnsafeBytes { Array($0) })
  }

  /// Reads IR text and verifies it. Throws everything that the parser or the verifier finds.
  public static func parse(
    ir source: SourceText, constants: some ConstantLoader = NoConstants()
  ) throws(DiagnosticError) -> Module {
    let module = try Module.parse(source, constants: constants)
    try module.throwIfInvalid()
    return module
  }
}

extension Model {
  /// Reads a model from a file and makes it ready to run.
  ///
  /// Throws what ``ModelFile/load(path:)``, the compiler and ``init(_:)-(ImportedModel)`` throw.
  public init(path: String, _ options: CompilerOptions, isInterpreted: Bool = false) throws {
    switch try ModelFile(path: path) {
    case .onnx: try self.init(ImportedModel(ONNXFile(path: path), options, isInterpreted: isInterpreted))
    case .apus, .ir:
      let module = try ModelFile.load(path: path)
      if isInterpreted {
        try self.init(interpreting: module, options)
      } else {
        self.init(try Compiler(options).compile(module))
      }
    }
  }
}

extension Module {
  /// Throws everything that the verifier finds wrong.
  func throwIfInvalid() throws(DiagnosticError) {
    let found = verify()
    guard found.isEmpty else { throw DiagnosticError(found) }
  }

  /// The function of that name, or all of them.
  ///
  /// Throws `function.unknown`.
  public func functions(named name: String?) throws(DiagnosticError) -> [Function] {
    guard let name else { return functions }
    return [try reaching(from: name).functions[0]]
  }

  /// The module with the function of that name first, which makes it the one that runs, and only the functions that it reaches.
  ///
  /// Throws `function.unknown`, or `module.empty` when there is none at all.
  func reaching(from name: String?) throws(DiagnosticError) -> Module {
    guard let first = ids.first else { throw DiagnosticError(id: "module.empty", "the file has no function") }
    guard let host = name == nil ? first : name.flatMap({ find($0) }) else {
      throw DiagnosticError(
        id: "function.unknown", "there is no function '\(name ?? "")'",
        hint: "there are \(functions.map { "'\($0.name)'" }.joined(separator: ", "))")
    }
    var reached = [host]
    var next = 0
    while next < reached.count {
      let function = self[reached[next]]
      next += 1
      for op in function.allOps() {
        for attribute in function.attributes(of: op) {
          guard case .function(let callee) = attribute.value, let id = find(callee), !reached.contains(id) else { continue }
          reached.append(id)
        }
      }
    }
    var module = Module()
    for id in reached { module.add(self[id]) }
    return module
  }
}
