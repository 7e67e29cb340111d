import ApusIR
internal import ApusRuntimeABI

/// Sizes that data define: each symbol has a slot beside those of the arguments.
extension FunctionLowering {
  /// The axes of a value whose sizes it defines, with their symbols.
  func definedAxes(of value: ValueID) -> [(axis: Int, symbol: SymbolID)] {
    type(value).dims.enumerated().compactMap { axis, dim in
      dim.symbolID.flatMap { function.symbols[$0].origin == .value ? (axis, $0) : nil }
    }
  }

  /// The sizes along the axes that `definer` defines, of another value of that rank.
  func sizes(of value: ValueID, definedBy definer: ValueID) -> [CodeValue] {
    definedAxes(of: definer).map { self.value(of: type(value).dims[$0.axis]) }
  }

  /// Gives the symbols of a value's type their values, which are those of `definedAxes`.
  ///
  /// Ends the run with `size.bounds` at the site of `op` where one is outside of its bounds.
  func defineSizes(of value: ValueID, _ sizes: [CodeValue], at op: OpID) {
    for ((axis, symbol), size) in zip(definedAxes(of: value), sizes) {
      e.store(size, address(of: symbol))
      let row = function.symbols[symbol]
      guard row.isCheckedWhenDefined else { continue }
      let isBelow = e.compare(size, .less, e.index(max(row.bounds.lower ?? 0, 0)))
      let isAbove = e.compare(size, .greater, e.index(row.bounds.upper ?? .max))
      e.ifThen(e.or(isBelow, isAbove)) {
        let site = owner.tables.site(op, of: function)
        runtime.fail(context, Int(apus_status_guard_failed), site: site, size, e.index(axis))
        e.returnVoid()
      }
    }
  }
}

extension Symbol {
  /// Whether data may give the symbol a value that its bounds exclude.
  var isCheckedWhenDefined: Bool { origin == .value && (bounds.upper != nil || (bounds.lower ?? 0) > 0) }
}
