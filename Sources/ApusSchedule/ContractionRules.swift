import ApusIR
import ApusTarget
import ApusTensor

/// The blocking of a contraction, after Goto and van de Geijn (2008) and Low et al., "Analytical
/// modeling is enough for high-performance BLIS" (2016).
///
/// Tiles are those of m, n and k. The register block keeps rows × vectors of sums, and a vector of
/// each column block, in registers; a panel of k × columns of the right side stays in half of L1,
/// a block of m × k of the left side in half of L2.
func contractionSchedule(_ kernel: OpID, _ host: Function, _ machine: Machine) -> Schedule {
  guard let op = host.principalOp(of: kernel) else { return Schedule() }
  let element = accumulator(of: host.type(of: host.operand(0, of: op)).element, host.opcode(of: op))
  let lanes = machine.lanes(bytes: element.byteCount)
  let vectors = 2
  // One register of each column vector, one for the broadcast element, the rest are sums.
  let rows = min(8, (machine.vectorRegisters - vectors - 1) / vectors)
  let columns = vectors * lanes
  let k = min(512, max(64, machine.caches.l1d / 2 / (columns * element.byteCount) / 8 * 8))
  let m = max(rows, machine.caches.l2 / 2 / (k * element.byteCount) / rows * rows)
  let n = max(columns, min(4_096, machine.caches.l3PerProcessor / 2 / (k * element.byteCount) / columns * columns))
  return Schedule(
    tiles: [m, n, k], registerBlock: [rows, columns], unroll: 4, vectorLanes: lanes, packing: [.rhs],
    parallelAxis: 0, grain: 1)
}

/// The type a contraction of that element type sums in.
func accumulator(of element: ElementType, _ code: OpCode) -> ElementType {
  switch element {
  case .f64, .s64, .u64: element
  case .f32, .f16, .bf16: .f32
  case .s8, .s16, .s32, .u8, .u16, .bool: .s32
  case .u32: .u32
  }
}
