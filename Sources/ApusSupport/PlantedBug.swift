/// Bugs planted in our own compiler to measure what the fuzzer finds: each is one small edit, at one site, that
/// makes some program mean something else. The product holds none of them: `isPlanted` is the constant `false`
/// unless the package is built with `APUS_PLANTED_BUGS` set.
///
/// Every case has a witness in `Tests/PlantedTests/Witnesses`, a program on which the edit shows.
public enum PlantedBug: String, CaseIterable, Sendable {
  // MARK: Vector tail

  /// A loop over vectors leaves out the last element of all.
  case tailLosesLastElement
  /// A transpose in blocks leaves out the columns that make no block.
  case transposeLosesItsRest
  /// A copy of a buffer ends with a whole vector, beyond the last element.
  case copyOverrunsItsEnd
  /// The micro-kernel leaves out the steps of the depth that make no unrolled turn.
  case depthTailIsDropped

  // MARK: NaN and signed zero

  /// x + 0 is taken for x, also for floats, where -0 + 0 is 0.
  case positiveZeroIsDropped
  /// 0 - x is taken for -x, also for floats, where it is 0 for x = 0.
  case differenceFromZeroIsNegation
  /// not (x < y) is taken for x >= y, also for floats, of which one may be NaN.
  case notLessIsGreaterOrEqual
  /// Sums start at -0, so that one of negative zeros is -0.
  case sumStartsAtNegativeZero
  /// The sum over axes of size 1 is taken for its operand, also where that is -0.
  case loneSummandIsItsSum
  /// Of the lanes of an arg reduction, one that holds NaN is not found.
  case nanHasNoLane
  /// The larger of -0 and 0 is -0 in vectors.
  case maximumOfZerosIsNegative
  /// NaN as an integer is whatever the instruction gives.
  case nanConvertsToLeast

  // MARK: Overflow

  /// dequantize of 32-bit integers subtracts the zero point in 32 bits.
  case differenceOfWordsWraps
  /// u8 is taken to fit in s8, so that a conversion through s8 is left out.
  case unsignedFitsItsSignedTwin
  /// A float that is one beyond the largest integer does not saturate.
  case saturationMissesItsEnd
  /// A negative count of a shift is compared with the width as a signed number.
  case negativeShiftIsTaken

  // MARK: Rounding

  /// A tie rounds up to bf16, not to even.
  case tiesOfBF16RoundUp
  /// f64 goes to f16 by way of the nearest f32.
  case halfRoundsTwice
  /// Sums of f16 round to f16 at each step.
  case sumsOfHalvesStayNarrow
  /// The logarithm of an f32 denormal is off by log 2.
  case logarithmOfDenormalsIsOff
  /// Sine and cosine of large angles are reduced as those of small ones.
  case largeAnglesAreTakenForSmall
  /// exp(x - f) is computed for arguments up to 0 whatever fold of x f is, not the maximum alone.
  case exponentIsBoundedByAnyFold

  // MARK: Reduction order

  /// Where partial folds of an arg reduction tie, the later index wins.
  case tiesGoToTheOther

  // MARK: Fusion legality

  /// Operands that are broadcast along different axes are combined before they are broadcast.
  case broadcastsAlongOtherAxesMerge
  /// A map that reads a product at other places than it writes becomes its epilogue.
  case movedReadsMakeEpilogues
  /// A kernel is moved behind others that read what it yields.
  case earlierReadersAreOverlooked
  /// A reshape of a product moves behind an op whose other operand is broadcast along axes that it changes.
  case reshapeSinksPastAnyBroadcast

  // MARK: Stale cache key

  /// CSE takes a - b for b - a.
  case operandsOfAllOpsAreSorted
  /// Kernels that differ in numbers alone, of constants or of values, share one function.
  case kernelsAreKeyedByTheirOps

  // MARK: Lifetime

  /// What a loop reads and does not make lives to its last use in the text, not to the end of the loop.
  case lifetimeIgnoresLoops
  /// A use of a view is none of the buffer that it looks at.
  case lifetimeIgnoresViews
  /// A buffer is free while its last reader runs.
  case lifetimeEndsBeforeItsLastReader

  // MARK: In-place alias

  /// A kernel writes over an operand that it reads at other places.
  case movedOperandIsOverwritten
  /// A kernel writes over an operand that is needed later under another name.
  case viewsOfTheOperandAreOverlooked
  /// A kernel writes over an operand that it reads through a view as well.
  case operandIsReadUnderTwoNames

  // MARK: Control-flow merge

  /// Values that a loop exchanges are copied one after the other.
  case swapIsCopiedInTurn
  /// A carried value whose next is another carried one is taken not to change.
  case rotatedValuesAreInvariant

  // MARK: Index map

  /// The start of a slice of a strided slice is not scaled.
  case mergedSlicesForgetAStride
  /// The start of a dynamic slice is bounded by the axis, not by what is left of it.
  case dynamicSliceReachesBeyond
  /// gather_nd checks its indices against the sizes of the leading axes, batch axes or not.
  case indicesAreCheckedAgainstABatchAxis
  /// A counter that is read in strides or backwards counts up by one.
  case iotaForgetsItsLaneStride
  /// A dilated window over padding starts at the tap before the first that falls on an element.
  case paddedWindowStartsEarly

  // MARK: Broadcast

  /// An axis that a run may find to be 1 is read as if it were as large as the result.
  case openAxisIsTakenForWide
  /// A kernel over flat axes takes an axis that may be 1 for one that is not.
  case flatKernelsTrustOpenAxes

  // MARK: Packing

  /// A register block that lacks rows reads rows behind the last one.
  case missingRowsAreRead

  // MARK: Epilogue

  /// An epilogue is run for the rows of the first register block.
  case epilogueForgetsItsBlock
}

/// Whether `bug` is in force: never in the product. Built with `APUS_PLANTED_BUGS`, the bug that the environment
/// variable `APUS_PLANTED_BUG` names.
@inlinable
@inline(__always)
public func isPlanted(_ bug: PlantedBug) -> Bool {
  #if APUS_PLANTED_BUGS
    return bug == plantedBug
  #else
    return false
  #endif
}

#if APUS_PLANTED_BUGS
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// The bug in force, read once: a process has one compiler.
  public let plantedBug: PlantedBug? = {
    guard let name = getenv("APUS_PLANTED_BUG").map({ String(cString: $0) }), !name.isEmpty else { return nil }
    guard let bug = PlantedBug(rawValue: name) else { preconditionFailure("no planted bug is named \(name)") }
    return bug
  }()
#endif
