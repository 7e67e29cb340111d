import ApusIR
import ApusSupport
import ApusTensor

/// A comparison of sizes whose outcome is not known for all sizes. Among sizes it is the expression that is 1 where it holds
/// and 0 elsewhere, so that whatever computes with sizes computes with conditions on them as well.
struct SizeCondition {
  var relation: Obligation.Relation
  var lhs: Dim
  var rhs: Dim

  /// 1 where it holds, else 0.
  func indicator(_ n: NodeTranslation) throws -> Dim {
    switch relation {
    case .equal:
      let distance = try n.larger(n.difference(lhs, rhs), n.difference(rhs, lhs))
      return try n.difference(1, n.smaller(1, distance))
    case .lessOrEqual: return try n.smaller(1, n.larger(0, n.sum(n.difference(rhs, lhs), 1)))
    }
  }

  func text(_ symbols: SymbolTable, holds: Bool) -> String {
    let sign =
      switch relation {
      case .equal: holds ? "==" : "!="
      case .lessOrEqual: holds ? "<=" : ">"
      }
    return "\(symbols.text(lhs)) \(sign) \(symbols.text(rhs))"
  }
}

extension ModelImport {
  /// The value of a size that cannot stay open, from the shapes that the import has as examples: the module then holds for
  /// sizes with this value. nil where they do not say it, or where data decides on it.
  func settled(_ size: Dim, isCondition: Bool = false) -> Int? {
    if let known = size.constantValue ?? guards.value(of: size) { return known }
    if let opposite = try? Dim.difference(1, size), conditions[opposite] != nil {
      return settled(opposite, isCondition: isCondition).map { 1 - $0 }
    }
    let value = guards.value(of: size) { options.examples[$0] } ?? (isCondition ? options.assumption.map { $0 ? 1 : 0 } : nil)
    guard let value, guards.isDecided(size) else { return nil }
    let symbols = emitter.function.symbols
    let text = conditions[size]?.text(symbols, holds: value == 1) ?? "\(symbols.text(size)) == \(value)"
    guards.append(SizeGuards.Guard(size: size, value: value, text: text, place: emitter.place))
    return value
  }

  /// The numbers that sizes stand for, as `settled` says.
  func settled(_ sizes: SizeTensor) -> Tensor? {
    guard sizes.dims.count <= SizeTensor.maximumOpenCount else { return nil }
    let outer = guards
    let values = sizes.dims.compactMap { settled($0) }
    guard values.count == sizes.dims.count else {
      guards = outer
      return nil
    }
    return constant(of: SizeTensor(values.map { .constant($0) }, shape: sizes.shape, sizes.element).imported)
  }

  /// Has the module check what it takes for granted before anything else.
  func writeGuards() {
    guard !guards.list.isEmpty else { return }
    let outer = emitter.point
    if let first = emitter.function.ops(in: emitter.function.entry).first { emitter.point = .before(first) }
    defer { emitter.point = outer }
    for found in guards.list {
      emitter.place = found.place
      let message = "the model is compiled for sizes with \(found.text)"
      switch (conditions[found.size], found.value) {
      case (let condition?, 1):
        emitter.require(Obligation(condition.relation, condition.lhs, condition.rhs, id: "onnx.guard", message: message))
      default: emitter.require(Obligation(.equal, found.size, .constant(found.value), id: "onnx.guard", message: message))
      }
    }
    // What follows from a guard must not be complained about before it.
    let obligations = emitter.function.obligations
    emitter.function.obligations = obligations.filter { $0.id == "onnx.guard" } + obligations.filter { $0.id != "onnx.guard" }
  }
}
