import ApusIR
import ApusSupport

extension ArenaPlan {
  /// The plan in which each buffer has a place of its own, with `space` bytes behind it; the `alloc` ops of the host that the
  /// plan is for get its offsets.
  ///
  /// `space` is a multiple of ``alignment``. Throws `memory.overflow`.
  public func spreadOut(space: Int, in host: inout Function) throws(DiagnosticError) -> ArenaPlan {
    precondition(space >= 0 && space % Self.alignment == 0, "a space of \(space) bytes leaves no offset where it has to be")
    var plan = self
    plan.method = "spread out"
    do {
      plan.peak = 0
      for index in entries.indices {
        plan.entries[index].offset = plan.peak
        let room = try Self.room(for: entries[index].bytes, host.symbols)
        plan.peak = try Dim.sum(plan.peak, Dim.sum(room, .constant(space)))
      }
    } catch {
      throw DiagnosticError(id: "memory.overflow", "a buffer does not fit in 64 bits")
    }
    for entry in plan.entries {
      guard let op = host.definingOp(of: entry.buffer) else { continue }
      host.setAttribute("offset", .dims([entry.offset]), of: op)
    }
    return plan
  }

  /// So many bytes in whole units of the alignment.
  static func room(for bytes: Dim, _ symbols: SymbolTable) throws(DimOverflow) -> Dim {
    let unit = Dim.constant(alignment)
    let size = try Dim.product(Dim.ceildiv(bytes, unit), unit)
    // Inputs of sizes that a guard is about to refuse must not move what follows.
    return (symbols.bounds(of: size).lower ?? -1) < 0 ? try Dim.maximum(0, size) : size
  }
}
