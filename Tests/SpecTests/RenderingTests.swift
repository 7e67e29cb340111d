import ApusSpec
import ApusSupport
import Foundation
import Testing

struct RenderingTests {
  private let text = """
    # A group.

    /// Says "so" and \\ more.
    op do_it(x: [..s, n]T, more: [n]T?, axis: axis(x) = -1, eps: float = 1e-5, kind: name(a|b) = b) -> [..r]T
      where T: number
      traits: pure   ulp: sum
      C1 "it is so"
      body:
        y = "a"
        y

    /// Two.
    op for(x: any+, sizes: dims, along: int?) -> custom twoShape (first, last_one)
      phase: graph

    /// None.
    op hidden()
      phase: loops
    """

  private func rendered() throws -> [String: String] { SpecTree.rendered(try read(text)) }

  @Test func codes() throws {
    let files = try rendered()
    let codes = try #require(files["Sources/ApusIR/Generated/OpCode.swift"])
    #expect(codes.contains("  case doIt\n  case `for`\n  case hidden\n"))
    let shapes = try #require(files["Sources/ApusIR/Generated/ShapeFunction.swift"])
    #expect(shapes.contains("  case twoShape\n}"))
  }

  @Test func info() throws {
    let infos = try #require(try rendered()["Sources/ApusIR/Generated/OpInfo+Source.swift"])
    for line in [
      "  static let doIt = OpInfo(",
      #"summary: "Says \"so\" and \\ more.","#,
      #"OperandInfo("x", TypePattern(.dims([.pack("s"), .dim("n")]), .variable("T"))),"#,
      #"OperandInfo("more", TypePattern(.dims([.dim("n")]), .variable("T")), .optional),"#,
      #"AttributeInfo("axis", .axis(of: "x"), default: .int(-1)),"#,
      #"AttributeInfo("eps", .float, default: .float(1e-5)),"#,
      #"AttributeInfo("kind", .name(["a", "b"]), default: .name("b")),"#,
      #"results: ResultRule.patterns([TypePattern(.dims([.pack("r")]), .variable("T"))]),"#,
      #"ConstraintInfo("C1", "it is so"),"#,
      #"body: "y = \"a\"\ny","#,
      "maxULP: nil)",
      #"resultNames: ["first", "last_one"],"#,
      #"AttributeInfo("along", .int, isOptional: true),"#,
    ] {
      #expect(infos.contains(line), "no line \(line)")
    }
  }

  @Test func builders() throws {
    let builders = try #require(try rendered()["Sources/ApusIR/Generated/Builders+Source.swift"])
    for part in [
      "public mutating func doIt(\n    _ x: ValueID, more: ValueID? = nil, axis: Int = -1, eps: Double = 1e-5, "
        + "kind: String = \"b\", as type: TensorType,\n    at point: InsertionPoint, location: LocationID = .none",
      "Self.operands([x], optional: [more], of: .doIt)",
      "stated: [type]",
      "public mutating func `for`(\n    _ x: [ValueID], sizes: [Dim], along: Int? = nil, at point",
      "(first: ValueID, lastOne: ValueID) {",
      "return (result(0, of: op), result(1, of: op))",
      #"+ (along.map { [NamedAttribute("along", .int($0))] } ?? [])"#,
    ] {
      #expect(builders.contains(part), "no part \(part)")
    }
    #expect(!builders.contains("hidden"))
  }

  @Test func reference() throws {
    let reference = try #require(try rendered()["IR-specs/ops.md"])
    for part in [
      "## source ops\n\nA group.\n", "### do_it\n\nSays \"so\"", "- `do_it.C1`: it is so\n",
      "- `axis`: an axis of `x`; −1 is the last; `-1` if left out", "- phases: graph, fused\n",
    ] {
      #expect(reference.contains(part), "no part \(part)")
    }
  }

  @Test func treeOnDisk() throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "apus-spec-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    let tree = SpecTree(root: root)
    #expect(throws: DiagnosticError.self) { try tree.read() }
    try FileManager.default.createDirectory(at: root.appending(path: "IR-specs"), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: root.appending(path: "IR-specs/source.ops"))
    let written = try tree.update()
    #expect(written.contains("IR-specs/ops.md"))
    #expect(written.filter { $0.hasPrefix("Sources/ApusIR/Generated/") }.count == 5)
    #expect(written.filter { $0.hasPrefix("Sources/ApusGraph/Generated/") }.count == 1)
    #expect(written.count == 7)
    #expect(try tree.stale().isEmpty && tree.update().isEmpty)
    let left = "Sources/ApusIR/Generated/OpInfo+Old.swift"
    try Data().write(to: root.appending(path: left))
    try Data("changed".utf8).write(to: root.appending(path: "IR-specs/ops.md"))
    #expect(try Set(tree.stale().keys) == [left, "IR-specs/ops.md"])
    #expect(try tree.update() == ["IR-specs/ops.md", left])
    #expect(try tree.stale().isEmpty && !FileManager.default.fileExists(atPath: root.appending(path: left).path))
  }
}
