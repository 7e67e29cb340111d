import ApusIR

/// Where a value of the IR is while code is generated.
enum LoweredValue {
  /// Lanes in a register: f16 and bf16 as their bits, so that moving one keeps every bit; bool as `i1`.
  case register(CodeValue)
  case buffer(Buffer)
}

/// Memory under a type.
struct Buffer {
  let type: TensorType
  /// Address of the first element.
  let pointer: CodeValue
  /// What it can overlap with; see `AliasScopes`.
  let scope: AliasScope?
  /// Elements from one step of each entry of the layout to the next, as i64.
  let strides: [CodeValue]
}
