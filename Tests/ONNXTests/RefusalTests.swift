import ApusCompiler
import ApusSupport
import ApusTensor
import Foundation
import Testing

@testable import ApusONNX

/// Models that are refused, and what is said of them.
@Suite struct RefusalTests {
  private typealias Node = ModelWriter.Node
  private typealias Graph = ModelWriter.Graph

  private let x = Tensor([1, 2] as [Float])

  private func ids(_ node: Node, opset: Int = 21, inputs: [ModelWriter.Value] = [.tensor("x", .f32, [2])], _ tensors: [String: Tensor]? = nil)
    -> [String]
  {
    ids([node], opset: opset, inputs: inputs, tensors)
  }

  private func ids(
    _ nodes: [Node], opset: Int = 21, inputs: [ModelWriter.Value] = [.tensor("x", .f32, [2])], _ tensors: [String: Tensor]? = nil
  ) -> [String] {
    let model = ModelWriter(opset: opset, inputs: inputs, outputs: ["y"], nodes: nodes)
    return model.problems(tensors ?? ["x": x]).map(\.id)
  }

  @Test func conditionsAreOneBool() {
    let branch = Graph(outputs: ["z"], nodes: [Node("Abs", ["x"], ["z"])])
    let branches: KeyValuePairs<String, ModelWriter.Attribute> = ["then_branch": .graph(branch), "else_branch": .graph(branch)]
    #expect(ids(Node("If", ["x"], ["y"], branches)).contains { ["onnx.condition", "onnx.type"].contains($0) })
    let body = Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .f32, [2])], outputs: ["b", "b"],
      nodes: [Node("Abs", ["a"], ["b"])])
    #expect(ids(Node("Loop", ["", "", "x"], ["y"], ["body": .graph(body)])) == ["onnx.condition"])
  }

  @Test func branchesAgree() {
    let one = Graph(outputs: ["z"], nodes: [Node("Abs", ["x"], ["z"])])
    let two = Graph(outputs: ["z", "z"], nodes: [Node("Abs", ["x"], ["z"])])
    let list = Graph(outputs: ["z"], nodes: [Node("SequenceConstruct", ["x"], ["z"])])
    let pair = Graph(outputs: ["z"], nodes: [Node("SequenceConstruct", ["x", "x"], ["z"])])
    let condition = ModelWriter.Value.tensor("c", .bool, [])
    func node(_ a: Graph, _ b: Graph, _ outputs: [String] = ["y"]) -> Node {
      Node("If", ["c"], outputs, ["then_branch": .graph(a), "else_branch": .graph(b)])
    }
    let tensors = ["c": Tensor(scalar: true), "x": x]
    let inputs = [condition, .tensor("x", .f32, [2])]
    #expect(ids(node(one, two), inputs: inputs, tensors).contains("onnx.subgraph"))
    // Lists of different lengths: the condition's value settles which one it is.
    let length = [node(list, pair, ["l"]), Node("SequenceLength", ["l"], ["y"])]
    #expect(ids(length, inputs: inputs, tensors) == [])
    let file = ModelWriter(inputs: inputs, outputs: ["y"], nodes: length)
    let problems = try? file.file().imported()
    guard case .needs(let values, _, let found)? = problems else {
      Issue.record("the branches agree")
      return
    }
    #expect(values == ["c"] && !found.isEmpty)

    // A condition that no input decides: nothing can be known of it while importing.
    let flip = Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .bool, [])], outputs: ["c", "b"],
      nodes: [Node("Not", ["a"], ["b"])])
    let flat = Graph(outputs: ["z"], nodes: [Node("ReduceSum", ["x"], ["z"], ["keepdims": 0])])
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [2])], outputs: ["y"],
      initializers: ["n": Tensor(scalar: Int64(300)), "start": Tensor(scalar: true)],
      nodes: [Node("Loop", ["n", "", "start"], ["c"], ["body": .graph(flip)]), node(one, flat)])
    #expect(model.problems(["x": x]).map(\.id) == ["onnx.branches"])
  }

  @Test func sequencesAndOptionals() {
    let list = Node("SequenceConstruct", ["x"], ["l"])
    #expect(ids([list, Node("Abs", ["l"], ["y"])]).contains { ["onnx.sequence", "onnx.type"].contains($0) })
    let far = Node("Constant", [], ["i"], ["value_int": 7])
    #expect(ids([list, far, Node("SequenceAt", ["l", "i"], ["y"])]) == ["onnx.position"])
    let none = Node("Optional", [], ["o"], ["type": .type(.tensor(.f32, [2]))])
    #expect(ids([none, Node("OptionalGetElement", ["o"], ["y"])]) == ["onnx.operand"])
    let part = Node("Constant", [], ["n"], ["value_int": 0])
    #expect(
      ids([part, Node("SplitToSequence", ["x", "n"], ["l"]), Node("SequenceLength", ["l"], ["y"])]) == ["onnx.split"])
  }

  @Test func loopsThatNothingEnds() {
    let body = Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .f32, [2])], outputs: ["c", "b"],
      nodes: [Node("Abs", ["a"], ["b"])])
    #expect(ids(Node("Loop", ["", "", "x"], ["y"], ["body": .graph(body)])) == ["onnx.loop"])
  }

  @Test func scalesAreNumbersThatMakeSense() {
    let model = ModelWriter(
      opset: 13, inputs: [.tensor("x", .f32, [1, 1, 2, 2])], outputs: ["y"],
      initializers: ["s": Tensor([1, 1, 0, .infinity] as [Float])], nodes: [Node("Resize", ["x", "", "s"], ["y"])])
    #expect(model.problems(["x": Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2])]).map(\.id).contains("onnx.scale"))
  }

  @Test func axesThatNothingCanCount() {
    let model = ModelWriter(
      opset: 18, inputs: [.tensor("x", .f32, [1, 1, .fixed(1 << 40), 1])], outputs: ["y"],
      initializers: ["s": Tensor([1, 1, 1, 1 << 31] as [Int64])],
      nodes: [Node("Resize", ["x", "", "", "s"], ["y"], ["mode": "nearest", "keep_aspect_ratio_policy": "not_smaller"])])
    let found = #expect(throws: DiagnosticError.self) { try model.file().imported() }
    #expect(found?.diagnostics.map(\.id) == ["onnx.scale"])
  }

  /// A float attribute may be any number, also where integers take it.
  @Test(arguments: [(.infinity, .max), (-.infinity, .min), (.nan, 0), (-1, -1), (3e9, -1_294_967_296)] as [(Float, Int32)])
  func numbersThatNoIntegerHolds(value: Float, expected: Int32) throws {
    let model = ModelWriter(
      opset: 13, inputs: [.tensor("x", .s32, [1, 1, 2, 2])], outputs: ["y"],
      initializers: ["roi": Tensor([0, 0, -1, -1, 1, 1, -1, -1] as [Float]), "sizes": Tensor([1, 1, 1, 1] as [Int64])],
      nodes: [
        Node(
          "Resize", ["x", "roi", "", "sizes"], ["y"],
          ["mode": "nearest", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": .float(value)])
      ])
    let y = try model.result(["x": Tensor([1, 2, 3, 4] as [Int32], shape: [1, 1, 2, 2])])
    #expect(y == Tensor([expected], shape: [1, 1, 1, 1]))
  }

  @Test func graphsAndFunctions() {
    let nothing = ModelWriter(inputs: [.tensor("x", .f32, [2])], outputs: [], nodes: [Node("Abs", ["x"], ["z"])])
    #expect(nothing.problems(["x": x]).map(\.id) == ["onnx.graph"])
    let own = ModelWriter.Function(domain: "own", name: "F", inputs: ["a"], outputs: ["b"], nodes: [Node("Abs", ["a"], ["b"])])
    let twice = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, [2])], outputs: ["y"], functions: [own, own],
      nodes: [Node("F", ["x"], ["y"], domain: "own")])
    #expect(twice.problems(["x": x]).map(\.id).contains("onnx.function"))
  }

  @Test func whatIsNotSupportedIsSaid() {
    #expect(ids(Node("Constant", [], ["y"], ["value_string": "text"])).contains { $0.hasPrefix("onnx.") })
    let found = ModelWriter(inputs: [], outputs: ["y"], nodes: [Node("Constant", [], ["y"], ["value_string": "text"])]).problems()
    #expect(found.map(\.severity) == [.unsupported], "\(found.map(\.id)) is not onnx.unsupported or onnx.type")
  }

  // MARK: Files

  private func tensor(_ build: (inout WireWriter) -> Void) throws -> TensorProto {
    var message = WireWriter()
    build(&message)
    return try TensorProto(WireReader(FileBytes(name: "t.pb", bytes: message.bytes)))
  }

  private func id(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return (error as? DiagnosticError)?.diagnostics.first?.id ?? "\(error)"
    }
  }

  @Test func tensorsWhoseDataDoesNotFit() throws {
    func data(_ dims: [Int64], _ bytes: [UInt8]) throws -> TensorProto {
      try tensor { message in
        for dim in dims { message.integer(1, dim) }
        message.integer(2, 1)
        message.data(9, bytes)
      }
    }
    #expect(id { _ = try data([2], [0, 0, 0, 0]).tensor() } == "onnx.data")
    #expect(id { _ = try data([-1], []).tensor() } == "onnx.dims")
    #expect(id { _ = try data([1 << 40, 1 << 40], []).tensor() } == "onnx.dims")
    let short = try tensor { message in
      message.integer(1, 3)
      message.integer(2, 7)
      message.integer(7, 5)
    }
    #expect(id { _ = try short.tensor() } == "onnx.data")
  }

  @Test func brokenMessages() throws {
    func read(_ bytes: [UInt8]) -> String? { id { _ = try ONNXFile(name: "m.onnx", bytes: bytes) } }
    #expect(read([0x0a]) == "onnx.wire")
    #expect(read([0x0a, 0xff, 0x01, 0x00]) == "onnx.wire")
    #expect(read([0x07]) == "onnx.wire")
    #expect(read([]) == "onnx.model")
    var graph = Graph(outputs: ["y"], nodes: [Node("Abs", ["x"], ["y"])])
    for _ in 0..<70 { graph = Graph(outputs: ["y"], nodes: [Node("If", ["c"], ["y"], ["then_branch": .graph(graph)])]) }
    #expect(id { _ = try ModelWriter(inputs: [], outputs: ["y"], nodes: graph.nodes).file() } == "onnx.depth")
  }

  @Test func sparseTensorsWithoutIndices() {
    #expect(id { _ = try SparseTensorProto().tensor(ExternalData(modelPath: "m.onnx")) } == "onnx.sparse")
  }

  @Test func linksAreNotFollowed() throws {
    let folder = NSTemporaryDirectory() + "links-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "/etc/hostname")
    #expect(id { _ = try ConfinedFolder(beside: folder + "/m.onnx", links: .refused).open("link") } == "file.link")
    #expect(id { _ = try ConfinedFolder(beside: folder + "/m.ir", links: .followedWithin).open("link") } == "file.outside")
    try FileManager.default.createSymbolicLink(atPath: folder + "/inner", withDestinationPath: "file")
    try "abc".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
    #expect(id { _ = try ConfinedFolder(beside: folder + "/m.onnx", links: .refused).open("inner") } == "file.link")
    #expect(try ConfinedFolder(beside: folder + "/m.ir", links: .followedWithin).open("inner").count == 3)
    #expect(try ConfinedFolder(beside: folder + "/m.onnx", links: .refused).open("./file").count == 3)
    for name in ["", ".", "../file", "deep/../file", "/etc/hostname", "a\0b"] {
      for links in [ConfinedFolder.Links.refused, .followedWithin] {
        #expect(id { _ = try ConfinedFolder(beside: folder + "/m.ir", links: links).open(name) } == "file.outside", "\(name)")
      }
    }
  }
}
