import ApusCompiler
import ApusGraph
import ApusIR
import ApusRuntime
import ApusSupport
import Foundation

extension SubjectGroup {
  /// Compiling: the digits phase by phase, and time against the size of a graph.
  static func compile() -> SubjectGroup {
    SubjectGroup("compile", digits() + layers())
  }

  private static func digits() -> [Subject] {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Examples/digits/digits.apus").standardizedFileURL.path(percentEncoded: false)
    func subject(_ phase: String, threads: [Int], _ prepare: @escaping (Module, Int) throws -> () throws -> Void) -> Subject {
      Subject("digits-\(phase)", .items(1, "compilation"), threads: threads) { threads in
        try prepare(try ModelFile.load(path: path), threads)
      }
    }
    return [
      subject("read", threads: [1]) { _, _ in { _ = try ModelFile.load(path: path) } },
      subject("fuse", threads: [1]) { module, _ in
        let compiler = Compiler()
        return {
          var timing = Timing()
          _ = try compiler.fuse(module, timing: &timing)
        }
      },
      subject("lower", threads: [1]) { module, _ in
        var timing = Timing()
        let host = try Compiler().fuse(module, timing: &timing).host
        return { _ = try LoopsModule(lowering: host, on: machine) }
      },
      subject("link", threads: [1, 2]) { module, threads in
        var timing = Timing()
        let host = try Compiler().fuse(module, timing: &timing).host
        let loops = try LoopsModule(lowering: host, on: machine)
        let pool = ThreadPool(threads: threads)
        return { _ = try loops.link(on: machine, pool: pool, timing: &timing) }
      },
      subject("compile", threads: [1, 2]) { module, threads in
        let compiler = Compiler(CompilerOptions(threads: threads))
        return { _ = try compiler.compile(module) }
      },
    ]
  }

  private static func layers() -> [Subject] {
    [false, true].flatMap { varied in
      [1, 2, 4, 8, 16].map { layers in
        Subject(
          "transformer-\(layers)\(varied ? "-varied" : "")", .items(Double(layers), "layer"), threads: [1, 2]
        ) { threads in
          let text = GeneratedText.transformer(layers: layers, varied: varied)
          let module = try GraphFile.parse(SourceText(name: "transformer.apus", text: text))
          let compiler = Compiler(CompilerOptions(threads: threads))
          return { _ = try compiler.compile(module) }
        }
      }
    }
  }
}
