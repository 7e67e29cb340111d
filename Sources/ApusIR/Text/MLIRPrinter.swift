import ApusTensor

extension Module {
  /// The module in the generic syntax of MLIR, which `mlir-opt --allow-unregistered-dialect` accepts.
  ///
  /// Tensors become `tensor`, buffers `memref`, registers scalars and `vector`; a size that is not a
  /// constant becomes `?`, and an attribute carries the type as `.ir` writes it. Constants of more than
  /// 64 elements are named by their hash.
  public func mlir() -> String {
    var text = "\"builtin.module\"() ({\n"
    for function in functions {
      var printer = MLIRPrinter(function)
      printer.print()
      text += printer.text
    }
    return text + "}) : () -> ()\n"
  }
}

/// Writes one function as an op `apus.func`.
struct MLIRPrinter {
  private let function: Function
  private(set) var text = ""
  private var labels: [String]
  private var nextNumber = 0
  private var indent = 1

  init(_ function: Function) {
    self.function = function
    labels = [String](repeating: "%undefined", count: function.valueCapacity)
  }

  mutating func print() {
    line("\"apus.func\"() ({")
    writeBlock(function.entry)
    let parameters = function.parameters.map { function.type(of: $0) }
    var attributes = ["sym_name = \(MLIRText.quoted(function.name))"]
    attributes.append("phase = \(MLIRText.quoted(function.phase.rawValue))")
    attributes.append("arguments = \(MLIRText.strings(parameters.map(function.symbols.text)))")
    attributes.append("results = \(MLIRText.strings(function.resultTypes.map(function.symbols.text)))")
    line("}) {\(attributes.joined(separator: ", "))} : () -> ()")
  }

  private mutating func line(_ content: String) {
    text += String(repeating: "  ", count: indent) + content + "\n"
  }

  private mutating func writeBlock(_ block: BlockID) {
    let parameters = function.parameters(of: block)
    if parameters.isEmpty, function.firstOp(of: block) == nil { return }
    let list = parameters.map { value -> String in
      labels[value.index] = "%\(nextNumber)"
      nextNumber += 1
      return "\(labels[value.index]): \(MLIRText.type(function.type(of: value)))"
    }
    line("^bb0\(list.isEmpty ? "" : "(\(list.joined(separator: ", ")))"):")
    indent += 1
    var op = function.firstOp(of: block)
    while let current = op {
      write(current)
      op = function.op(after: current)
    }
    indent -= 1
  }

  private mutating func write(_ op: OpID) {
    let results = function.results(of: op)
    var head = ""
    if !results.isEmpty {
      head = "%\(nextNumber)" + (results.count > 1 ? ":\(results.count)" : "") + " = "
      for (index, value) in results.enumerated() {
        labels[value.index] = "%\(nextNumber)" + (results.count > 1 ? "#\(index)" : "")
      }
      nextNumber += 1
    }
    let operands = function.operands(of: op)
    head += "\"apus.\(function.opcode(of: op).name)\"(\(operands.map { labels[$0.index] }.joined(separator: ", ")))"
    let regions = function.regions(of: op)
    for (index, block) in regions.enumerated() {
      line(head + (index == 0 ? " ({" : ""))
      writeBlock(block)
      head = index + 1 < regions.count ? "}, {" : "})"
    }
    let attributes = attributes(of: op)
    let types = operands.map { MLIRText.type(function.type(of: $0)) }
    let resultTypes = results.map { MLIRText.type(function.type(of: $0)) }
    line(
      head + (attributes.isEmpty ? "" : " {\(attributes.joined(separator: ", "))}")
        + " : (\(types.joined(separator: ", "))) -> "
        + (resultTypes.count == 1 ? resultTypes[0] : "(\(resultTypes.joined(separator: ", ")))"))
  }

  private func attributes(of op: OpID) -> [String] {
    var list = function.attributes(of: op).map { entry -> String in
      let element = function.resultCount(of: op) > 0 ? function.type(of: function.result(of: op)).element : .f64
      return "\(entry.name) = \(MLIRText.attribute(entry.value, element, function.symbols))"
    }
    let results = function.results(of: op).map { function.type(of: $0) }
    if results.contains(where: { $0.constantShape == nil || $0.layout != nil }) {
      list.append("result_types = \(MLIRText.strings(results.map(function.symbols.text)))")
    }
    return list
  }
}

/// The pieces of MLIR's syntax.
enum MLIRText {
  static func type(_ type: TensorType) -> String {
    let element = element(type.element)
    let dims = type.dims.map { ($0.constantValue.map(String.init) ?? "?") + "x" }.joined()
    switch type.form {
    case .tensor: return "tensor<\(dims)\(element)>"
    case .buffer: return "memref<\(dims)\(element)>"
    case .register: return type.rank == 0 ? element : "vector<\(dims)\(element)>"
    }
  }

  static func element(_ type: ElementType) -> String {
    switch type {
    case .f16, .bf16, .f32, .f64: type.name
    case .s8, .s16, .s32, .s64: "si\(type.bitWidth)"
    case .u8, .u16, .u32, .u64: "ui\(type.bitWidth)"
    case .bool: "i1"
    }
  }

  static func attribute(_ attribute: Attribute, _ element: ElementType, _ symbols: SymbolTable) -> String {
    switch attribute {
    case .int(let value): return "\(value) : i64"
    case .float(let value): return "\(number(.float(value), .f64)) : f64"
    case .bool(let value): return value ? "true" : "false"
    case .string(let value), .name(let value): return quoted(value)
    case .ints(let values): return "[\(values.map { "\($0) : i64" }.joined(separator: ", "))]"
    case .floats(let values): return "[\(values.map { "\(number(.float($0), .f64)) : f64" }.joined(separator: ", "))]"
    case .dims(let values): return strings(values.map(symbols.text))
    case .elementType(let value): return Self.element(value)
    case .function(let name): return "@\(quoted(name))"
    case .scalar(let value):
      let text = number(value, element)
      return element == .bool ? text : "\(text) : \(Self.element(element))"
    case .tensor(let constant): return dense(constant.tensor)
    case .schedule:
      var writer = TypeWriter(symbols)
      writer.write(attribute, .schedule)
      return quoted(writer.text)
    }
  }

  private static func dense(_ tensor: Tensor) -> String {
    if tensor.count > Module.inlineConstantLimit {
      return "{bytes = \(tensor.byteCount) : i64, sha256 = \"\(tensor.sha256)\"}"
    }
    let type = type(TensorType(tensor.elementType, tensor.shape.map { .constant($0) }))
    if tensor.count == 0 { return "dense<> : \(type)" }
    var lists = (0..<tensor.count).map { number(tensor.scalar(at: $0), tensor.elementType) }
    for extent in tensor.shape.reversed() {
      lists = stride(from: 0, to: lists.count, by: extent).map {
        "[\(lists[$0..<$0 + extent].joined(separator: ", "))]"
      }
    }
    return "dense<\(lists[0])> : \(type)"
  }

  /// Decimal with a point, or the bits: MLIR reads `1e-05` and `inf` as something else.
  private static func number(_ scalar: Scalar, _ type: ElementType) -> String {
    guard case .float(let value) = scalar.converted(to: type) else { return ScalarText.text(scalar, type) }
    if !value.isFinite || type == .f16 || type == .bf16 {
      return ScalarText.hexadecimal(ScalarText.bits(value, type), digits: type.byteCount * 2)
    }
    let text = ScalarText.text(scalar, type)
    guard !text.contains("."), let exponent = text.firstIndex(of: "e") else { return text }
    return "\(text[..<exponent]).0\(text[exponent...])"
  }

  static func strings(_ texts: [String]) -> String { "[\(texts.map(quoted).joined(separator: ", "))]" }

  /// MLIR escapes by two hexadecimal digits.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for byte in text.utf8 {
      if byte == Byte.quote || byte == Byte.backslash || byte < 0x20 || byte >= 0x7F {
        let digits = String(byte, radix: 16, uppercase: true)
        result += "\\" + (digits.utf8.count == 1 ? "0" : "") + digits
      } else {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      }
    }
    return result + "\""
  }
}
