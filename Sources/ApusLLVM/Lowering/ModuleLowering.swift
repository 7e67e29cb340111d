import ApusIR
import ApusSupport
import ApusTarget
import ApusTensor
internal import CLLVM

/// Generates the code of a module's functions into one LLVM module, and collects what it needs around it.
final class ModuleLowering {
  let module: Module
  let e: Emitter
  let runtime: RuntimeCalls
  /// Set before each symbol that the module defines or needs.
  let prefix: String

  private(set) var constants: [CompiledModule.Constant] = []
  private(set) var sites: [CompiledModule.Site] = []
  private(set) var customOperations: [String] = []

  private var constantIndices: [ConstantTensor: Int] = [:]
  private var siteIndices: [CompiledModule.Site: Int] = [:]
  private var nameCount = 0
  private let overlaps: OverlappingParameters

  init(_ module: Module, for machine: Machine, prefix: String) throws(DiagnosticError) {
    self.module = module
    self.prefix = prefix
    e = Emitter(prefix, for: try TargetMachine(machine))
    runtime = RuntimeCalls(e: e)
    overlaps = OverlappingParameters(module)
  }

  /// Generates a function as an `apus_kernel`.
  func lower(_ function: Function) {
    e.function(symbol(function.name), runtime.kernelParameters) { code in
      let p = code.parameters
      let (scopes, count) = scopes(of: function)
      let lowering = FunctionLowering(
        self, function, context: p[0], sizes: p[2], buffers: p[1],
        aliases: AliasScopes(e, domain: function.name, count: count), scopes: scopes)
      for (index, parameter) in function.parameters.enumerated() {
        let slot = e.offset(p[1], e.types.pointer, by: index)
        lowering.bind(parameter, e.load(e.types.pointer, slot))
      }
      e.beginBody()
      lowering.lower(function.entry)
    }
  }

  /// The compiled form of a function, defined or still to be.
  func kernel(_ name: String) -> CodeFunction {
    let symbol = symbol(name)
    return e.definedFunction(symbol, runtime.kernelParameters) ?? e.declare(symbol, runtime.kernelParameters)
  }

  func symbol(_ name: String) -> String { prefix + name }

  /// A name for a function that only this module calls.
  func newName(_ stem: String) -> String {
    nameCount += 1
    return "\(prefix)\(stem).\(nameCount)"
  }
}

// MARK: - What stands beside the code

extension ModuleLowering {
  /// Bytes up to which a constant becomes part of the code.
  private static let mostInlineBytes = 1024

  /// The address of a buffer's constant: small ones lie in the object, others are external symbols, so that weights
  /// are not copied.
  func constant(_ op: OpID, of function: Function) -> CodeValue {
    let type = function.type(of: function.result(of: op))
    guard let constant = try? constantTensor(op, of: function, type).packed(as: type.layout) else {
      preconditionFailure("a constant of @\(function.name) does not fit in memory")
    }
    if constant.tensor.byteCount <= Self.mostInlineBytes {
      return constant.tensor.withUnsafeBytes { e.constantData([UInt8]($0), alignment: 64) }
    }
    let index = constantIndices[constant] ?? constants.count
    if index == constants.count {
      constantIndices[constant] = index
      constants.append(CompiledModule.Constant(symbol: symbol("constant.\(index)"), value: constant))
    }
    return e.externalData(constants[index].symbol)
  }

  private func constantTensor(_ op: OpID, of function: Function, _ type: TensorType) throws -> ConstantTensor {
    switch function.attribute("value", of: op) {
    case .tensor(let tensor)?: return tensor
    case .scalar(let scalar)?:
      guard let shape = type.constantShape else {
        preconditionFailure("a constant buffer in @\(function.name) has no constant size")
      }
      return ConstantTensor(try Tensor(repeating: scalar, type.element, shape: shape))
    case _: preconditionFailure("a constant without a value in @\(function.name)")
    }
  }

  /// The index of a place where a run can fail.
  func site(_ reason: CompiledModule.Site.Reason, _ op: OpID, of function: Function) -> Int {
    let site = CompiledModule.Site(reason: reason, locations: function.places(of: op))
    if let known = siteIndices[site] { return known }
    siteIndices[site] = sites.count
    sites.append(site)
    return sites.count - 1
  }

  /// The index of a custom op in the executable's table.
  func customOperation(_ name: String) -> Int {
    if let known = customOperations.firstIndex(of: name) { return known }
    customOperations.append(name)
    return customOperations.count - 1
  }

  /// One scope for each root of memory, parameters that some caller gives the same memory sharing one.
  private func scopes(of function: Function) -> (scopes: [ValueID: AliasScope], count: Int) {
    var scopes: [ValueID: AliasScope] = [:]
    var next = 0
    let groups = overlaps.groups(of: function)
    var ofGroup: [Int: AliasScope] = [:]
    func new() -> AliasScope {
      next += 1
      return AliasScope(index: next - 1)
    }
    for (parameter, group) in zip(function.parameters, groups) {
      let scope = ofGroup[group] ?? new()
      ofGroup[group] = scope
      scopes[parameter] = scope
    }
    function.forEachOp { op in
      switch function.opcode(of: op) {
      case .scratch: scopes[function.result(of: op)] = new()
      case .constant where function.type(of: function.result(of: op)).form == .buffer:
        scopes[function.result(of: op)] = new()
      case _: break
      }
    }
    return (scopes, next)
  }
}

extension Function {
  /// Where an op came from, as places in the source.
  fileprivate func places(of op: OpID) -> [Place] {
    func places(_ location: Location) -> [Place] {
      switch location {
      case .unknown: []
      case .place(let place): [place]
      case .merged(let parts): parts.flatMap { places(self.location($0)) }
      }
    }
    return places(location(of: op))
  }
}
