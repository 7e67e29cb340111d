internal import CLLVM

#if canImport(Glibc)
  import Glibc
#endif

/// The pages of LLVM's library that are in this process's memory.
public enum LibraryPages {
  /// Lets the code of LLVM leave this process's memory; what is called again comes back from the file's cache, some 20 pages
  /// in a microsecond.
  ///
  /// Linking the library reads a third of it, 37 MB, and generating code for a model as much: they would stay for as long as
  /// the process lives. Does nothing where the system does not tell what is mapped.
  public static func leaveMemory() {
    #if os(Linux)
      let code = LLVMGetModuleContext as @convention(c) (LLVMModuleRef?) -> LLVMContextRef?
      let address = UInt(bitPattern: unsafeBitCast(code, to: UnsafeRawPointer.self))
      let regions = executableRegions()
      guard let own = regions.first(where: { $0.addresses.contains(address) }) else { return }
      for region in regions where region.file == own.file {
        guard let start = UnsafeMutableRawPointer(bitPattern: region.addresses.lowerBound) else { continue }
        // Code is mapped privately and never written to: nothing is lost. Read-only data hold relocated addresses.
        _ = madvise(start, region.addresses.count, MADV_DONTNEED)
      }
    #endif
  }

  #if os(Linux)
    private struct Region {
      let addresses: Range<UInt>
      /// Device and inode.
      let file: Substring
    }

    /// What the system says is mapped from files as code that nobody can write.
    private static func executableRegions() -> [Region] {
      guard let text = contents("/proc/self/maps") else { return [] }
      return text.split(separator: "\n").compactMap { line in
        // 7f00-7fff r-xp 00000000 08:01 4242   /usr/lib/libLLVM.so
        let fields = line.split(separator: " ", maxSplits: 5)
        let ends = fields.first?.split(separator: "-").compactMap { UInt($0, radix: 16) } ?? []
        guard fields.count == 6, fields[1] == "r-xp", ends.count == 2, ends[0] < ends[1] else { return nil }
        return Region(addresses: ends[0]..<ends[1], file: fields[3] + " " + fields[4])
      }
    }

    private static func contents(_ path: String) -> String? {
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      var bytes: [UInt8] = []
      while true {
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
          count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
        if chunk.isEmpty { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk
      }
    }
  #endif
}
