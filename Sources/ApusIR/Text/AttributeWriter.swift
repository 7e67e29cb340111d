import ApusTensor

extension AttributeInfo.Kind {
  /// Axes are written even where they equal the default, which may depend on the rank.
  var isAxis: Bool {
    switch self {
    case .axis, .axes: true
    case .int, .float, .bool, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule, .name:
      false
    }
  }
}

extension TypeWriter {
  mutating func write(_ attribute: Attribute, _ kind: AttributeInfo.Kind) {
    switch attribute {
    case .int(let value) where kind == .float: text += ScalarText.text(.float(Double(value)), .f64)
    case .int(let value): text += String(value)
    case .float(let value): text += ScalarText.text(.float(value), .f64)
    case .bool(let value): text += value ? "true" : "false"
    case .string(let value): text += NameText.quoted(value)
    case .name(let value): text += value
    case .ints(let values): writeList(values.map(String.init))
    case .floats(let values): writeList(values.map { ScalarText.text(.float($0), .f64) })
    case .dims(let values):
      text += "["
      write(values)
      text += "]"
    case .elementType(let value): text += value.name
    case .function(let value): text += "@\(NameText.name(value))"
    case .scalar(let value): text += ScalarText.text(value, value.widestType)
    case .tensor(let value): write(value.tensor)
    case .schedule(let value): write(value)
    }
  }

  private mutating func writeList(_ items: [String]) {
    text += "["
    text += items.joined(separator: ", ")
    text += "]"
  }

  /// The elements in brackets, one pair for each axis; `[]` where there are none.
  mutating func write(_ tensor: Tensor) {
    let shape = tensor.shape
    if shape.isEmpty {
      text += ScalarText.text(tensor.scalar(at: 0), tensor.elementType)
      return
    }
    if tensor.count == 0 {
      text += "[]"
      return
    }
    for index in 0..<tensor.count {
      if index > 0 { text += ", " }
      // A bracket opens for each axis whose row starts here, and closes for each that ends.
      var rows = 0
      var size = 1
      for extent in shape.reversed() {
        size *= extent
        if index % size != 0 { break }
        rows += 1
      }
      text += String(repeating: "[", count: rows)
      text += ScalarText.text(tensor.scalar(at: index), tensor.elementType)
      rows = 0
      size = 1
      for extent in shape.reversed() {
        size *= extent
        if (index + 1) % size != 0 { break }
        rows += 1
      }
      text += String(repeating: "]", count: rows)
    }
  }

  private mutating func write(_ schedule: Schedule) {
    var fields: [String] = []
    func add(_ name: String, _ values: [Int]) {
      if !values.isEmpty { fields.append("\(name): [\(values.map(String.init).joined(separator: ", "))]") }
    }
    add("tiles", schedule.tiles)
    add("order", schedule.order)
    add("block", schedule.registerBlock)
    if schedule.unroll != 1 { fields.append("unroll: \(schedule.unroll)") }
    if schedule.vectorLanes != 1 { fields.append("lanes: \(schedule.vectorLanes)") }
    var sides: [String] = []
    if schedule.packing.contains(.lhs) { sides.append("lhs") }
    if schedule.packing.contains(.rhs) { sides.append("rhs") }
    if !sides.isEmpty { fields.append("pack: [\(sides.joined(separator: ", "))]") }
    if let axis = schedule.parallelAxis { fields.append("parallel: \(axis)") }
    if schedule.grain != 1 { fields.append("grain: \(schedule.grain)") }
    text += "{\(fields.joined(separator: ", "))}"
  }
}

extension Scalar {
  /// The element type that holds every scalar of its case.
  fileprivate var widestType: ElementType {
    switch self {
    case .float: .f64
    case .signed: .s64
    case .unsigned: .u64
    case .bool: .bool
    }
  }
}
