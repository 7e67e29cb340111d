import ApusIR
import ApusSupport
import ApusTensor
import Testing

/// What makes a body one kernel, and of which kind.
@Suite struct KernelShapeTests {
  private func shape(_ body: String, _ header: String = "%x: f32[4, 8], %y: f32[4], %w: f32[8, 4]") throws
    -> KernelShape?
  {
    let text = "apus-ir 1\n\nfunc @main(\(header)) {\n  \(body)\n}\n"
    let f = try Module.parse(SourceText(name: "body", text: text))[FunctionID(0)]
    var shape = KernelShape()
    let end = try #require(f.terminator(of: f.entry))
    guard shape.add(f.entry, of: f), shape.finish(f.operands(of: end), of: f) else { return nil }
    return shape
  }

  @Test func maps() throws {
    let found = try #require(
      try shape("%1: f32[4, 8] = exp %x\n  %2: f32[8, 4] = transpose %1, perm: [1, 0]\n  return %2"))
    #expect(found.kind == .map && found.dims == [8, 4] && found.root == nil)
    #expect(try shape("%1: f32[4, 8] = exp %x\n  %2: f32[8, 4] = transpose %1, perm: [1, 0]\n  return %1, %2") == nil)
  }

  @Test func reductions() throws {
    let text = """
      %1: f32[4, 1] = reduce_max %x, axes: [1], keep_dims: true
      %2: f32[4, 8] = broadcast %1, axes: [0, 1]
      %3: f32[4, 8] = sub %x, %2
      %4: f32[4] = reduce_sum %3, axes: [1]
      """
    for results in ["%3, %1, %4", "%1", "%x, %4"] {
      let found = try #require(try shape("\(text)\n  return \(results)"))
      #expect(found.kind == .reduction && found.dims == [4, 8] && found.reducedAxes == [1] && found.keptAxes == [0])
    }
    #expect(try shape("\(text)\n  return %4, %y") == nil, "a result that is neither reduced nor of the full shape")
    #expect(try shape("\(text)\n  return %x") == nil, "nothing is reduced")
    #expect(try shape("\(text)\n  %5: f32[8, 4] = transpose %3, perm: [1, 0]\n  return %5") == nil)
    #expect(try shape("\(text)\n  %5: f32[8] = reduce_sum %3, axes: [0]\n  return %5") == nil)
    #expect(try shape("\(text)\n  %5: f32[] = reduce_sum %4, axes: [0]\n  return %5") == nil)
    #expect(try shape("\(text)\n  %5: f32[2, 8] = slice %3, starts: [0, 0], limits: [2, 8]\n  return %5") == nil)
  }

  @Test func aRowIsBroadcastBackWhereItWasReduced() throws {
    let header = "%x: f32[4, 4]"
    let sum = "%1: f32[4] = reduce_sum %x, axes: [1]"
    #expect(try shape("\(sum)\n  %2: f32[4, 4] = broadcast %1, axes: [0]\n  return %2", header) != nil)
    #expect(try shape("\(sum)\n  %2: f32[4, 4] = broadcast %1, axes: [1]\n  return %2", header) == nil)
  }

  @Test func contractions() throws {
    let product = "%1: f32[4, 4] = matmul %x, %w"
    let found = try #require(
      try shape("\(product)\n  %2: f32[4, 4] = broadcast %y, axes: [1]\n  %3: f32[4, 4] = add %1, %2\n  return %3"))
    #expect(found.kind == .contraction && found.dims == [4, 4])
    #expect(try shape("\(product)\n  return %1, %1") == nil)
    #expect(try shape("\(product)\n  %2: f32[4, 4] = transpose %1, perm: [1, 0]\n  return %2") == nil)
    #expect(try shape("\(product)\n  %2: f32[4] = reduce_sum %1, axes: [1]\n  return %2") == nil)
    #expect(try shape("\(product)\n  %2: f32[4, 4] = matmul %1, %1\n  return %2") == nil)
    #expect(try shape("%0: f32[4, 8] = exp %x\n  %1: f32[4, 4] = matmul %0, %w\n  return %1")?.kind == .contraction)
  }

  @Test func singles() throws {
    let scan = "%1: f32[4, 8] = scan %x, axis: 1"
    #expect(try shape("\(scan)\n  return %1")?.kind == .single)
    #expect(try shape("%0: f32[4, 8] = exp %x\n  %1: f32[4, 8] = scan %0, axis: 1\n  return %1")?.kind == .single)
    #expect(try shape("\(scan)\n  %2: f32[4, 8] = exp %1\n  return %2") == nil)
    let sorted = "%1: f32[4, 8], %2: s64[4, 8] = sort %x, axis: 1"
    #expect(try shape("\(sorted)\n  return %1, %2")?.kind == .single)
    #expect(try shape("\(sorted)\n  return %2") == nil)
  }

  @Test func whatCannotLieInAKernel() throws {
    #expect(try shape("%1: f32[4, 8] = softmax %x\n  return %1") == nil)
    #expect(try shape("%1: f32[4, 8] = custom_call %x, name: \"f\"\n  return %1") == nil)
  }

  @Test func everyPrimitiveHasAKindOrStaysInTheHost() {
    let host: Set<OpCode> = [.if, .while, .call, .customCall, .assert, .return, .yield, .continue]
    for code in OpCode.allCases where code.info.phases.contains(.graph) && !code.info.isComposite {
      #expect((code.kernelKind == nil) == host.contains(code), "\(code.name)")
    }
  }
}
