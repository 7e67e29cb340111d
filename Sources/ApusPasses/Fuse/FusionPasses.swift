import ApusIR
import ApusSupport

/// Merges maps into the maps that read them.
///
///     %e = kernel %x { %0 in                       %s = kernel %x, %y { %0, %1 in
///       %1 = exp %0; yield %1 }                      %2 = exp %0
///     %s = kernel %e, %y { %0, %1 in       →         %3 = add %2, %1
///       %2 = add %0, %1; yield %2 }                  yield %3 }
///
/// A map that is read at the indices at which it is computed, or once at others (`transpose`, `slice`,
/// `concat` …), moves into its only reader. What is read several times, by a `broadcast` or by several
/// readers, is computed again only if that is cheaper than loading it; without `recompute`, only if it is no
/// computation at all. Runs after `form-kernels`, without `recompute` first: what several readers need may find its
/// place in the epilogue of a contraction or in the kernel of a reduction.
public let fuseElementwise = fusionPass(
  "fuse-elementwise", "merges maps into the maps that read them",
  parameters: [PassParameter("recompute", "let several readers compute what is cheap", default: .bool(true))]
) {
  $0.mapIntoMap($1, recomputing: $2.bool("recompute"))
}

/// Merges contractions into the maps that read them: bias, activation, residual.
///
///     %m = kernel %x, %w { … matmul … }            %y = kernel %x, %w, %b { %0, %1, %2 in
///     %y = kernel %m, %b { %0, %1 in         →       %3 = matmul %0, %1
///       %2 = broadcast %1, axes: [1]                 %4 = broadcast %2, axes: [1]
///       %3 = add %0, %2; yield %3 }                  %5 = add %3, %4; yield %5 }
///
/// The map must read the product index by index and yield one tensor of its shape. Runs after
/// `fuse-elementwise`, which makes one map of what follows, and before `fuse-reductions`, which would compute
/// that map once for each sweep.
public let fuseEpilogues = fusionPass("fuse-epilogues", "merges contractions into the maps that read them") {
  fusion, pair, _ in fusion.contractionIntoMap(pair)
}

/// Merges reductions over the same axes of one shape, and the maps around them: a softmax becomes one kernel.
///
///     %m = kernel %x { … reduce_max … }            %y = kernel %x { %0 in
///     %y = kernel %x, %m { %0, %1 in         →       %1 = reduce_max %0, axes: [1], keep_dims: true
///       %2 = broadcast %1, axes: [0, 1]              %2 = broadcast %1, axes: [0, 1]
///       %3 = sub %0, %2; yield %3 }                  %3 = sub %0, %2; yield %3 }
///
/// What depends on a reduction is only combined index by index (`KernelShape`), so that each row is
/// computed by itself. Runs after `fuse-epilogues`.
public let fuseReductions = fusionPass("fuse-reductions", "merges reductions with the maps around them") {
  fusion, pair, _ in fusion.aroundReduction(pair)
}

/// Merges maps into the contractions that read them: transposes, conversions, a residual for the epilogue.
///
///     %t = kernel %w { … transpose … }             %y = kernel %x, %w { %0, %1 in
///     %y = kernel %x, %t { %0, %1 in         →       %2 = transpose %1, perm: [1, 0]
///       %2 = matmul %0, %1; yield %2 }               %3 = matmul %0, %2; yield %3 }
///
/// On the way to an operand, which is read many times, only cheap maps of few ops follow the packing. Runs last of
/// the fusions: what can stand in the epilogue of another contraction should.
public let fusePrologues = fusionPass("fuse-prologues", "merges maps into the contractions that read them") {
  fusion, pair, _ in fusion.mapIntoContraction(pair)
}

/// Merges maps and reductions into a reader of theirs that is not the only one; the merged kernel yields both tensors.
///
///     %a = kernel %x { … exp … }                   %b, %a = kernel %x { %0 in
///     %b = kernel %a { … neg … }             →       %1 = exp %0
///     return %a, %b                                  %2 = neg %1; yield %2, %1 }
///
/// The other readers must stand after the reader that takes it in. Runs after the other fusions, which leave
/// nothing to yield.
public let fuseOutputs = fusionPass("fuse-outputs", "lets a kernel yield what another also reads") {
  fusion, pair, _ in fusion.keepingOutputs(pair)
}

private func fusionPass(
  _ name: String, _ summary: String, parameters: [PassParameter] = [],
  _ rule: @escaping @Sendable (borrowing KernelFusion, KernelFusion.Pair, PassArguments) -> KernelFusion.Decision
) -> FunctionPass {
  FunctionPass(name, summary, parameters: parameters, phases: [.fused]) { f, arguments in
    // The fusion owns the function while it works, so that its tables are not copied.
    var taken = Function(name: f.name, phase: f.phase)
    swap(&f, &taken)
    var fusion = KernelFusion(taken)
    taken = Function(name: "")
    fusion.run { rule($0, $1, arguments) }
    f = fusion.f
    return fusion.merges > 0
  }
}
