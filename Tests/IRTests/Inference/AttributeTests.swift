import Testing

@testable import ApusIR

struct AttributeTests {
  private func normal(_ code: OpCode, _ operands: [String], _ attributes: [(String, Attribute)]) -> [NamedAttribute] {
    var bench = InferenceBench()
    do {
      return try bench.run(code, operands, attributes).attributes
    } catch {
      return [NamedAttribute(error.id, .bool(false))]
    }
  }

  @Test func axesCountFromTheStart() {
    #expect(normal(.softmax, ["f32[2, 3]"], []) == [NamedAttribute("axis", .int(1))])
    #expect(normal(.softmax, ["f32[2, 3]"], [("axis", .int(-2))]) == [NamedAttribute("axis", .int(0))])
    #expect(normal(.reduceSum, ["f32[2, 3]"], [("axes", .ints([-1, 0]))]) == [NamedAttribute("axes", .ints([0, 1]))])
    #expect(normal(.reduceSum, ["f32[2, 3]"], [("axes", .ints([]))]) == [NamedAttribute("axes", .ints([]))])
  }

  @Test func defaultsAreLeftOut() {
    let axes = ("axes", Attribute.ints([0]))
    #expect(normal(.reduceSum, ["f32[2]"], [("keep_dims", .bool(false)), axes]) == [NamedAttribute("axes", .ints([0]))])
    // In the order of the declaration, whatever the order of the text.
    #expect(
      normal(.reduceSum, ["f32[2]"], [("keep_dims", .bool(true)), axes])
        == [NamedAttribute("axes", .ints([0])), NamedAttribute("keep_dims", .bool(true))])
    #expect(normal(.elu, ["f32[2]"], [("alpha", .int(1))]) == [])
    #expect(normal(.elu, ["f32[2]"], [("alpha", .int(2))]) == [NamedAttribute("alpha", .float(2))])
  }

  @Test func listsOfSizes() {
    let slice: [(String, Attribute)] = [("starts", .ints([0])), ("limits", .ints([2])), ("strides", .dims([1]))]
    #expect(
      normal(.slice, ["f32[2]"], slice)
        == [NamedAttribute("starts", .dims([0])), NamedAttribute("limits", .dims([2])), NamedAttribute("strides", .ints([1]))])
    #expect(normal(.topK, ["f32[4]"], [("k", .int(2)), ("axis", .int(0))])[0] == NamedAttribute("k", .dims([2])))
  }

  @Test(arguments: [
    ("axis.range", [("axis", Attribute.int(2))]),
    ("axis.range", [("axis", .int(-3))]),
    ("op.attribute", [("axis", .float(0))]),
    ("op.attribute", [("axis", .ints([0]))]),
    ("op.attribute", [("axis", .int(0)), ("axis", .int(0))]),
    ("op.attribute", [("temperature", .int(0))]),
  ])
  func wrong(_ id: String, _ attributes: [(String, Attribute)]) {
    #expect(normal(.softmax, ["f32[2, 3]"], attributes).map(\.name) == [id])
  }

  @Test func wrongKinds() {
    #expect(inferred(.softmax, ["f32[]"], [("axis", .int(0))]) == "axis.range")
    #expect(inferred(.reduceSum, ["f32[2, 3]"], [("axes", .ints([1, -1]))]) == "axis.twice")
    #expect(inferred(.transpose, ["f32[2, 3]"]) == "op.attribute")
    #expect(inferred(.transpose, ["f32[2, 3]"], [("perm", .string("swap"))]) == "op.attribute")
    #expect(inferred(.transpose, ["f32[2, 3]"], [("perm", .int(1))]) == "op.attribute")
    #expect(inferred(.exp, ["f32[2, 3]"], [("axis", .int(0))]) == "op.attribute")
    #expect(inferred(.gelu, ["f32[2, 3]"], [("approximate", .name("tanh"))]) == "f32[2, 3]")
    #expect(inferred(.gelu, ["f32[2, 3]"], [("approximate", .name("cos"))]) == "op.attribute")
    #expect(inferred(.gelu, ["f32[2, 3]"], [("approximate", .string("tanh"))]) == "op.attribute")
    #expect(inferred(.customCall, ["f32[2, 3]"], stated: []) == "op.attribute")
  }

  @Test func theAttributeAtFaultIsNamed() throws {
    var bench = InferenceBench()
    let error = try #require(throws: InferenceError.self) {
      _ = try bench.run(.slice, ["f32[4]"], [("starts", .dims([2])), ("limits", .dims([5]))])
    }
    #expect(error.id == "slice.C2")
    #expect(error.attribute == "limits")
    #expect(error.message.hasPrefix("0 <= start <= limit <= size along each axis"))
  }
}
