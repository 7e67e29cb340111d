import ApusCompiler
import ApusIR
import ApusPasses
import ApusSupport
import ApusTensor

/// x + 0 is x, among floats only for −0, as −0 + 0 is 0.
let dropZeros = RewritePass("drop-zeros", "drops additions of zero", roots: { $0 == .add }) { f, op, _ in
  for index in 0..<2 {
    let (x, zero) = (f.operand(1 - index, of: op), f.operand(index, of: op))
    guard let value = f.splat(of: zero)?.asDouble, value == 0 else { continue }
    guard value.sign == .minus || !f.type(of: x).element.isFloat else { continue }
    return .replaced([x])
  }
  return .unchanged
}

let text = """
  apus-ir 1

  func @f(%x: s32[N]) -> s32[N] where N in 0...9 {
    %0: s32[N] = constant 0
    %1: s32[N] = add %x, %0
    return %1
  }
  """
var module = try ModelFile.parse(ir: SourceText(name: "own.ir", text: text))
var options = CompilerOptions()
options.passes = Pipeline([dropZeros]) + options.passes
let model = Model(try Compiler(options).compile(module))
print(try model.run([Tensor([1, 2, 3] as [Int32])])[0].values(as: Int32.self))
try Pipeline([dropZeros, eliminateDeadCode]).run(on: &module)
print(module.text())
