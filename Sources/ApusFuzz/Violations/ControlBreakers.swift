import ApusIR
import ApusTensor

/// Ways to break the rules about regions, calls and the end of a function.
enum ControlBreakers {
  static func violation(_ drawing: inout GraphDrawing) -> Violation? {
    switch drawing.draw.int(0...6) {
    case 0: return region(&drawing, .if, 0, "if.C1")
    case 1: return region(&drawing, .while, 1, "while.C1")
    case 2: return carried(&drawing)
    case 3: return callee(&drawing)
    case 4: return arguments(&drawing)
    case 5: return recursion(&drawing)
    case _: return returned(&drawing)
    }
  }

  /// The op of that kind that was just drawn.
  private static func draw(_ code: OpCode, _ drawing: inout GraphDrawing) -> OpID? {
    drawing.remaining = 1
    guard (try? drawing.addControl(code)) != nil, let op = drawing.function.lastOp(of: drawing.block),
      drawing.function.opcode(of: op) == code
    else { return nil }
    return op
  }

  private static func finished(_ drawing: inout GraphDrawing, _ rule: String) -> Violation {
    drawing.finish()
    return Violation(module: drawing.module, rule: rule)
  }

  /// A region that yields too little, or another type.
  private static func region(_ drawing: inout GraphDrawing, _ code: OpCode, _ region: Int, _ rule: String) -> Violation? {
    guard let op = draw(code, &drawing),
      let end = drawing.function.terminator(of: drawing.function.region(region, of: op))
    else { return nil }
    let values = drawing.function.operands(of: end)
    if let last = values.last, drawing.draw.chance(50) {
      let type = drawing.type(last)
      let other = drawing.draw.one(of: ElementType.allCases.filter { $0 != type.element })
      let wrong = drawing.function.insert(.convert, [last], results: [type.with(element: other)], at: .before(end))
      drawing.function.setOperands(values.dropLast() + drawing.function.results(of: wrong), of: end)
    } else if !values.isEmpty {
      drawing.function.setOperands(values.dropLast(), of: end)
    } else {
      return nil
    }
    return finished(&drawing, rule)
  }

  /// A loop that starts with another shape than it carries.
  private static func carried(_ drawing: inout GraphDrawing) -> Violation? {
    guard let op = draw(.while, &drawing) else { return nil }
    let start = drawing.function.operand(0, of: op)
    let wrong = drawing.function.addParameter(TensorType(drawing.type(start).element, [2]))
    drawing.function.setOperand(0, of: op, to: wrong)
    return finished(&drawing, "while.C2")
  }

  private static func callee(_ drawing: inout GraphDrawing) -> Violation? {
    guard let op = draw(.call, &drawing) else { return nil }
    drawing.function.setAttribute("callee", .function("nowhere"), of: op)
    return finished(&drawing, "call.C1")
  }

  private static func arguments(_ drawing: inout GraphDrawing) -> Violation? {
    guard let op = draw(.call, &drawing) else { return nil }
    let arguments = drawing.function.operands(of: op)
    guard let last = arguments.last else { return nil }
    if drawing.draw.chance(50) {
      drawing.function.setOperands(arguments.dropLast(), of: op)
    } else {
      let type = drawing.type(last)
      drawing.function.setOperands(
        arguments.dropLast() + [drawing.function.addParameter(type.with(dims: type.dims + [1]))], of: op)
    }
    return finished(&drawing, "call.C2")
  }

  /// A function that calls itself.
  private static func recursion(_ drawing: inout GraphDrawing) -> Violation? {
    var function = Function(name: "main")
    let type = TensorType(drawing.draw.one(of: ElementType.allCases), [.constant(drawing.draw.int(0...5))])
    let x = function.addParameter(type)
    let op = function.insert(
      .call, [x], attributes: [NamedAttribute("callee", .function("main"))], results: [type], at: .end(of: function.entry))
    function.resultTypes = [type]
    function.insert(.return, function.results(of: op), results: [], at: .end(of: function.entry))
    return Violation(module: Module(function), rule: "call.C3")
  }

  private static func returned(_ drawing: inout GraphDrawing) -> Violation? {
    drawing.finish()
    guard let end = drawing.function.terminator(of: drawing.function.entry) else { return nil }
    let values = drawing.function.operands(of: end)
    guard !values.isEmpty else { return nil }
    if drawing.draw.chance(50) {
      drawing.function.setOperands(values.dropLast(), of: end)
    } else {
      let type = drawing.function.resultTypes[values.count - 1]
      drawing.function.resultTypes[values.count - 1] = type.with(dims: type.dims + [1])
    }
    return Violation(module: drawing.module, rule: "return.C1")
  }
}
