import ApusIR
import ApusSupport
import ApusTensor

/// One block of a contraction's sums as a function of its own, which all contractions of a module with the same block and
/// element types share: the inner loop with its dozen of registers is what takes LLVM milliseconds to compile.
///
/// A block that lacks rows repeats its last one, so that no variant with fewer rows is needed; one that lacks columns reads
/// padding where there is some, else it leaves those lanes out. What is computed for them is for the caller to drop.
struct ContractionTile {
  var block: RegisterBlock
  var accumulator: ElementType
  var left: ElementType
  var right: ElementType
  /// Elements from one step of the depth to the next, where that is known.
  var leftDepthStride: Int?
  var rightDepthStride: Int?
  /// Whether the lanes of the right operand lie side by side.
  var isRightContiguous: Bool
  /// Whether the right operand has nothing to read beyond its last column.
  var isMasked: Bool
  /// Where the taps of a channel lie in the right operand; empty where each step of the depth has a row of its own.
  var taps: [Int]

  /// What a call passes. Strides are in elements, i64.
  struct Arguments {
    var left: CodeValue
    var leftStrides: (row: CodeValue, depth: CodeValue)
    var right: CodeValue
    var rightStrides: (depth: CodeValue, column: CodeValue)
    var depth: CodeValue
    /// 1 … the block's rows.
    var rows: CodeValue
    /// 1 … the block's columns.
    var columns: CodeValue
    /// The sums to start from, whole rows of the block; nil for zeros.
    var initial: (pointer: CodeValue, rowStride: CodeValue)?
    /// Where the sums go, whole rows of the block.
    var out: (pointer: CodeValue, rowStride: CodeValue)
  }

  func call(_ arguments: Arguments, from code: FunctionLowering) {
    let e = code.e
    let x = arguments
    let initial = x.initial ?? (e.nullPointer, e.index(0))
    e.call(
      function(code),
      [
        x.left, x.leftStrides.row, x.leftStrides.depth, x.right, x.rightStrides.depth, x.rightStrides.column, x.depth, x.rows,
        x.columns, initial.pointer, initial.rowStride, x.out.pointer, x.out.rowStride,
      ])
  }
}

extension ContractionTile {
  private var name: String {
    let steps = [leftDepthStride, rightDepthStride].map { $0.map { ".\($0)" } ?? ".n" }.joined()
    return "apus.tile.\(block.rows)x\(block.vectors)x\(block.lanes)x\(block.unroll).\(accumulator).\(left).\(right)\(steps)"
      + (isRightContiguous ? "" : ".scattered")
      + (isMasked && !isPlanted(.tilesShareANameWithMaskedOnes) ? ".masked" : "") + taps.map { "_\($0)" }.joined()
  }

  private func function(_ code: FunctionLowering) -> CodeFunction {
    let e = code.e
    let (pointer, index) = (CodeParameter(type: e.types.pointer), CodeParameter(type: e.types.i64))
    let parameters = [
      pointer, index, index, pointer, index, index, index, index, index, pointer, index, pointer, index,
    ]
    return e.definedFunction(name, parameters)
      ?? e.function(name, parameters, isExported: false) { emit($0.parameters, code) }
  }

  private func emit(_ p: [CodeValue], _ code: FunctionLowering) {
    let e = code.e
    let leftType = e.types.storage(left)
    let last = e.sub(p[7], e.index(1))
    let rows = (0..<block.rows).map { row in
      let existing = isPlanted(.missingRowsAreRead) ? e.index(row) : e.minimum(e.index(row), last)
      return row == 0 ? p[0] : e.offset(p[0], leftType, by: e.mul(existing, p[1]))
    }
    let element = e.registerType(accumulator)
    let sumType = element.vector(block.lanes)
    func place(_ base: CodeValue, _ stride: CodeValue, _ row: Int, _ column: Int) -> CodeValue {
      e.offset(e.offset(base, element, by: e.mul(stride, e.index(row))), element, by: column)
    }
    let cells = (0..<block.rows).flatMap { row in (0..<block.vectors).map { (row, $0 * block.lanes) } }
    let initial = e.ifElse(e.compare(p[9], .equal, e.nullPointer)) {
      cells.map { _ in e.zero(sumType) }
    } else: {
      cells.map { e.load(sumType, place(p[9], p[10], $0.0, $0.1)) }
    }
    precondition(taps.isEmpty || isRightContiguous, "columns of taps lie side by side")
    let depthStride = rightDepthStride.map { e.index($0) } ?? p[4]
    let columns: MicroKernel.Layout =
      taps.isEmpty
      ? .general(step: isRightContiguous ? e.index(1) : p[5], depth: depthStride)
      : .tapped(depth: depthStride, offsets: taps)
    var kernel = MicroKernel(block, a: .rows(rows, depth: leftDepthStride.map { e.index($0) } ?? p[2]), b: columns)
    if isMasked { kernel.columns = .count(p[8]) }
    kernel.widenA = widening(left, code)
    kernel.widenB = widening(right, code)
    kernel.emit(
      into: e, element: element, a: p[0], b: p[3], depth: p[6],
      initial: { initial[$0.row * block.vectors + $0.column / block.lanes] }
    ) { cell, sum in
      e.store(sum, place(p[11], p[12], cell.row, cell.column))
    }
  }

  private func widening(_ element: ElementType, _ code: FunctionLowering) -> MicroKernel.Widening? {
    if element == accumulator { return nil }
    let (e, accumulator) = (code.e, accumulator)
    return MicroKernel.Widening(from: e.types.storage(element)) {
      e.convertRegister(code.fromMemory($0, element), from: element, to: accumulator)
    }
  }
}
