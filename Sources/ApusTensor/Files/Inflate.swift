import ApusSupport
internal import CZlib

/// The CRC-32 of zip and gzip, continued from `start`.
func crc32(_ bytes: UnsafeRawBufferPointer, from start: UInt32 = 0) -> UInt32 {
  guard let base = bytes.baseAddress else { return start }
  let sum = CZlib.crc32_z(uLong(start), base.assumingMemoryBound(to: UInt8.self), bytes.count)
  return UInt32(truncatingIfNeeded: sum)
}

/// Why a deflate stream could not be unpacked.
enum InflateFault: Error {
  case damaged
  /// The stream ends before the announced size is reached, or goes on after it.
  case size
  case memory
}

/// Unpacks a raw deflate stream (RFC 1951) that must be exactly `packed` and fill exactly `target`.
func inflate(_ packed: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws(InflateFault) {
  var stream = z_stream()
  let opened = inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
  guard opened == Z_OK else { throw .memory }
  defer { inflateEnd(&stream) }
  // zlib counts in 32 bits, and asks for one byte of room to see the end of a stream without output.
  let piece = 1 << 30
  var spare: UInt8 = 0
  var (read, written) = (0, 0)
  while true {
    let input = UnsafeRawBufferPointer(rebasing: packed[read..<min(packed.count, read + piece)])
    let output = UnsafeMutableRawBufferPointer(rebasing: target[written..<min(target.count, written + piece)])
    stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(input.count)
    var overflowed = false
    let status: Int32
    if output.isEmpty {
      status = withUnsafeMutablePointer(to: &spare) { spare in
        stream.next_out = spare
        stream.avail_out = 1
        return CZlib.inflate(&stream, Z_NO_FLUSH)
      }
      overflowed = stream.avail_out == 0
    } else {
      stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.avail_out = UInt32(output.count)
      status = CZlib.inflate(&stream, Z_NO_FLUSH)
      written += output.count - Int(stream.avail_out)
    }
    let consumed = input.count - Int(stream.avail_in)
    read += consumed
    if overflowed { throw .size }
    switch status {
    case Z_STREAM_END:
      guard read == packed.count, written == target.count else { throw .size }
      return
    case Z_OK:
      // With input left to offer, zlib asks again; without, the stream is cut short.
      if read == packed.count, stream.avail_out != 0 { throw .size }
    case Z_BUF_ERROR: throw .size
    case Z_MEM_ERROR: throw .memory
    default: throw .damaged
    }
  }
}
