import ApusIR
import ApusTensor

/// A change of types everywhere in a module: of what is stated; what follows from it is inferred.
struct TypeChange {
  /// What sizes become.
  var sizes: [Int: Int] = [:]
  /// What the symbols of the first function become.
  var symbols: [SymbolID: Dim] = [:]
  var elements: [ElementType: ElementType] = [:]
  /// An axis of size 1 that every type of a rank loses.
  var dropped: (rank: Int, axis: Int)?
  /// Whether numbers in attributes are taken to be sizes.
  var changesAttributes = false

  /// The same for a function whose symbols are its own.
  var withoutSymbols: TypeChange {
    var change = self
    change.symbols = [:]
    return change
  }

  func dim(_ dim: Dim) -> Dim {
    if case .constant(let size) = dim { return .constant(sizes[size] ?? size) }
    if symbols.isEmpty { return dim }
    return (try? dim.substituting { symbols[$0] ?? .symbol($0) }) ?? dim
  }

  func element(_ element: ElementType) -> ElementType { elements[element] ?? element }

  func type(_ type: TensorType) -> TensorType {
    var dims = type.dims.map(dim)
    if let dropped, dims.count == dropped.rank, dims[dropped.axis] == 1 { dims.remove(at: dropped.axis) }
    return TensorType(element(type.element), dims, form: type.form, layout: type.layout)
  }

  /// - Parameter info: what the op declares of the attribute.
  /// - Parameter ranks: the ranks of the op's operands.
  func attribute(_ entry: NamedAttribute, _ info: AttributeInfo?, ranks: [Int]) -> NamedAttribute {
    var entry = entry
    switch entry.value {
    case .dims(let dims): entry.value = .dims(changesAttributes ? dims.map(dim) : dims.map(replacingSymbols))
    case .elementType(let type): entry.value = .elementType(element(type))
    case .int(let value):
      if case .axis? = info?.kind { entry.value = .int(axis(value, ranks)) } else if changesAttributes {
        entry.value = .int(sizes[value] ?? value)
      }
    case .ints(let values):
      if case .axes? = info?.kind { entry.value = .ints(axes(values, ranks)) } else if changesAttributes {
        entry.value = .ints(values.map { sizes[$0] ?? $0 })
      }
    case .float, .floats, .bool, .string, .name, .function, .scalar, .tensor, .schedule: break
    }
    return entry
  }

  private func replacingSymbols(_ dim: Dim) -> Dim { dim.constantValue == nil ? self.dim(dim) : dim }

  private func axis(_ axis: Int, _ ranks: [Int]) -> Int {
    guard let dropped, ranks.first == dropped.rank else { return axis }
    return axis > dropped.axis ? axis - 1 : axis
  }

  private func axes(_ axes: [Int], _ ranks: [Int]) -> [Int] {
    guard let dropped, ranks.first == dropped.rank else { return axes }
    return axes.filter { $0 != dropped.axis }.map { $0 > dropped.axis ? $0 - 1 : $0 }
  }
}

extension ConstantTensor {
  /// The constant under another type: what it has more along an axis is cut off, what it lacks is repeated.
  ///
  /// Returns `nil` where the sizes are not known or too many.
  func fitted(to type: TensorType) -> ConstantTensor? {
    guard let shape = type.constantShape, shape.allSatisfy({ $0 >= 0 }), let count = Self.count(shape),
      var fitted = try? Tensor.zeros(type.element, shape: shape)
    else { return nil }
    guard tensor.count > 0, count > 0 else { return ConstantTensor(fitted) }
    // Axes that are gone were of size 1.
    let old = tensor.shape.count == shape.count ? tensor.shape : nil
    for index in 0..<count {
      var (rest, source, stride) = (index, 0, 1)
      if let old {
        for axis in shape.indices.reversed() {
          source += (rest % shape[axis]) % old[axis] * stride
          rest /= shape[axis]
          stride *= old[axis]
        }
      } else {
        source = index % tensor.count
      }
      fitted.setScalar(tensor.scalar(at: source).converted(to: type.element), at: index)
    }
    return ConstantTensor(fitted)
  }

  private static func count(_ shape: [Int]) -> Int? {
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow || product > 1 << 24 { return nil }
      count = product
    }
    return count
  }
}
