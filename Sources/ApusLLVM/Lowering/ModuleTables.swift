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
        case .assert, .checkIndex:
          let site = function.site(op)
          let index = siteIndices[site] ?? sites.count
          if index == sites.count { sites.append(site) }
          siteIndices[site] = index
          siteOf[key] = index
        case .customCall:
          guard let name = function.string("name", of: op), !customOperations.contains(name) else { return }
          customOperations.append(name)
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

  fileprivate func site(_ op: OpID) -> CompiledModule.Site {
    let reason: CompiledModule.Site.Reason =
      opcode(of: op) == .assert ? .assertion(string("message", of: op) ?? "") : .indexRange
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
