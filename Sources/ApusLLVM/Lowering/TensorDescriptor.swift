import ApusIR
import ApusTensor
internal import ApusRuntimeABI

/// What an `apus_tensor` is filled with.
struct TensorParts {
  let type: TensorType
  let data: CodeValue
  let dims: [CodeValue]
}

/// An `apus_tensor` in an array of them.
struct TensorDescriptor {
  private let e: Emitter
  private let pointer: CodeValue

  init(_ e: Emitter, _ array: CodeValue, _ index: Int) {
    self.e = e
    pointer = e.offset(array, bytes: index * MemoryLayout<apus_tensor>.stride)
  }

  var data: CodeValue { e.load(e.types.pointer, field(\.data)) }
  func setData(_ data: CodeValue) { e.store(data, field(\.data)) }

  func extent(_ axis: Int) -> CodeValue { e.load(e.types.i64, dim(axis)) }
  func setExtent(_ axis: Int, _ extent: CodeValue) { e.store(extent, dim(axis)) }

  /// Writes every field, with extents in memory of the current function.
  func fill(_ parts: TensorParts) {
    let dims = e.stackSlot(e.types.i64, count: max(1, parts.dims.count))
    for (axis, extent) in parts.dims.enumerated() { e.store(extent, e.offset(dims, e.types.i64, by: axis)) }
    e.store(parts.data, field(\.data))
    e.store(dims, field(\.dims))
    e.store(e.int(Int(parts.type.element.rawValue), e.types.i32), field(\.element_type))
    e.store(e.int(parts.dims.count, e.types.i32), field(\.rank))
  }

  private func dim(_ axis: Int) -> CodeValue {
    e.offset(e.load(e.types.pointer, field(\.dims)), e.types.i64, by: axis)
  }

  private func field<Value>(_ path: KeyPath<apus_tensor, Value>) -> CodeValue {
    guard let offset = MemoryLayout<apus_tensor>.offset(of: path) else {
      preconditionFailure("a field of a C struct has an offset")
    }
    return e.offset(pointer, bytes: offset)
  }
}
