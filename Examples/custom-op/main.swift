// Operations of your own, called from a compiled graph: a Swift closure, and a C function.

import Apus

/// Any function with C's calling convention serves: here one that is written in Swift.
let scale: @convention(c) (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int64, Float) -> Void = { x, y, count, factor in
  for index in 0..<Int(count) { y[index] = x[index] * factor }
}

let operations = [
  CustomOperation("median") { operands in
    let sorted = operands[0].values(as: Float.self).sorted()
    return [Tensor(scalar: sorted[sorted.count / 2])]
  },
  CustomOperation(
    "triple",
    CFunction(
      unsafeBitCast(scale, to: UnsafeRawPointer.self),
      [.pointer(.operand(0)), .pointer(.result(0)), .count(.operand(0)), .f32(3)])),
]

let model = try jit("centred", options: ModelOptions(operations: operations)) { graph in
  let x = graph.input("x", .f32, ["N"])
  graph.bound("N", in: 1...1000)
  let median = customCall("median", [x], results: [(.f32, [])])[0]
  let tripled = customCall("triple", [x - median], results: [(.f32, ["N"])])[0]
  return ["y": tripled + 1]
}

let y = try model(Tensor([4, 1, 9, 3, 8] as [Float]))[0]
print("3 (x - median(x)) + 1 =", y.values(as: Float.self))
precondition(y.values(as: Float.self) == [1, -8, 16, -2, 13], "the median of the numbers is 4")
