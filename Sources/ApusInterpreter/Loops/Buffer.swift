import ApusIR
import ApusSupport
import ApusTensor

/// Memory under a type: every access is checked.
struct Buffer {
  let memory: BufferMemory
  /// Where the first element lies.
  let byteOffset: Int
  let element: ElementType
  let form: BufferForm

  /// Sizes of the axes that indices name.
  var shape: [Int] { form.shape }

  /// The bytes that the buffer takes of its memory.
  var byteCount: Int { form.count * element.byteCount }

  /// A view of memory that must be large enough.
  init(_ memory: BufferMemory, at byteOffset: Int, _ element: ElementType, _ form: BufferForm) {
    self.memory = memory
    self.byteOffset = byteOffset
    self.element = element
    self.form = form
    precondition(byteOffset >= 0 && byteOffset + byteCount <= memory.bytes.count, "a buffer beyond its memory")
  }

  /// Fresh memory whose contents are undefined.
  ///
  /// Throws `limit.memory`.
  init(_ element: ElementType, _ form: BufferForm, isWritable: Bool = true, _ budget: Budget) throws {
    try budget.admit(element, shape: [form.count])
    let memory = BufferMemory(byteCount: form.count * element.byteCount, isWritable: isWritable, budget: budget)
    self.init(memory, at: 0, element, form)
  }

  init(zeros element: ElementType, _ form: BufferForm, _ budget: Budget) throws {
    try self.init(element, form, budget)
    memory.fill(0..<byteCount, with: 0)
  }

  /// A copy of a tensor; padding of the layout is zero.
  ///
  /// Throws `limit.memory`.
  init(_ tensor: Tensor, layout: Layout?, isWritable: Bool = true, _ budget: Budget) throws {
    try self.init(tensor.elementType, BufferForm(tensor.shape, layout), isWritable: isWritable, budget)
    memory.fill(0..<byteCount, with: 0)
    tensor.withUnsafeBytes { source in
      if layout == nil {
        memory.bytes.copyMemory(from: source)
        return
      }
      form.forEachElement { linear, offset in
        UnsafeMutableRawBufferPointer(rebasing: memory.bytes[slot(offset)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[slot(linear)]))
      }
    }
  }

  /// The elements in row-major order.
  func contents() throws -> Tensor {
    var tensor = try Tensor.uninitialized(element, shape: shape)
    tensor.withUnsafeMutableBytes { target in
      form.forEachElement { linear, offset in
        UnsafeMutableRawBufferPointer(rebasing: target[slot(linear)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.bytes[memorySlot(offset)]))
      }
    }
    return tensor
  }

  /// The offset of an element, in elements.
  ///
  /// Throws `loops.bounds`.
  func offset(of index: [Int]) throws -> Int {
    precondition(index.count == shape.count, "\(index.count) indices for a buffer of rank \(shape.count)")
    for axis in index.indices where index[axis] < 0 || index[axis] >= form.extents[axis] {
      throw DiagnosticError(
        id: "loops.bounds",
        "index \(index) is outside a buffer \(element)\(shape): axis \(axis) ends at \(form.extents[axis])")
    }
    return form.offset(of: index)
  }

  /// The offsets of `count` elements from `index` on, `stride` apart along an axis.
  ///
  /// Throws `loops.bounds`.
  func offsets(of index: [Int], along axis: Int, stride: Int, count: Int) throws -> [Int] {
    var index = index
    var found: [Int] = []
    found.reserveCapacity(count)
    for _ in 0..<count {
      found.append(try offset(of: index))
      index[axis] += stride
    }
    return found
  }

  /// The elements at `offsets`, followed by zeros up to `count`.
  func load(_ offsets: [Int], count: Int) -> Elements {
    let size = element.byteCount
    return withUnsafeTemporaryAllocation(byteCount: count * size, alignment: 8) { gathered in
      _ = gathered.initializeMemory(as: UInt8.self, repeating: 0)
      for (lane, offset) in offsets.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: gathered[slot(lane)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.bytes[memorySlot(offset)]))
      }
      return Elements(UnsafeRawBufferPointer(gathered), as: element, count: count)
    }
  }

  /// Writes the first elements to `offsets`.
  ///
  /// Throws `loops.read-only` for a constant.
  func store(_ elements: Elements, to offsets: [Int]) throws {
    guard memory.isWritable else { throw DiagnosticError(id: "loops.read-only", "a store into a constant") }
    withUnsafeTemporaryAllocation(byteCount: elements.count * element.byteCount, alignment: 8) { scattered in
      elements.store(to: scattered, as: element)
      for (lane, offset) in offsets.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: memory.bytes[memorySlot(offset)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: scattered[slot(lane)]))
      }
    }
  }

  private func slot(_ index: Int) -> Range<Int> {
    (index * element.byteCount)..<((index + 1) * element.byteCount)
  }

  private func memorySlot(_ offset: Int) -> Range<Int> {
    let start = byteOffset + offset * element.byteCount
    return start..<(start + element.byteCount)
  }
}

/// Where the elements of a shape lie under a layout.
struct BufferForm {
  let shape: [Int]
  /// Legal indices end here: sizes rounded up to the blocks of the layout.
  let extents: [Int]
  /// Elements in memory, padding included.
  let count: Int
  private let terms: [Term]

  /// What the index along an axis adds to an offset: (index / divisor) mod modulus · stride.
  private struct Term {
    var axis: Int
    var divisor: Int
    var modulus: Int
    var stride: Int
  }

  init(_ shape: [Int], _ layout: Layout?) {
    var extents = shape
    var terms: [Term] = []
    var stride = 1
    let entries = layout?.entries ?? shape.indices.map { Layout.Entry($0) }
    for entry in entries.reversed() {
      var size = shape[entry.axis]
      var divisor = 1
      switch entry.part {
      case .whole: break
      case .outer(let block):
        size = (size + block - 1) / block
        divisor = block
        extents[entry.axis] = size * block
      case .inner(let block):
        size = block
      }
      terms.append(Term(axis: entry.axis, divisor: divisor, modulus: max(size, 1), stride: stride))
      stride *= size
    }
    self.shape = shape
    self.extents = extents
    self.terms = terms
    count = stride
  }

  /// The offset of an element within the extents.
  func offset(of index: [Int]) -> Int {
    var total = 0
    for term in terms { total += index[term.axis] / term.divisor % term.modulus * term.stride }
    return total
  }

  /// Calls `body` with the row-major number and the offset of each element.
  func forEachElement(_ body: (_ linear: Int, _ offset: Int) -> Void) {
    let strides = rowMajorStrides(shape)
    for linear in 0..<elementCount(shape) {
      body(linear, offset(of: shape.indices.map { linear / strides[$0] % shape[$0] }))
    }
  }
}
