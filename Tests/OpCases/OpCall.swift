import ApusFuzz
import ApusIR
import ApusSupport
import ApusTensor

/// A case of an op over chosen element types.
public struct OpCall: Sendable {
  public let info: OpInfo
  /// The element type of each type variable of the declaration.
  public let types: [String: ElementType]
  public let shapes: [[Int]]
  public let attributes: [NamedAttribute]
  /// The result's type, where the declaration leaves it open.
  public let stated: TensorType?

  /// Nothing where the op's rules forbid these element types together.
  public init?(_ info: OpInfo, _ each: OpCase, _ types: [String: ElementType]) {
    let (source, target) = (types["T"], types["U"])
    if info.code == .bitcast, source?.byteCount != target?.byteCount || (source == .bool) != (target == .bool) {
      return nil
    }
    if info.code == .randomBits, source.map({ $0.isInteger && !$0.isSignedInteger }) != true { return nil }
    self.info = info
    self.types = types
    shapes = each.shapes
    var attributes = each.attributes
    if info.code == .constant, let source { attributes = [NamedAttribute("value", .scalar(.one(source)))] }
    self.attributes = attributes
    if [.convert, .bitcast].contains(info.code), let target {
      stated = TensorType(target, each.shapes[0].map { .constant($0) })
    } else {
      stated = each.stated.flatMap { shape in source.map { TensorType($0, shape.map { .constant($0) }) } }
    }
  }

  /// The ops of phase `graph` that are called here; the others run other code, end a block or leave the module.
  public static let covered = OpInfo.all.filter { info in
    info.phases.contains(.graph) && !info.traits.contains(.terminator) && info.regions.isEmpty
      && ![.call, .customCall, .assert].contains(info.code)
  }

  /// Each way of giving the type variables of an op a type.
  public static func assignments(_ info: OpInfo) -> [[String: ElementType]] {
    info.typeVariables.reduce([[:]]) { partial, variable in
      partial.flatMap { known in
        variable.elementClass.members.map { known.merging([variable.name: $0]) { $1 } }
      }
    }
  }

  /// The declaration of an operand.
  public func declaration(_ operand: Int) -> OperandInfo { info.operands[min(operand, info.operands.count - 1)] }

  /// The element type of an operand.
  public func element(_ operand: Int) -> ElementType {
    switch declaration(operand).pattern.element {
    case .fixed(let type): type
    case .any: .f32
    case .variable(let name): types[name] ?? .f32
    }
  }

  /// Whether an operand holds indices into another.
  public func isIndex(_ operand: Int) -> Bool {
    guard case .variable(let name) = declaration(operand).pattern.element else { return false }
    return info.typeVariables.contains { $0.name == name && $0.elementClass == .index }
  }

  public var text: String {
    let operands = shapes.indices.map { "\(element($0))\(shapes[$0])" }.joined(separator: ", ")
    return "\(info.name)(\(operands))\(stated.map { " -> \($0.element)\($0.constantShape ?? [])" } ?? "")"
      + " \(attributes.map { "\($0.name): \($0.value)" })"
  }
}

/// Which sizes of a call's operands are symbols.
public enum OpenSizes: Sendable, CaseIterable {
  /// All over 1, equal ones the same.
  case all
  /// The first and the last axis of the first operand.
  case outer
  case none
}

extension OpCall {
  /// Adds the op to a function, with parameters for its operands, and returns its results.
  ///
  /// - Parameter tag: the beginning of the symbols' names.
  /// Throws `InferenceError` where the op is not valid, as with symbols for sizes that must be known.
  public func append(to function: inout Function, _ open: OpenSizes = .none, tag: String = "N") throws -> [ValueID] {
    var symbols: [Int: Dim] = [:]
    func symbol(_ number: Int) -> Dim {
      let made = symbols[number] ?? .symbol(function.symbols.append(Symbol(name: "\(tag)_\(number)")))
      symbols[number] = made
      return made
    }
    let operands = shapes.enumerated().map { index, shape in
      let dims = shape.enumerated().map { axis, size -> Dim in
        switch open {
        case .all where size > 1: symbol(size)
        case .outer where index == 0 && (axis == 0 || axis == shape.count - 1): symbol(axis)
        case .all, .outer, .none: .constant(size)
        }
      }
      return function.addParameter(TensorType(element(index), dims))
    }
    let result = stated.map { type in
      type.with(dims: (type.constantShape ?? []).map { open == .all ? symbols[$0] ?? .constant($0) : .constant($0) })
    }
    let op = try function.append(
      info.code, operands, attributes: attributes, stated: result.map { [$0] }, at: .end(of: function.entry))
    return function.results(of: op)
  }

  /// As many sizes as the op's rules allow to be symbols; `none` also where there is nothing to be left open.
  public var openSizes: OpenSizes {
    OpenSizes.allCases.first { open in
      var function = Function(name: "trial")
      return (try? append(to: &function, open)) != nil && function.symbols.count > 0
    } ?? .none
  }

  /// Values for the operands.
  public func inputs(_ values: OperandValues, seed: UInt64) -> [Tensor] {
    var generator = SplitMix64(seed: seed)
    return shapes.indices.map { operand in
      let element = element(operand)
      guard var tensor = try? Tensor.zeros(element, shape: shapes[operand]) else {
        preconditionFailure("small tensors fit")
      }
      // Valid for every axis of what is indexed.
      let limit = shapes[0].filter { $0 > 0 }.min() ?? 1
      for index in 0..<tensor.count {
        var value = values.draw(element, &generator)
        if isIndex(operand) { value = .signed(Int64.random(in: 0..<Int64(limit), using: &generator)) }
        if declaration(operand).name == "variance", case .float(let number) = value { value = .float(abs(number) + 1) }
        tensor.setScalar(value.converted(to: element), at: index)
      }
      return tensor
    }
  }
}

/// Where operands' values come from.
public enum OperandValues: Sendable, CaseIterable {
  /// Multiples of ¼ from −2 to 2, which every float has, and small integers.
  case moderate
  /// Everything else too: NaN, infinities, zeros of both signs, denormals, the ends of every range.
  case extreme

  func draw(_ element: ElementType, _ generator: inout SplitMix64) -> Scalar {
    if element == .bool { return .bool(Bool.random(using: &generator)) }
    if self == .extreme, Int.random(in: 0..<3, using: &generator) > 0 {
      let all = element.extremes
      return all[Int.random(in: 0..<all.count, using: &generator)]
    }
    let number = Int64.random(in: -8...8, using: &generator)
    return element.isFloat ? .float(Double(number) / 4) : .signed(abs(number) % 4)
  }
}
