import ApusIR
import ApusTensor

/// Generates the code of one function of phase `loops`, or of one parallel loop's body, which becomes a function of
/// its own.
final class FunctionLowering {
  let owner: ModuleLowering
  let function: Function
  /// `apus_context *`.
  let context: CodeValue
  /// The values of the function's symbols, in the order of its table.
  let sizes: CodeValue
  /// `void **`: the parameters, then room for the buffers that are returned. Bodies of parallel loops have none.
  let buffers: CodeValue?
  let aliases: AliasScopes
  /// The scopes of parameters and of ops that make memory.
  let scopes: [ValueID: AliasScope]

  var places: [LoweredValue?]
  var sizeValues: [Dim: CodeValue] = [:]
  /// Lanes that exist, while an epilogue runs at the edge of a result.
  var edge: (mask: CodeValue, lanes: Int)?
  /// Where arguments of calls are laid out.
  var callArea: CallArea?
  /// Bytes of stack given to `scratch` so far.
  var stackBytes = 0

  var e: Emitter { owner.e }
  var runtime: RuntimeCalls { owner.runtime }

  init(
    _ owner: ModuleLowering, _ function: Function, context: CodeValue, sizes: CodeValue, buffers: CodeValue?,
    aliases: AliasScopes, scopes: [ValueID: AliasScope]
  ) {
    self.owner = owner
    self.function = function
    self.context = context
    self.sizes = sizes
    self.buffers = buffers
    self.aliases = aliases
    self.scopes = scopes
    places = Array(repeating: nil, count: function.valueCapacity)
  }
}

// MARK: - Values

extension FunctionLowering {
  func place(_ value: ValueID) -> LoweredValue {
    guard let place = places[value.index] else {
      preconditionFailure("a value of @\(function.name) is used before it is defined")
    }
    return place
  }

  func register(_ value: ValueID) -> CodeValue {
    guard case .register(let lanes) = place(value) else {
      preconditionFailure("an operand in @\(function.name) is a buffer instead of a register")
    }
    return lanes
  }

  func buffer(_ value: ValueID) -> Buffer {
    guard case .buffer(let buffer) = place(value) else {
      preconditionFailure("an operand in @\(function.name) is a register instead of a buffer")
    }
    return buffer
  }

  func type(_ value: ValueID) -> TensorType { function.type(of: value) }

  /// Binds a value to what stands for it: its lanes, or the address of its memory.
  func bind(_ value: ValueID, _ code: CodeValue, scope: AliasScope? = nil) {
    let type = function.type(of: value)
    switch type.form {
    case .register: places[value.index] = .register(code)
    case .buffer:
      places[value.index] = .buffer(
        Buffer(type: type, pointer: code, scope: scope ?? scopes[value], strides: strides(of: type)))
    case .tensor: preconditionFailure("a tensor reached code generation in @\(function.name)")
    }
  }

  /// What stands for a value as one value of generated code.
  func code(_ value: ValueID) -> CodeValue {
    switch place(value) {
    case .register(let lanes): lanes
    case .buffer(let buffer): buffer.pointer
    }
  }

  /// The type of a register's lanes.
  func codeType(_ type: TensorType) -> CodeType { e.registerType(type.element).vector(type.lanes) }

  func int(_ name: String, _ op: OpID) -> Int {
    guard let value = function.int(name, of: op) else { preconditionFailure("\(name) of an op is missing") }
    return value
  }

  /// The constant that an index register is known to hold.
  func constantIndex(_ value: ValueID) -> Int? {
    guard let op = function.definingOp(of: value) else { return nil }
    switch (function.opcode(of: op), function.attribute("value", of: op)) {
    case (.constant, .scalar(.signed(let known))?): return Int(known)
    case (_, _): return nil
    }
  }
}

// MARK: - Blocks

extension FunctionLowering {
  /// Generates a block and returns what its `yield` or `continue` names.
  @discardableResult
  func lower(_ block: BlockID) -> [CodeValue] {
    for op in function.ops(in: block) {
      switch function.opcode(of: op) {
      case .yield, .continue: return function.operands(of: op).map { code($0) }
      case _: lower(op)
      }
    }
    return []
  }

  /// Leaves the current function where the call has failed or is to stop.
  func returnIfStopped() {
    e.ifThen(e.compare(runtime.stopWord(context), .notEqual, e.index(0))) { e.returnVoid() }
  }
}

extension Emitter {
  /// The type of one lane of a register: as in memory, but `i1` for bool and floats as such.
  func registerType(_ element: ElementType) -> CodeType {
    switch element {
    case .f16, .bf16: types.i16
    case .f32, .f64, .bool, .s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64: computeType(element)
    }
  }
}
