import ApusIR
import ApusPasses
import ApusTensor
import Testing

@testable import ApusPasses

/// The work of a pass grows with the program and not with its square. Counts are compared, not times.
@Suite struct EffortTests {
  /// A chain of elementwise ops, every tenth of them read once more at the end.
  private func chain(_ count: Int) throws -> Function {
    var f = Function(name: "main")
    let type = TensorType(.f32, [16])
    let x = f.addParameter(type)
    let one = try f.emit(.constant, [], [NamedAttribute("value", .scalar(.float(1)))], stated: type)
    var value = x
    var kept: [ValueID] = []
    for index in 0..<count {
      switch index % 4 {
      case 0: value = try f.emit(.exp, [value])
      case 1: value = try f.emit(.mul, [value, one])
      case 2: value = try f.emit(.add, [value, x])
      case _: value = try f.emit(.neg, [value])
      }
      if index % 10 == 0 { kept.append(value) }
    }
    for other in kept { value = try f.emit(.add, [value, other]) }
    f.resultTypes = [type]
    f.insert(.return, [value], results: [], at: .end(of: f.entry))
    return f
  }

  @Test func canonicalizeIsLinear() throws {
    var visits: [Double] = []
    for count in [400, 2400] {
      var f = try chain(count)
      let effort = canonicalize.rewriteToFixedPoint(&f, PassArguments(canonicalize.parameters))
      #expect(!effort.hitBound && effort.changes >= count / 4)
      visits.append(Double(effort.visits) / Double(count))
    }
    #expect(visits[1] < visits[0] * 1.25, "\(visits)")
  }

  @Test func aValueReadByAllIsNotAskedForEachTime() throws {
    var visits: [Double] = []
    for count in [400, 2400] {
      var f = Function(name: "main")
      let type = TensorType(.f32, [4])
      let x = f.addParameter(type)
      let one = try f.emit(.constant, [], [NamedAttribute("value", .scalar(.float(1)))], stated: type)
      let shared = try f.emit(.mul, [x, one])
      var results: [ValueID] = []
      for _ in 0..<count { results.append(try f.emit(.mul, [shared, one])) }
      f.resultTypes = results.map { f.type(of: $0) }
      f.insert(.return, results, results: [], at: .end(of: f.entry))
      let effort = canonicalize.rewriteToFixedPoint(&f, PassArguments(canonicalize.parameters))
      visits.append(Double(effort.visits) / Double(count))
    }
    #expect(visits[1] < visits[0] * 1.25, "\(visits)")
  }

  @Test(arguments: ["fuse-elementwise", "fuse-reductions", "fuse-outputs"]) func fusionIsLinear(_ name: String) throws {
    var questions: [Double] = []
    for count in [300, 1800] {
      var module = Module(try chain(count))
      try Pipeline.parse(name == "fuse-elementwise" ? "plain" : "plain,fuse-elementwise").run(on: &module)
      var fusion = KernelFusion(module[FunctionID(0)])
      fusion.run { fusion, pair in
        switch name {
        case "fuse-elementwise": fusion.mapIntoMap(pair, recomputing: true)
        case "fuse-reductions": fusion.aroundReduction(pair)
        default: fusion.keepingOutputs(pair)
        }
      }
      questions.append(Double(fusion.questions) / Double(count))
    }
    #expect(questions[1] < questions[0] * 1.25 + 0.5, "\(questions)")
  }

  @Test func kernelsStayWithinTheirLimits() throws {
    var module = Module(try chain(1000))
    try Passes.standard.run(on: &module, checked)
    let f = module[FunctionID(0)]
    for op in f.allOps() where f.opcode(of: op) == .kernel {
      #expect(f.ops(in: f.region(0, of: op)).count <= FusionLimits.bodyOps + 1)
      #expect(f.operandCount(of: op) <= FusionLimits.operands)
      #expect(f.resultCount(of: op) <= FusionLimits.results)
    }
  }
}
