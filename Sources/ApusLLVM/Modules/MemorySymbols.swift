#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The C functions that LLVM may call for a block copy or fill that it chooses not to expand.
func memorySymbols() -> [(name: String, address: UnsafeRawPointer)] {
  let copy: @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer?, Int) -> UnsafeMutableRawPointer? = {
    to, from, count in
    to.map { to in from.map { memcpy(to, $0, count) } ?? to }
  }
  let move: @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer?, Int) -> UnsafeMutableRawPointer? = {
    to, from, count in
    to.map { to in from.map { memmove(to, $0, count) } ?? to }
  }
  let fill: @convention(c) (UnsafeMutableRawPointer?, CInt, Int) -> UnsafeMutableRawPointer? = { to, byte, count in
    to.map { memset($0, byte, count) }
  }
  return [
    ("memcpy", unsafeBitCast(copy, to: UnsafeRawPointer.self)),
    ("memmove", unsafeBitCast(move, to: UnsafeRawPointer.self)),
    ("memset", unsafeBitCast(fill, to: UnsafeRawPointer.self)),
  ]
}
