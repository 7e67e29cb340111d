import ApusSupport

extension Function {
  /// Checks an op against its declaration, infers its result types and inserts it.
  ///
  /// Sizes that must agree but may not are recorded in `obligations`, to be guarded at run time.
  /// - Parameter stated: the result types, where the declaration leaves them open.
  @discardableResult
  public mutating func append(
    _ code: OpCode, _ operands: [ValueID], attributes: [NamedAttribute] = [], stated: [TensorType]? = nil,
    at point: InsertionPoint, location: LocationID = .none
  ) throws(InferenceError) -> OpID {
    let inferred = try infer(
      code, operands: operands.map { type(of: $0) }, attributes: attributes, stated: stated, symbols: &symbols)
    for obligation in inferred.obligations { require(obligation) }
    return insert(
      code, operands, attributes: inferred.attributes, results: inferred.results, at: point, location: location)
  }

  /// `append` for an op with one result, at the end of a block (the function's, unless told).
  public mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], stated: TensorType? = nil,
    in block: BlockID? = nil, location: LocationID = .none
  ) throws(InferenceError) -> ValueID {
    let op = try append(
      code, operands, attributes: attributes, stated: stated.map { [$0] }, at: .end(of: block ?? entry),
      location: location)
    return result(of: op)
  }
}
