import ApusIR
import ApusInterpreter
import ApusRuntime
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

@testable import ApusCompiler

/// Compiles hand-written fused functions and compares them with the interpreter.
@Suite struct LoopsModuleTests {
  private func check(_ text: String, _ inputs: [Tensor], threads: Int = 2) throws {
    let source = SourceText(name: "test.ir", text: "apus-ir 1\n" + text)
    let module = try Module.parse(source)
    let expected = try Interpreter(module).run(inputs)
    let machine = Machine.host(environment: [:])
    let lowered = try LoopsModule(lowering: module.functions[0], on: machine)
    var timing = Timing()
    let executable = try lowered.link(on: machine, pool: ThreadPool(threads: threads), timing: &timing)
    let actual = try executable.run(inputs)
    #expect(actual.count == expected.count)
    for (wanted, got) in zip(expected, actual) {
      #expect(wanted.shape == got.shape)
      for index in 0..<wanted.count {
        if case .float(let x) = wanted.scalar(at: index), case .float(let y) = got.scalar(at: index) {
          #expect(x == y || abs(x - y) <= 1e-5 * max(1, abs(x)), "element \(index)")
        } else {
          #expect(wanted.scalar(at: index) == got.scalar(at: index), "element \(index)")
        }
      }
    }
  }

  private func ramp(_ shape: [Int]) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { Float($0 % 23) * 0.25 - 2 }, shape: shape)
  }

  @Test(arguments: [0, 1, 7, 64, 1000]) func elementwise(size: Int) throws {
    try check(
      """
      func @f(%x: f32[N], %y: f32[N]) -> f32[N] where N in 0...100000 phase fused {
        %0: f32[N] = kernel %x, %y { %0, %1 in
          %2: f32[N] = mul %0, %1
          %3: f32[N] = exp %2
          yield %3
        }
        return %0
      }
      """, [ramp([size]), ramp([size])])
  }

  @Test func softmax() throws {
    try check(
      """
      func @f(%x: f32[B, 37]) -> f32[B, 37] where B in 0...100 phase fused {
        %0: f32[B, 37] = kernel %x { %0 in
          %1: f32[B, 1] = reduce_max %0, axes: [1], keep_dims: true
          %2: f32[B, 37] = broadcast %1, axes: [0, 1]
          %3: f32[B, 37] = sub %0, %2
          %4: f32[B, 37] = exp %3
          %5: f32[B, 1] = reduce_sum %4, axes: [1], keep_dims: true
          %6: f32[B, 37] = broadcast %5, axes: [0, 1]
          %7: f32[B, 37] = div %4, %6
          yield %7
        }
        return %0
      }
      """, [ramp([5, 37])])
  }
}
