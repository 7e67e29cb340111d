import ApusTensor

// Integers as `Elements` holds them. Results have yet to be wrapped to the type unless a function says otherwise.

/// Truncates towards zero; x / 0 = 0.
func integerQuotient(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  if type == .u64 {
    return { $1 == 0 ? 0 : Int64(bitPattern: UInt64(bitPattern: $0) / UInt64(bitPattern: $1)) }
  }
  return { $1 == 0 ? 0 : $0.dividedReportingOverflow(by: $1).partialValue }
}

/// Has the dividend's sign; x rem 0 = 0.
func integerRemainder(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  if type == .u64 {
    return { $1 == 0 ? 0 : Int64(bitPattern: UInt64(bitPattern: $0) % UInt64(bitPattern: $1)) }
  }
  return { $1 == 0 || $1 == -1 ? 0 : $0 % $1 }
}

/// Modulo 2⁶⁴. A negative exponent gives 0, but 1 for base 1 and ±1 for base −1.
func integerPower(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  let isSigned = type.isSignedInteger
  return { base, exponent in
    if isSigned && exponent < 0 {
      if base == 1 { return 1 }
      return base == -1 ? (exponent & 1 == 0 ? 1 : -1) : 0
    }
    var rest = UInt64(bitPattern: exponent)
    var square = base
    var result: Int64 = 1
    while rest != 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }
}

func integerMaximum(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  { ordered($0, of: type) >= ordered($1, of: type) ? $0 : $1 }
}

func integerMinimum(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  { ordered($0, of: type) <= ordered($1, of: type) ? $0 : $1 }
}

/// A shift by the width or more, or by a negative count, gives 0.
func shiftedLeft(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  let width = UInt64(type.bitWidth)
  return { UInt64(bitPattern: $1) >= width ? 0 : $0 &<< $1 }
}

/// Copies the sign of signed types. A shift by the width or more, or by a negative count, gives 0.
func shiftedRight(_ type: ElementType) -> (Int64, Int64) -> Int64 {
  let width = UInt64(type.bitWidth)
  if type.isSignedInteger { return { UInt64(bitPattern: $1) >= width ? 0 : $0 &>> $1 } }
  return { UInt64(bitPattern: $1) >= width ? 0 : Int64(bitPattern: UInt64(bitPattern: $0) &>> UInt64(bitPattern: $1)) }
}

func integerSign(_ type: ElementType) -> (Int64) -> Int64 {
  if type.isSignedInteger { return { $0.signum() } }
  return { $0 == 0 ? 0 : 1 }
}
