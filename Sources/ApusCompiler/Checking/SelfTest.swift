import ApusIR
import ApusSupport
import ApusTarget
import ApusTensor

/// Whether the whole way from text to a result works on a machine.
public enum SelfTest {
  /// Compiles and runs a small graph. Returns what is wrong, or nil.
  public static func run(on machine: Machine) -> String? {
    let source = SourceText(
      name: "self-test.ir",
      text: """
        apus-ir 1

        func @double(%x: f32[N]) -> f32[N] where N in 0...100 {
          %0: f32[N] = add %x, %x
          return %0
        }
        """)
    do {
      let module = try ModelFile.parse(ir: source)
      let model = Model(try Compiler(CompilerOptions(machine: machine)).compile(module))
      let results = try model.run([Tensor([1, 2, 3] as [Float])])
      return results.first == Tensor([2, 4, 6] as [Float]) ? nil : "a sum comes out wrong"
    } catch let error as DiagnosticError {
      return error.diagnostics.first?.message ?? "unknown"
    } catch {
      return "\(error)"
    }
  }
}
