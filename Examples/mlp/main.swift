// A multilayer perceptron built in Swift: exclusive or, with one hidden layer of two units.

import Apus

let xor = try jit("xor") { graph in
  let x = graph.input("x", .f32, ["B", 2])
  graph.bound("B", in: 1...1024)
  let hidden = logistic(x.matmul(Tensor([20, -20, 20, -20] as [Float], shape: [2, 2])) + Tensor([-10, 30] as [Float]))
  let output = logistic(hidden.matmul(Tensor([20, 20] as [Float], shape: [2, 1])) - 30)
  return ["probability": output.reshaped(["B"])]
}

let inputs = Tensor([0, 0, 0, 1, 1, 0, 1, 1] as [Float], shape: [4, 2])

// By position, or by name.
let probability = try xor(inputs)[0]
let byName = try xor.run(named: ["x": inputs])
precondition(byName["probability"] == probability, "both calls run the same code")

for (row, p) in probability.values(as: Float.self).enumerated() {
  let x = (0..<2).map { inputs.values(as: Float.self)[row * 2 + $0] }
  print("\(Int(x[0])) xor \(Int(x[1])) = \(p > 0.5 ? 1 : 0)")
}
