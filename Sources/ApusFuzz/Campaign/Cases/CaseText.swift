import ApusIR
import ApusPasses
import ApusSupport
import ApusTensor
import Foundation

/// A case as text: `.ir` that opens with its passes and its seed in comments.
///
///     // passes: inline-calls,decompose-composites,form-kernels
///     // seed: 17
///     apus-ir 1
///     …
public struct CaseText: Sendable, Hashable {
  public var text: String
  /// What the text calls the file of its constants.
  public var constantsFile: String
  /// The bytes of that file; none where no constant is too large for the text.
  public var constants: [UInt8]

  public init(_ fuzzCase: FuzzCase, constantsFile: String = "constants.bin") {
    let document = fuzzCase.module.document(TextOptions(constantsFile: constantsFile))
    text = "// passes: \(fuzzCase.passes)\n// seed: \(fuzzCase.seed)\n\(document.text)"
    self.constantsFile = constantsFile
    constants = MemoryConstants(document).bytes
  }

  /// Reads a case that stands in files: the text, and its constants beside it.
  ///
  /// Throws what reading a file throws.
  public init(path: String) throws(DiagnosticError) {
    let file = try FileBytes(path: path)
    text = file.storage.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    constantsFile = Self.constantsFile(beside: path)
    constants = []
    let beside = path.dropLast(path.split(separator: "/").last?.count ?? 0) + constantsFile
    if FileManager.default.fileExists(atPath: String(beside)) {
      constants = try FileBytes(path: String(beside)).storage.withUnsafeBytes { Array($0) }
    }
  }

  /// The case that the text says. Throws what reading passes and IR throws, and `fuzz.case` where a header is missing.
  public func fuzzCase(name: String = "case.ir") throws(DiagnosticError) -> FuzzCase {
    guard let passes = header("passes"), let seed = header("seed").flatMap({ UInt64($0) }) else {
      throw DiagnosticError(id: "fuzz.case", "a case opens with `// passes:` and `// seed:`", at: .file(name))
    }
    let module = try Module.parse(SourceText(name: name, text: text), constants: MemoryConstants(constants))
    return FuzzCase(module, passes: try Pipeline.parse(passes, name: name), seed: seed)
  }

  /// What a comment before the module says of `name`.
  public func header(_ name: String) -> String? {
    for line in text.split(separator: "\n", maxSplits: 8).prefix(while: { $0.hasPrefix("//") }) {
      guard line.hasPrefix("// \(name):") else { continue }
      return line.dropFirst(name.count + 4).trimmingCharacters(in: .whitespaces)
    }
    return nil
  }

  /// Writes `NAME.ir` to a folder, and `NAME.bin` if there are constants. Throws `file.unwritable`.
  public func write(named name: String, in folder: String) throws(DiagnosticError) {
    let file = name + ".bin"
    if !constants.isEmpty {
      try OutputFile.write(path: "\(folder)/\(file)") { (file: inout OutputFile) throws(DiagnosticError) in
        try file.write(constants)
      }
    }
    // The name stands in the table of constants, in quotes.
    let renamed = constants.isEmpty ? text : text.replacing("= \"\(constantsFile)\",", with: "= \"\(file)\",")
    try OutputFile.write(path: "\(folder)/\(name).ir") { (file: inout OutputFile) throws(DiagnosticError) in
      try file.write(Array(renamed.utf8))
    }
  }

  /// `case.ir` has its constants in `case.bin`.
  public static func constantsFile(beside path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return (name.hasSuffix(".ir") ? String(name.dropLast(3)) : name) + ".bin"
  }
}

extension CaseText {
  /// The fields of a line between processes.
  var fields: [String] { [text, constantsFile, Data(constants).base64EncodedString()] }

  init?(fields: some Collection<String>) {
    let fields = Array(fields)
    guard fields.count == 3, let constants = Data(base64Encoded: fields[2]) else { return nil }
    text = fields[0]
    constantsFile = fields[1]
    self.constants = Array(constants)
  }
}
