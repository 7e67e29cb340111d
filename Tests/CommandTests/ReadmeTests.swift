import ApusTensor
import Foundation
import Testing

/// The commands that README.md shows, run as they stand there beside the graph that it shows.
@Suite struct ReadmeTests {
  private static let readme =
    (try? String(contentsOf: Command.checkout.appendingPathComponent("README.md"), encoding: .utf8)) ?? ""

  private static let commands: [String] = readme.replacing("\\\n", with: " ").split(separator: "\n").map(String.init)
    .filter { $0.hasPrefix("apus ") }
    .map { $0.components(separatedBy: "   #")[0].trimmingCharacters(in: .whitespaces) }

  @Test func thereAreSome() { #expect(Self.commands.count >= 8) }

  @Test(arguments: commands) func runs(_ command: String) throws {
    let scratch = try Scratch()
    let graph = try #require(Self.readme.components(separatedBy: "```\ngraph mlp").dropFirst().first)
    _ = try scratch.file("mlp.apus", "graph mlp" + graph.components(separatedBy: "```")[0])
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path("Examples"), withDestinationPath: Command.checkout.appendingPathComponent("Examples").path)
    try Self.writeModel(scratch.path("model.onnx"))
    try FileManager.default.createDirectory(atPath: scratch.path("test_data_set_0"), withIntermediateDirectories: true)
    let input = try TensorProto.encoded(Tensor.zeros(.f32, shape: [1, 3, 224, 224]), name: "x")
    #expect(FileManager.default.createFile(atPath: scratch.path("test_data_set_0/input_0.pb"), contents: Data(input)))
    let run = try Command(
      shell: "cd $SCRATCH && $APUS \(command.dropFirst("apus ".count))", environment: ["SCRATCH": scratch.url.path])
    #expect(run.status == 0, "\(command): \(run.errors)")
    #expect(!run.output.isEmpty || command.contains("--outputs"))
  }

  /// y = relu(x) of images, for the commands that take an ONNX file.
  private static func writeModel(_ path: String) throws {
    func value(_ name: String, _ sizes: [Int64?]) -> WireWriter {
      var (value, type, tensor, shape) = (WireWriter(), WireWriter(), WireWriter(), WireWriter())
      for size in sizes {
        var dim = WireWriter()
        if let size { dim.integer(1, size) } else { dim.text(2, "N") }
        shape.message(1, dim)
      }
      tensor.integer(1, 1)
      tensor.message(2, shape)
      type.message(1, tensor)
      value.text(1, name)
      value.message(2, type)
      return value
    }
    var (model, graph, node, opset) = (WireWriter(), WireWriter(), WireWriter(), WireWriter())
    node.text(1, "x")
    node.text(2, "y")
    node.text(4, "Relu")
    graph.message(1, node)
    graph.text(2, "g")
    graph.message(11, value("x", [nil, 3, 224, 224]))
    graph.message(12, value("y", [nil, 3, 224, 224]))
    opset.integer(2, 17)
    model.integer(1, 8)
    model.message(7, graph)
    model.message(8, opset)
    #expect(FileManager.default.createFile(atPath: path, contents: Data(model.bytes)))
  }
}
