import ApusCompiler
import ApusGraph
import ApusSupport
import ApusTensor

extension Subject {
  /// A graph in the language of graphs, compiled as users compile it and run on random inputs, its results written over
  /// those of the run before.
  static func graph(_ name: String, _ work: Work, threads: [Int] = [1, 2], _ text: String) -> Subject {
    Subject(name, work, threads: threads) { threads in
      let module = try GraphFile.parse(SourceText(name: name, text: text))
      var inputs = RandomInputs(seed: 1)
      let compiled = try Compiler(CompilerOptions(threads: threads)).compile(module)
      let arguments = try inputs.inputs(of: compiled.host)
      let executable = compiled.executable
      var results = try executable.run(arguments)
      return { try executable.run(arguments, into: &results) }
    }
  }
}
