import ApusCompiler
import ApusONNX

extension SubjectGroup {
  /// Models from ONNX files: a large one, whose weights are to stay where they are, and time against the number of nodes.
  static func imports() -> SubjectGroup {
    SubjectGroup("import", weights() + chains())
  }

  private static func weights() -> [Subject] {
    [
      file("import-weights-92mb", .items(1, "import"), { GeneratedModel.layers(22, width: 1024) }) { path in
        { try ModelFile.load(path: path) }
      }.measuringMemory()
    ]
  }

  private static func chains() -> [Subject] {
    [1_000, 10_000, 100_000].flatMap { count in
      func subject(_ verb: String, _ prepare: @escaping (String) throws -> () throws -> Any) -> Subject {
        file("\(verb)-chain-\(count)", .items(Double(count), "node"), { GeneratedModel.chain(nodes: count) }, prepare)
      }
      return [
        subject("read") { path in { try ONNXFile(path: path) } }.measuringMemory(),
        subject("import") { path in { try ModelFile.load(path: path) } }.measuringMemory(),
        subject("check") { path in
          let file = try ONNXFile(path: path)
          return { try ModelReport(file, CompilerOptions()) }
        },
        subject("compile") { path in
          let file = try ONNXFile(path: path)
          return { try ImportedModel(file, CompilerOptions(threads: 1)).prepare() as Any }
        },
      ]
    }
  }

  private static func file(
    _ name: String, _ work: Work, _ bytes: @escaping () -> [UInt8], _ prepare: @escaping (String) throws -> () throws -> Any
  ) -> Subject {
    Subject(name, work, threads: [1], making: { _ in
      let file = try TemporaryFile(bytes(), ending: "onnx")
      let make = try prepare(file.path)
      return { try withExtendedLifetime(file) { try make() } }
    })
  }
}
