import ApusSupport

/// Names a function of a module.
public struct FunctionID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// Functions that may call each other by name. The first one is what runs unless another is asked for.
public struct Module: Sendable {
  public private(set) var functions: [Function] = []
  private var byName: [String: FunctionID] = [:]

  public init() {}

  public init(_ function: Function) { add(function) }

  public subscript(id: FunctionID) -> Function {
    _read { yield functions[id.index] }
    _modify { yield &functions[id.index] }
  }

  public var ids: [FunctionID] { functions.indices.map { FunctionID($0) } }

  public func find(_ name: String) -> FunctionID? { byName[name] }

  /// Adds a function; its name must be new.
  @discardableResult
  public mutating func add(_ function: Function) -> FunctionID {
    precondition(byName[function.name] == nil, "two functions called @\(function.name)")
    let id = FunctionID(functions.count)
    functions.append(function)
    byName[function.name] = id
    return id
  }

  /// Keeps only the functions for which `isIncluded` holds, in order.
  public mutating func keep(where isIncluded: (Function) -> Bool) {
    functions = functions.filter(isIncluded)
    byName = Dictionary(uniqueKeysWithValues: functions.enumerated().map { ($1.name, FunctionID($0)) })
  }
}
