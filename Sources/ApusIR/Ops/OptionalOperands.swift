extension Function {
  /// The operands of an op whose last ones may be left out. Operands are told apart by their position, so one that
  /// is left out ends the list: throws `op.operands` when another follows it.
  static func operands(_ required: [ValueID], optional: [ValueID?], of code: OpCode) throws(InferenceError)
    -> [ValueID]
  {
    let given = optional.prefix { $0 != nil }.compactMap { $0 }
    if let position = optional[given.count...].firstIndex(where: { $0 != nil }) {
      let names = code.info.operands.dropFirst(required.count).map(\.name)
      throw InferenceError(
        "op.operands", "\(code.name) cannot take `\(names[position])` without `\(names[given.count])`")
    }
    return required + given
  }
}
