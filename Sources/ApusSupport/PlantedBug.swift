/// Bugs planted in our own compiler to measure what the fuzzer finds: each is one small edit, at one site, that
/// makes some program mean something else. The product holds none of them: `isPlanted` is the constant `false`
/// unless the package is built with `APUS_PLANTED_BUGS` set.
///
/// Every case has a witness in `Tests/PlantedTests/Witnesses`, a program on which the edit shows.
public enum PlantedBug: UInt8, CaseIterable, Sendable {
  // MARK: Vector tail

  /// A loop over vectors leaves out the last element of all.
  case tailLosesLastElement
  /// A transpose in blocks leaves out the columns that make no block.
  case transposeLosesItsRest
  /// A copy of a buffer ends with a whole vector, beyond the last element.
  case copyOverrunsItsEnd
  /// Short rows are reduced two at a time, also where their number is odd.
  case lastOddRowIsLeftOut

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
  /// quantize of NaN is 0, not the zero point.
  case nanQuantizesToZero
  /// sign of a float zero is 1 with its sign.
  case signOfZeroIsOne

  // MARK: Overflow

  /// dequantize of 32-bit integers subtracts the zero point in 32 bits.
  case differenceOfWordsWraps
  /// u8 is taken to fit in s8, so that a conversion through s8 is left out.
  case unsignedFitsItsSignedTwin
  /// A float that is one beyond the largest integer does not saturate.
  case saturationMissesItsEnd
  /// A negative count of a shift is compared with the width as a signed number.
  case negativeShiftIsTaken
  /// quantize to 32 bits adds the zero point in f32.
  case quantizedWordsRoundToSingle
  /// Vectors of 32-bit integers are divided in f32.
  case quotientsOfWordsAreNarrow
  /// An unsigned integer is extended with the sign of the type that it is converted to.
  case widenedUnsignedTakesASign
  /// A division by a power of two becomes a product also where the reciprocal is infinite.
  case reciprocalOfADenormalIsTaken

  // MARK: Rounding

  /// A tie rounds up to bf16, not to even.
  case tiesOfBF16RoundUp
  /// f64 goes to f16 by way of the nearest f32.
  case halfRoundsTwice
  /// The logarithm of an f32 denormal is off by log 2.
  case logarithmOfDenormalsIsOff
  /// Sine and cosine of large angles are reduced as those of small ones.
  case largeAnglesAreTakenForSmall
  /// exp(x - f) is computed for arguments up to 0 whatever fold of x f is, not the maximum alone.
  case exponentIsBoundedByAnyFold

  // MARK: Reduction order

  /// Where partial folds of an arg reduction tie, the later index wins.
  case tiesGoToTheOther
  /// Among equals, a sort in place puts the later first.
  case tiesOfLongSortsAreUnstable
  /// In a sort in place, NaNs are no equals, so that none of them comes first.
  case tiesOfNaNsHaveNoOrder

  // MARK: Fusion legality

  /// Operands that are broadcast along different axes are combined before they are broadcast.
  case broadcastsAlongOtherAxesMerge
  /// A map that reads a product at other places than it writes becomes its epilogue.
  case movedReadsMakeEpilogues
  /// A kernel is moved behind others that read what it yields.
  case earlierReadersAreOverlooked
  /// A reshape of a product moves behind an op whose other operand is broadcast along axes that it changes.
  case reshapeSinksPastAnyBroadcast
  /// A concat is drawn into one along another axis.
  case concatsOfOtherAxesMerge
  /// A convolution takes in a pad whatever it pads with.
  case anyPaddingIsTakenForZero
  /// DCE takes a sort for one of values alone where nobody reads the indices.
  case sortsLoseTheirIndices

  // MARK: Stale cache key

  /// CSE takes a - b for b - a.
  case operandsOfAllOpsAreSorted
  /// Kernels that differ in numbers alone, of constants or of values, share one function.
  case kernelsAreKeyedByTheirOps
  /// The sizes of inputs are handed over on the first run of a context alone.
  case contextKeepsItsFirstShapes
  /// A tile that leaves out lanes has the name of one that reads them all.
  case tilesShareANameWithMaskedOnes
  /// A constant is a splat where all elements but the first are equal.
  case constantsThatDifferInTheFirstAreSplats

  // MARK: Lifetime

  /// What a loop reads and does not make lives to its last use in the text, not to the end of the loop.
  case lifetimeIgnoresLoops
  /// A use of a view is none of the buffer that it looks at.
  case lifetimeIgnoresViews
  /// A buffer is free while its last reader runs.
  case lifetimeEndsBeforeItsLastReader
  /// What a loop within a loop reads lives to the end of the inner one.
  case lifetimeEndsWithTheInnerLoop

  // MARK: In-place alias

  /// A kernel writes over an operand that it reads at other places.
  case movedOperandIsOverwritten
  /// A kernel writes over an operand that is needed later under another name.
  case viewsOfTheOperandAreOverlooked
  /// A kernel writes over an operand that it reads through a view as well.
  case operandIsReadUnderTwoNames
  /// A kernel writes over an operand that is read later within a branch or a loop.
  case readersInRegionsAreOverlooked

  // MARK: Control-flow merge

  /// Values that a loop exchanges are copied one after the other.
  case swapIsCopiedInTurn
  /// A carried value whose next is another carried one is taken not to change.
  case rotatedValuesAreInvariant
  /// Branches that yield the same first value are taken to yield the same values.
  case firstMergeDecidesForAll
  /// What one branch has computed is known in the other, and behind both.
  case branchesShareTheirExpressions

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
  /// A transpose of a transpose applies the outer permutation first.
  case permutationsComposeBackwards
  /// An index that may be the first behind a piece of a concat is taken to be in it.
  case pieceReachesOneBeyond
  /// The start of a dynamic update may lie before the first element.
  case negativeStartOfAnUpdateIsTaken
  /// A constant that is at most x becomes one that x is greater than.
  case mirroredOrderIsStrict

  // MARK: Broadcast

  /// An axis that a run may find to be 1 is read as if it were as large as the result.
  case openAxisIsTakenForWide
  /// A kernel over flat axes takes an axis that may be 1 for one that is not.
  case flatKernelsTrustOpenAxes
  /// A broadcast of a broadcast keeps the axes of the inner one.
  case broadcastsForgetTheirPlace

  // MARK: Packing

  /// A register block that lacks rows reads rows behind the last one.
  case missingRowsAreRead
  /// The panels of a packed constant start over for the first batch alone.
  case secondPanelsAreMissing
  /// The lines of a convolution are sorted by the remainder by the other axis's stride.
  case planesMixTheirStrides
  /// Every group of a convolution reads the channels of the first.
  case groupsReadTheFirstChannels
  /// The padding below an image begins where its width ends.
  case linesAreCheckedAgainstTheWidth
  /// The lines that the taps of a depthwise convolution read lie side by side, dilated or not.
  case depthwiseTapsIgnoreDilation

  // MARK: Epilogue

  /// An epilogue is run for the columns of the first register block.
  case epilogueForgetsItsBlock
  /// An epilogue that reads a value for each line is run as if it read one for each plane.
  case epiloguesIgnoreTheirLine
  /// The epilogue is run on the sums of every block of the depth.
  case sumsAreFinishedWhileTheyGrow

  // MARK: Offset overlap

  /// A slot is free for the next buffer as soon as the first in it has died.
  case slotsForgetWhatTheyHold
  /// A slot is as large as its first buffer where it is not known which one is the largest.
  case slotsKeepTheirFirstSize
  /// Two values that a reduction keeps lie in the same output.
  case keptValuesShareARow
  /// A buffer fits in a gap that is as long as it is without its last unit.
  case gapsAreMeasuredWithoutTheirEnd

  // MARK: Race

  /// Threads share the indices of a scatter.
  case scattersRunInParallel
  /// Threads share the counter of non_zero.
  case nonZerosAreCountedInParallel
  /// Threads that sort rows share the room that they merge in.
  case rowsAreMergedInOneRoom

  // MARK: Shape inference and verification

  /// The verifier takes a slice of stride 0.
  case slicesMayStandStill
  /// The verifier compares the first two operands of a concat alone.
  case concatsCompareTwo
  /// The verifier takes a window that is one larger than what it slides over.
  case windowsMayExceedByOne
  /// The verifier takes a broadcast of two axes to one.
  case axesOfABroadcastMayRepeat
  /// Sizes that surely differ become a check of the run.
  case knownMismatchIsLeftToTheRun

  // MARK: Size bounds

  /// a <= b is taken for false where a may be as small as b at most.
  case touchingBoundsAreRefused
  /// Sizes are taken to differ where one is at least the other.
  case sizesThatMayBeEqualDiffer
  /// floordiv(4*n + 5, 4) is n.
  case constantPartOfAQuotientIsLost

  // MARK: Text

  /// The parser takes 1...8 for 1 to 7.
  case upperBoundsAreExclusive
  /// The parser takes a - b - c for a - (b - c).
  case differencesAssociateToTheRight
  /// The parser takes -0.0 for 0.0.
  case zeroLosesItsSign
}

extension PlantedBug {
  public var name: String { "\(self)" }

  public init?(name: String) {
    guard let bug = PlantedBug.allCases.first(where: { $0.name == name }) else { return nil }
    self = bug
  }
}

/// Whether `bug` is in force: never in the product. Built with `APUS_PLANTED_BUGS`, the bug that the environment
/// variable `APUS_PLANTED_BUG` names.
@inlinable
@inline(__always)
public func isPlanted(_ bug: PlantedBug) -> Bool {
  #if APUS_PLANTED_BUGS
    reachedBugs[Int(bug.rawValue)] = true
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
    guard let bug = PlantedBug(name: name) else { refuse(name) }
    return bug
  }()

  /// Of each bug whether its site was reached since the last ``takeReachedBugs()``. Threads write nothing but `true`.
  public nonisolated(unsafe) let reachedBugs: UnsafeMutablePointer<Bool> = {
    let flags = UnsafeMutablePointer<Bool>.allocate(capacity: PlantedBug.allCases.count)
    flags.initialize(repeating: false, count: PlantedBug.allCases.count)
    return flags
  }()

  /// The bugs whose sites were reached since the last call: a case in which a site is not reached says nothing of its bug.
  public func takeReachedBugs() -> [PlantedBug] {
    defer { reachedBugs.update(repeating: false, count: PlantedBug.allCases.count) }
    return PlantedBug.allCases.filter { reachedBugs[Int($0.rawValue)] }
  }

  /// Ends the process as a bad command line does: to go on without a bug would measure nothing.
  private func refuse(_ name: String) -> Never {
    let hint = nearest(to: name, in: PlantedBug.allCases.map(\.name))
    let message = "APUS_PLANTED_BUG: no planted bug is named '\(name)'"
    let line = Array("error: \(message)\(hint.map { "; did you mean '\($0)'?" } ?? "")\n".utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(3)
  }
#endif
