import ApusIR
import ApusTensor

/// Products of matrices, and convolutions.
extension GraphExport {
  /// Products of narrow integers agree modulo 2ⁿ in a wider type.
  func product(_ x: Exported, _ y: Exported) throws -> Exported {
    let wide = takes(x.element, "MatMul") ? x.element : x.element.isFloat ? .f32 : .s32
    return cast(node("MatMul", [cast(x, to: wide), cast(y, to: wide)], wide), to: x.element)
  }

  func convolution(_ x: Exported, _ w: Exported, _ op: OpID) throws -> Exported {
    let element = x.element
    if element.isFloat {
      let wide = try carrier(element, of: "Conv")
      return cast(node("Conv", [cast(x, to: wide), cast(w, to: wide)], convolutionAttributes(op), wide), to: element)
    }
    if element.byteCount == 1 {
      return cast(node("ConvInteger", [x, w], convolutionAttributes(op), .s32), to: element)
    }
    throw Inexpressible("ONNX has no convolution of integers of more than 8 bits")
  }

  func convolutionAttributes(_ op: OpID) -> KeyValuePairs<String, ModelWriter.Attribute> {
    let axes = operandType(0, op).rank - 2
    func list(_ name: String, _ otherwise: Int, _ count: Int) -> ModelWriter.Attribute {
      let given = ints(name, op)
      return .ints(given.isEmpty ? Array(repeating: otherwise, count: count) : given)
    }
    return [
      "strides": list("strides", 1, axes), "pads": list("pads", 0, 2 * axes), "dilations": list("dilations", 1, axes),
      "group": .int(int("groups", op)),
    ]
  }
}
