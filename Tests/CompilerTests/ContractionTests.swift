import Apus
import Testing

/// Matrix products and convolutions as users compile them, with constant weights and with weights that are inputs, on one
/// thread and on two.
@Suite struct ContractionTests {
  private func numbers(_ shape: [Int], _ modulus: Int) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { Float($0 * 7 % modulus) / 4 - Float(modulus / 8) }, shape: shape)
  }

  /// Runs a graph of one result on one thread and on two, whose bits must be equal.
  private func run(_ inputs: [Tensor], _ body: (GraphBuilder) throws -> Node) throws -> Tensor {
    let results = try [1, 2].map { threads in
      var options = ModelOptions()
      options.threads = threads
      return try jit(options: options, body).run(inputs)[0]
    }
    #expect(results[0] == results[1])
    return results[0]
  }

  private func product(_ x: Tensor, _ w: Tensor) -> [Float] {
    let (a, b) = (x.values(as: Float.self), w.values(as: Float.self))
    let (m, k, n) = (x.shape[0], x.shape[1], w.shape[1])
    return (0..<m * n).map { place in
      Float((0..<k).reduce(0.0) { $0 + Double(a[place / n * k + $1]) * Double(b[$1 * n + place % n]) })
    }
  }

  private func expectClose(_ got: Tensor, _ wanted: [Float], sourceLocation: SourceLocation = #_sourceLocation) {
    let isClose = zip(got.values(as: Float.self), wanted).allSatisfy { a, b in
      a == b || a.isNaN && b.isNaN || abs(a - b) <= 1e-4 * max(1, abs(b))
    }
    #expect(got.count == wanted.count && isClose, sourceLocation: sourceLocation)
  }

  @Test(arguments: [[1, 1, 1], [1, 784, 10], [3, 5, 7], [7, 33, 19], [64, 65, 66], [130, 400, 57], [0, 3, 2], [2, 0, 3]])
  func products(size: [Int]) throws {
    let (x, w) = (numbers([size[0], size[1]], 23), numbers([size[1], size[2]], 19))
    let wanted = product(x, w)
    expectClose(try run([x]) { $0.input("x", .f32, [Size(size[0]), Size(size[1])]).matmul(w) }, wanted)
    // A size that only the run knows.
    expectClose(try run([x]) { $0.input("x", .f32, ["B", Size(size[1])]).matmul(w) }, wanted)
    let dynamic = try run([x, w]) { graph in
      graph.input("x", .f32, ["M", "K"]).matmul(graph.input("w", .f32, ["K", "N"]))
    }
    expectClose(dynamic, wanted)
    let fixed = try run([x, w]) { graph in
      graph.input("x", .f32, [Size(size[0]), Size(size[1])])
        .matmul(graph.input("w", .f32, [Size(size[1]), Size(size[2])]))
    }
    expectClose(fixed, wanted)
  }

  /// Padding holds zeros, which must not meet what is not a number.
  @Test func notANumberAndInfinity() throws {
    var (x, w) = (numbers([5, 20], 23), numbers([20, 17], 19))
    x.setScalar(.float(.nan), at: 23)
    w.setScalar(.float(.infinity), at: 18)
    expectClose(try run([x]) { $0.input("x", .f32, [5, 20]).matmul(w) }, product(x, w))
  }

  /// One weight in a product, in a product of another width, and in a sum.
  @Test func aConstantInSeveralRoles() throws {
    let (x, w) = (numbers([20, 20], 23), numbers([20, 20], 19))
    let got = try run([x]) { graph in
      let input = graph.input("x", .f32, [20, 20])
      return input.matmul(w) + w
    }
    expectClose(got, zip(product(x, w), w.values(as: Float.self)).map { $0 + $1 })
  }

  @Test func aConstantOnTheLeft() throws {
    let (x, w) = (numbers([33, 29], 23), numbers([40, 33], 19))
    let got = try run([x]) { graph in Node(w).matmul(graph.input("x", .f32, [33, 29])) }
    expectClose(got, product(w, x))
  }

  @Test(arguments: [(1, 1), (2, 1), (1, 2)]) func convolutions(stride: Int, groups: Int) throws {
    let (x, w) = (numbers([2, 4, 9, 21], 23), numbers([6, 4 / groups, 3, 3], 19))
    let (height, width) = ((9 - 1) / stride + 1, (21 - 1) / stride + 1)
    let (a, b) = (x.values(as: Float.self), w.values(as: Float.self))
    var wanted: [Float] = []
    for image in 0..<2 {
      for channel in 0..<6 {
        for y in 0..<height {
          for column in 0..<width {
            var sum = 0.0
            for c in 0..<4 / groups {
              for tap in 0..<9 {
                let (line, place) = (y * stride + tap / 3 - 1, column * stride + tap % 3 - 1)
                guard (0..<9).contains(line), (0..<21).contains(place) else { continue }
                let input = channel / (6 / groups) * (4 / groups) + c
                sum += Double(a[((image * 4 + input) * 9 + line) * 21 + place]) * Double(b[(channel * (4 / groups) + c) * 9 + tap])
              }
            }
            wanted.append(Float(sum))
          }
        }
      }
    }
    let got = try run([x]) { graph in
      conv(
        graph.input("x", .f32, [2, 4, 9, 21]), Node(w), strides: [stride, stride], pads: [1, 1, 1, 1],
        groups: groups)
    }
    expectClose(got, wanted)
  }
}
