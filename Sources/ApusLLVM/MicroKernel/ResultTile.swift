/// The block of a row-major matrix that a micro-kernel's sums come from and go to.
struct ResultTile {
  /// Address of the block's first element.
  let pointer: CodeValue
  /// Elements from one row to the next, an i64.
  let rowStride: CodeValue
  let element: CodeType

  func load(_ e: Emitter, _ cell: MicroKernel.Cell, lanes: Int) -> CodeValue {
    let type = element.vector(lanes)
    guard let mask = cell.mask else { return e.load(type, address(e, cell)) }
    return e.load(type, address(e, cell), mask: mask, other: e.zero(type))
  }

  func store(_ e: Emitter, _ cell: MicroKernel.Cell, _ value: CodeValue) {
    if let mask = cell.mask {
      e.store(value, address(e, cell), mask: mask)
    } else {
      e.store(value, address(e, cell))
    }
  }

  private func address(_ e: Emitter, _ cell: MicroKernel.Cell) -> CodeValue {
    let row = e.offset(pointer, element, by: e.mul(rowStride, e.index(cell.row)))
    return e.offset(row, element, by: cell.column)
  }
}
