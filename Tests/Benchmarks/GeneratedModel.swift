import ApusTensor
import Foundation

/// ONNX files of any size.
enum GeneratedModel {
  /// So many nodes, each of which reads the one before: products, sums, functions, in turns. Two weights serve them all.
  static func chain(nodes count: Int) -> [UInt8] {
    var graph = WireWriter()
    var (last, before) = ("x", "x")
    for index in 0..<count {
      let result = "v\(index)"
      switch index % 6 {
      case 0: graph.message(1, node("MatMul", [last, "w"], result))
      case 1: graph.message(1, node("Add", [last, "b"], result))
      case 2: graph.message(1, node("Tanh", [last], result))
      case 3: graph.message(1, node("Mul", [last, before], result))
      case 4: graph.message(1, node("Sub", [last, "b"], result))
      case _: graph.message(1, node("Relu", [last], result))
      }
      (before, last) = (last, result)
    }
    graph.data(5, tensor([64, 64], name: "w").bytes)
    graph.data(5, tensor([64], name: "b").bytes)
    graph.message(11, value("x", "batch", 64))
    graph.message(12, value(last, "batch", 64))
    return model(graph)
  }

  /// Layers of products with weights of their own, `[width, width]` in f32.
  static func layers(_ count: Int, width: Int) -> [UInt8] {
    var graph = WireWriter()
    var last = "x"
    for layer in 0..<count {
      graph.message(1, node("MatMul", [last, "w\(layer)"], "p\(layer)"))
      graph.message(1, node("Add", ["p\(layer)", "b\(layer)"], "s\(layer)"))
      graph.message(1, node("Relu", ["s\(layer)"], "y\(layer)"))
      last = "y\(layer)"
    }
    for layer in 0..<count {
      graph.message(5, tensor([width, width], name: "w\(layer)"))
      graph.message(5, tensor([width], name: "b\(layer)"))
    }
    graph.message(11, value("x", "batch", width))
    graph.message(12, value(last, "batch", width))
    return model(graph)
  }

  private static func model(_ graph: WireWriter) -> [UInt8] {
    var model = WireWriter()
    model.integer(1, 10)
    model.message(7, graph)
    var opset = WireWriter()
    opset.integer(2, 21)
    model.message(8, opset)
    return model.bytes
  }

  private static func node(_ op: String, _ inputs: [String], _ output: String) -> WireWriter {
    var node = WireWriter()
    for input in inputs { node.text(1, input) }
    node.text(2, output)
    node.text(3, "node_\(output)")
    node.text(4, op)
    return node
  }

  /// Numbers of f32 around 1/64.
  private static func tensor(_ shape: [Int], name: String) -> WireWriter {
    var tensor = WireWriter()
    for size in shape { tensor.integer(1, Int64(size)) }
    tensor.integer(2, 1)
    tensor.text(8, name)
    let count = shape.reduce(1, *)
    let values = [Float](unsafeUninitializedCapacity: count) { values, initialized in
      for index in 0..<count { values[index] = Float(index % 61 - 30) / 960 }
      initialized = count
    }
    values.withUnsafeBytes { tensor.data(9, $0) }
    return tensor
  }

  /// A tensor `[symbol, size]` of f32.
  private static func value(_ name: String, _ symbol: String, _ size: Int) -> WireWriter {
    var (shape, open, fixed) = (WireWriter(), WireWriter(), WireWriter())
    open.text(2, symbol)
    fixed.integer(1, Int64(size))
    shape.message(1, open)
    shape.message(1, fixed)
    var (tensor, type, value) = (WireWriter(), WireWriter(), WireWriter())
    tensor.integer(1, 1)
    tensor.message(2, shape)
    type.message(1, tensor)
    value.text(1, name)
    value.message(2, type)
    return value
  }
}

/// A file that lasts as long as this.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8], ending: String) throws {
    path = NSTemporaryDirectory() + "benchmark-\(UUID().uuidString).\(ending)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
