import Apus

let double = try Model(graph: "graph double(x: f32[N]) { return x + x }")
print(try double(Tensor([1, 2, 3] as [Float]))[0].values(as: Float.self))
