import ApusSupport
import ApusTensor
import Testing

@testable import ApusIR

private let vector = TensorType(.f32, [4])

/// `func @f(%x: f32[4]) -> f32[4]` with a body that `build` writes.
private func function(phase: Phase = .graph, _ build: (inout Function, ValueID) throws -> Void) rethrows -> Function {
  var function = Function(name: "f", phase: phase)
  let x = function.addParameter(vector, name: "x")
  function.resultTypes = [vector]
  try build(&function, x)
  return function
}

private func ids(_ function: Function) -> [String] { function.verify().map(\.id) }

@Test func structureIsChecked() throws {
  #expect(try ids(function { f, x in _ = try f.emit(.exp, [x]) }) == ["op.terminator"])
  #expect(ids(function { f, _ in _ = f }) == ["op.terminator"])
  #expect(
    ids(
      function { f, x in
        let end = f.insert(.return, [x], results: [], at: .end(of: f.entry))
        f.insert(.exp, [x], results: [vector], at: .after(end))
      }) == ["op.terminator", "op.terminator"])
  #expect(
    ids(
      function { f, x in
        f.insert(.return, [x], results: [], regions: 1, at: .end(of: f.entry))
      }) == ["op.regions", "op.terminator"])
}

@Test func dominanceIsChecked() throws {
  let late = try function { f, x in
    let y = try f.emit(.exp, [x])
    let z = try f.emit(.neg, [y])
    f.insert(.return, [z], results: [], at: .end(of: f.entry))
    f.move(f.definingOp(of: y)!, to: .after(f.definingOp(of: z)!))
  }
  #expect(ids(late) == ["dominance"])
  let erased = try function { f, x in
    let y = try f.emit(.exp, [x])
    f.insert(.return, [y], results: [], at: .end(of: f.entry))
    f.setOperand(0, of: f.terminator(of: f.entry)!, to: x)
    f.erase(f.definingOp(of: y)!)
    f.setOperand(0, of: f.terminator(of: f.entry)!, to: y)
  }
  #expect(ids(erased) == ["dominance"])
}

@Test func typesAreInferredAgain() throws {
  let wrong = function { f, x in
    let op = f.insert(.exp, [x], results: [TensorType(.f32, [5])], at: .end(of: f.entry))
    f.insert(.return, [f.result(of: op)], results: [], at: .end(of: f.entry))
  }
  #expect(ids(wrong) == ["type.mismatch", "return.C1"])
  let arity = function { f, x in
    let op = f.insert(.add, [x], results: [vector], at: .end(of: f.entry))
    f.insert(.return, [f.result(of: op)], results: [], at: .end(of: f.entry))
  }
  #expect(ids(arity) == ["op.operands"])
  // The text of the message names the function where there is no place to point at.
  #expect(arity.verify()[0].message.contains("in @f"))
}

@Test func phasesAndSizesAreChecked() throws {
  func returning(_ type: TensorType, phase: Phase = .graph) -> Function {
    var f = Function(name: "f", phase: phase)
    f.addParameter(type)
    f.insert(.return, [], results: [], at: .end(of: f.entry))
    return f
  }
  #expect(ids(returning(vector.with(form: .buffer))) == ["phase.illegal"])
  #expect(ids(returning(vector, phase: .loops)) == ["phase.illegal"])
  #expect(ids(returning(TensorType(.f32, [4], layout: Layout([.init(0)])))) == ["phase.illegal"])
  #expect(ids(returning(TensorType(.f32, [4], layout: Layout([.init(0), .init(0)])), phase: .fused)) == ["type.layout"])
  #expect(ids(returning(TensorType(.f32, [4], layout: Layout([.init(0)])), phase: .fused)) == [])
  #expect(ids(returning(TensorType(.f32, [-1]))) == ["dim.negative"])
  #expect(ids(returning(TensorType(.f64, [.constant(1 << 61)]))) == ["dim.overflow"])
  #expect(ids(returning(TensorType(.f64, [.constant(1 << 61), 0]))) == ["dim.overflow"])
  #expect(ids(returning(TensorType(.f32, [], form: .register), phase: .loops)) == [])
  #expect(
    try ids(function { f, x in f.insert(.return, [try f.emit(.exp, [x])], results: [], at: .end(of: f.entry)) }) == [])
}

/// What text can say wrong beyond its syntax, and on which line it is reported.
@Test(arguments: [
  ("  %y: f32[4] = if %b {\n    yield %x, %x\n  } else {\n    yield %x\n  }", "if.C1", 4),
  ("  %y: f32[4] = if %b {\n    yield %x\n  } else {\n    yield %b\n  }", "if.C1", 6),
  ("  %y: f32[4] = if %b {\n    continue %b\n  } else {\n    yield %x\n  }", "op.terminator", 4),
  ("  %y: f32[4] = while %a = %x {\n    continue %b\n  } do {\n    yield %b\n  }", "while.C1", 6),
  ("  %y: f32[4] = while %a: f32[5] = %x {\n    continue %b\n  } do {\n    yield %a\n  }", "while.C2", 3),
  ("  %y: f32[5] = while %a = %x {\n    continue %b\n  } do {\n    yield %a\n  }", "while.C1", 3),
  ("  %y: f32[4], %z: f32[4] = while %a = %x {\n    continue %b\n  } do {\n    yield %a\n  }", "while.C1", 3),
  ("  %y: f32[4] = pack %x", "phase.illegal", 3),
  ("  %y: f32[4] = call %x, callee: @nobody", "call.C1", 3),
  ("  %y: f32[4] = call %b, callee: @g", "call.C2", 3),
  ("  %y: f32[4] = call %x, %x, callee: @g", "call.C2", 3),
  ("  %y: f32[5] = call %x, callee: @g", "call.C2", 3),
  ("  %y: f32[4] = call %x, callee: @loop", "", 0),
])
func wrongPrograms(_ body: String, _ id: String, _ line: Int) throws {
  let text = """
    apus-ir 1
    func @f(%x: f32[4], %b: bool[]) -> f32[4] {
    \(body)
      return %x
    }
    func @g(%x: f32[N]) -> f32[N] {
      return %x
    }
    func @loop(%x: f32[4]) -> f32[4] {
      return %x
    }
    """
  let found = try parsed(text).verify()
  #expect(found.map(\.id) == (id.isEmpty ? [] : [id]))
  for diagnostic in found {
    guard case .text(let source, let range) = diagnostic.place else {
      Issue.record("no place")
      return
    }
    #expect(source.position(of: range.lowerBound).line == line)
  }
}

@Test func kernelsAreChecked() throws {
  let good = try parsed(
    """
    apus-ir 1
    func @f(%x: f32[4]) -> f32[4] phase fused {
      %y: f32[4] = kernel %x { %0 in
        yield %0
      }
      return %y
    }
    """)
  #expect(good.verify().isEmpty)
  var f = good.functions[0]
  let kernel = f.allOps()[0]
  let body = f.region(0, of: kernel)
  f.setOperand(0, of: f.terminator(of: body)!, to: f.parameters[0])
  #expect(f.verify().map(\.id) == ["kernel.isolated"])
  f = good.functions[0]
  f.addParameter(vector, to: body)
  #expect(f.verify().map(\.id) == ["kernel.C1"])
  f = good.functions[0]
  f.setType(TensorType(.f32, [5]), of: f.parameters(of: body)[0])
  #expect(f.verify().map(\.id) == ["kernel.C1"])
}

@Test func recursionIsFound() throws {
  func body(_ name: String, _ callee: String) -> String {
    "func @\(name)(%x: f32[4]) -> f32[4] {\n  %y: f32[4] = call %x, callee: @\(callee)\n  return %y\n}\n"
  }
  let text = "apus-ir 1\n" + body("a", "b") + body("b", "c") + body("c", "a") + body("d", "a")
  let found = try parsed(text).verify()
  #expect(found.map(\.id) == ["call.C3"])
  #expect(found.first?.message.contains("@a") == true)
}

@Test func sizesAreInScopeWhereTheirValueIs() throws {
  let text = """
    apus-ir 1
    func @f(%x: f32[4], %b: bool[]) -> s64[] {
      %n: s64[] = if %b {
        %k: s64[1, N] = non_zero %x
        %s: s64[] = size of: [N]
        yield %s
      } else {
        %t: s64[] = size of: [N]
        yield %t
      }
      return %n
    }
    """
  #expect(try parsed(text).verify().map(\.id) == ["dim.scope"])
}

/// A note names the value and shows where it comes from, and the caret lies under the operand.
@Test func diagnosticsPointAtBothSides() throws {
  let text = """
    apus-ir 1
    func @f(%x: f32[4, 2], %w: f32[3, 5]) -> f32[4, 5] {
      %y: f32[4, 5] = matmul %x, %w
      return %y
    }
    """
  do {
    _ = try parsed(text)
    Issue.record("parsed")
  } catch let error as DiagnosticError {
    let lines = error.diagnostics[0].rendered().split(separator: "\n")
    #expect(lines.contains("test.ir:2:24: note: '%w' is defined here"))
    #expect(lines.contains("                               ^~"))
    #expect(lines.last?.hasPrefix("test.ir:3:30: error[matmul.k]: ") == true)
  }
}

@Test func deepRegionsAreWalked() throws {
  var f = Function(name: "f")
  let b = f.addParameter(.scalar(.bool), name: "b")
  var block = f.entry
  for _ in 0..<3000 {
    let op = f.insert(.if, [b], results: [], at: .end(of: block))
    f.insert(block == f.entry ? .return : .yield, [], results: [], at: .end(of: block))
    f.insert(.yield, [], results: [], at: .end(of: f.region(1, of: op)))
    block = f.region(0, of: op)
  }
  f.insert(.yield, [], results: [], at: .end(of: block))
  #expect(f.verify().isEmpty)
}
