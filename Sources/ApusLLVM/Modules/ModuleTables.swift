import ApusIR
import ApusSupport
import ApusTensor

/// What stands beside the code of a module, numbered before any code is generated, so that parts that are compiled
/// apart agree on the numbers.
struct ModuleTables {
  /// What a `constant` op that yields a buffer reads.
  enum BufferConstant {
    /// Small: part of the code.
    case inline(ConstantTensor)
    /// An index in `constants`.
    case external(Int)
  }

  private(set) var constants: [ConstantTensor] = []
  private(set) var sites: [CompiledModule.Site] = []
  private(set) var customOperations: [String] = []

  private var constantOf: [Key: BufferConstant] = [:]
  private var siteOf: [Key: Int] = [:]

  /// An op of one of the module's functions.
  private struct Key: Hashable {
    let function: String
    let op: OpID
  }

  /// A constant with its layout, as it is looked up.
  private struct Packed: Hashable {
    let value: ConstantTensor
    let layout: Layout?
  }

  /// Bytes up to which a constant becomes part of the code.
  private static let mostInlineBytes = 1024

  init(_ module: Module) {
    var packed: [Packed: BufferConstant] = [:]
    var siteIndices: [CompiledModule.Site: Int] = [:]
    for function in module.functions {
      function.forEachOp { op in
        let key = Key(function: function.name, op: op)
        switch function.opcode(of: op) {
        case .constant:
          let type = function.type(of: function.result(of: op))
          guard type.form == .buffer else { return }
          let constant = Packed(value: function.constantTensor(op), layout: type.layout)
          let known = packed[constant] ?? add(constant)
          packed[constant] = known
          constantOf[key] = known
        case .assert, .checkIndex, .alloc, .while, .if, .customCall:
          if function.opcode(of: op) == .customCall { add(customOperation: function.string("name", of: op)) }
          guard function.canFail(op) else { return }
          let site = function.site(op)
          let index = siteIndices[site] ?? sites.count
          if index == sites.count { sites.append(site) }
          siteIndices[site] = index
          siteOf[key] = index
        case _: return
        }
      }
    }
  }

  func constant(_ op: OpID, of function: Function) -> BufferConstant {
    guard let constant = constantOf[Key(function: function.name, op: op)] else {
      preconditionFailure("a constant of @\(function.name) is no buffer")
    }
    return constant
  }

  /// The number under which an op fails.
  func site(_ op: OpID, of function: Function) -> Int {
    guard let site = siteOf[Key(function: function.name, op: op)] else {
      preconditionFailure("an op of @\(function.name) that cannot fail does")
    }
    return site
  }

  func customOperation(_ name: String) -> Int {
    guard let index = customOperations.firstIndex(of: name) else {
      preconditionFailure("custom op '\(name)' is not in the module")
    }
    return index
  }

  private mutating func add(customOperation name: String?) {
    guard let name, !customOperations.contains(name) else { return }
    customOperations.append(name)
  }

  private mutating func add(_ constant: Packed) -> BufferConstant {
    guard let value = try? constant.value.packed(as: constant.layout) else {
      preconditionFailure("a packed constant does not fit in memory")
    }
    if value.tensor.byteCount <= Self.mostInlineBytes { return .inline(value) }
    constants.append(value)
    return .external(constants.count - 1)
  }
}

extension Function {
  /// The value of a `constant` op that yields a buffer.
  fileprivate func constantTensor(_ op: OpID) -> ConstantTensor {
    let type = type(of: result(of: op))
    switch attribute("value", of: op) {
    case .tensor(let tensor)?: return tensor
    case .scalar(let scalar)?:
      guard let shape = type.constantShape,
        let tensor = try? Tensor(repeating: scalar, type.element, shape: shape)
      else {
        preconditionFailure("a constant buffer in @\(name) has no constant size")
      }
      return ConstantTensor(tensor)
    case _: preconditionFailure("a constant without a value in @\(name)")
    }
  }

  /// Whether the op checks something: itself, or the bounds of sizes that it defines.
  fileprivate func canFail(_ op: OpID) -> Bool {
    if [.assert, .checkIndex].contains(opcode(of: op)) { return true }
    if opcode(of: op) == .alloc, operandCount(of: op) == 0 { return false }
    let values = results(of: op) + regions(of: op).flatMap { parameters(of: $0) }
    return values.contains { value in
      type(of: value).dims.contains { $0.symbolID.map { symbols[$0].isCheckedWhenDefined } ?? false }
    }
  }

  fileprivate func site(_ op: OpID) -> CompiledModule.Site {
    let reason: CompiledModule.Site.Reason =
      switch opcode(of: op) {
      case .assert: .assertion(string("message", of: op) ?? "")
      case .checkIndex: .indexRange
      case _: .sizeBounds
      }
    return CompiledModule.Site(reason: reason, locations: places(location(of: op)))
  }

  /// A location as places in the source.
  private func places(_ location: Location) -> [Place] {
    switch location {
    case .unknown: []
    case .place(let place): [place]
    case .merged(let parts): parts.flatMap { places(self.location($0)) }
    }
  }
}
