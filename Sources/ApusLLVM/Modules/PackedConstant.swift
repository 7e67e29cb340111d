import ApusIR
import ApusSupport
import ApusTensor

extension ConstantTensor {
  /// The bytes in the order of a layout, padding zero; the constant itself without one.
  ///
  /// Throws what the making of a tensor throws.
  func packed(as layout: Layout?) throws -> ConstantTensor {
    guard let layout, !tensor.shape.isEmpty else { return self }
    let order = PackingOrder(tensor.shape, layout)
    var packed = try Tensor.zeros(tensor.elementType, shape: order.extents)
    packed.withUnsafeMutableBytes { target in
      tensor.withUnsafeBytes { source in
        switch tensor.elementType.byteCount {
        case 1: order.copy(source, to: target, as: UInt8.self)
        case 2: order.copy(source, to: target, as: UInt16.self)
        case 4: order.copy(source, to: target, as: UInt32.self)
        case _: order.copy(source, to: target, as: UInt64.self)
        }
      }
    }
    tensor.leaveMemory()
    return ConstantTensor(packed)
  }
}

/// The order in which a layout holds the elements of a shape.
private struct PackingOrder {
  /// One entry of the layout: `extent` positions, each `step` indices of `axis` further.
  private struct Entry {
    let axis: Int
    let extent: Int
    let step: Int
  }

  private let shape: [Int]
  private let entries: [Entry]
  /// Elements between neighbours along each axis, in row-major order.
  private let strides: [Int]

  var extents: [Int] { entries.map(\.extent) }

  init(_ shape: [Int], _ layout: Layout) {
    self.shape = shape
    entries = layout.entries.map { entry in
      let size = shape[entry.axis]
      return switch entry.part {
      case .whole: Entry(axis: entry.axis, extent: size, step: 1)
      case .outer(let block): Entry(axis: entry.axis, extent: (size + block - 1) / block, step: block)
      case .inner(let block): Entry(axis: entry.axis, extent: block, step: 1)
      }
    }
    var strides = shape
    var next = 1
    for axis in shape.indices.reversed() {
      strides[axis] = next
      next *= shape[axis]
    }
    self.strides = strides
  }

  /// Writes the elements that exist, a run of the innermost entry at a time, and all runs along a whole axis in a row.
  func copy<Element: BitwiseCopyable>(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer, as _: Element.Type
  ) {
    guard let inner = entries.last, extents.allSatisfy({ $0 > 0 }) else { return }
    let size = MemoryLayout<Element>.size
    let step = strides[inner.axis] * inner.step
    // The entry before the innermost, where it is all of another axis.
    var row = Entry(axis: inner.axis, extent: 1, step: 0)
    if let entry = entries.dropLast().last, entry.axis != inner.axis, entry.extent == shape[entry.axis] { row = entry }
    let pitch = row.step == 0 ? 0 : strides[row.axis]
    let outer = row.step == 0 ? entries.count - 1 : entries.count - 2
    var index = Array(repeating: 0, count: shape.count)
    var counter = Array(repeating: 0, count: entries.count)
    var place = 0
    repeat {
      if shape.indices.allSatisfy({ index[$0] < shape[$0] }) {
        let count = min(inner.extent, (shape[inner.axis] - index[inner.axis] + inner.step - 1) / inner.step)
        var from = 0
        for axis in shape.indices { from += index[axis] * strides[axis] }
        for line in 0..<row.extent {
          let (start, end) = (from + line * pitch, place + line * inner.extent)
          for run in 0..<count {
            let element = source.loadUnaligned(fromByteOffset: (start + run * step) * size, as: Element.self)
            target.storeBytes(of: element, toByteOffset: (end + run) * size, as: Element.self)
          }
        }
      }
      place += row.extent * inner.extent
    } while advance(&counter, &index, outer)
  }

  /// Steps along the first `outer` entries; false after the last.
  private func advance(_ counter: inout [Int], _ index: inout [Int], _ outer: Int) -> Bool {
    for position in (0..<outer).reversed() {
      let entry = entries[position]
      counter[position] += 1
      index[entry.axis] += entry.step
      if counter[position] < entry.extent { return true }
      index[entry.axis] -= isPlanted(.secondPanelsAreMissing) ? 0 : entry.extent * entry.step
      counter[position] = 0
    }
    return false
  }
}
