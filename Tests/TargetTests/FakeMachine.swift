import ApusTarget
import Foundation

/// A folder of the small files in which Linux describes itself, removed at the end.
final class FakeMachine {
  let root = FileManager.default.temporaryDirectory
    .appendingPathComponent("apus-machine-\(UUID().uuidString)").path

  init(_ files: [String: String]) throws {
    for (path, text) in files {
      let url = URL(fileURLWithPath: root + path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: url, atomically: false, encoding: .utf8)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  func machine(_ architecture: Machine.Architecture = .x86_64) -> Machine {
    .linux(root: root, architecture: architecture)
  }

  /// Two cores of two threads each, 32 KiB, 512 KiB and 32 MiB of cache.
  static func zen3() -> [String: String] {
    var files = [
      "/proc/cpuinfo": cpuinfo(vendor: "AuthenticAMD", family: 25, model: 1, flags: avx2Flags),
      "/proc/meminfo": "MemTotal:       24684096 kB\nMemFree: 23402300 kB\n",
      "/proc/self/status": "Name:\tswift\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\n",
      "/sys/devices/system/cpu/online": "0-3\n",
    ]
    let caches = [
      ("1", "Data", "32K"), ("1", "Instruction", "64K"), ("2", "Unified", "512K"), ("3", "Unified", "32768K"),
    ]
    for cpu in 0..<4 {
      let path = "/sys/devices/system/cpu/cpu\(cpu)"
      files[path + "/topology/core_id"] = "\(cpu / 2)\n"
      files[path + "/topology/physical_package_id"] = "0\n"
      for (index, cache) in caches.enumerated() {
        files[path + "/cache/index\(index)/level"] = cache.0 + "\n"
        files[path + "/cache/index\(index)/type"] = cache.1 + "\n"
        files[path + "/cache/index\(index)/size"] = cache.2 + "\n"
        files[path + "/cache/index\(index)/coherency_line_size"] = "64\n"
        files[path + "/cache/index\(index)/shared_cpu_list"] = index == 3 ? "0-3\n" : "\(cpu)\n"
      }
    }
    return files
  }

  static let avx2Flags = """
    fpu sse sse2 pni ssse3 sse4_1 sse4_2 popcnt abm cx16 lahf_lm movbe bmi1 bmi2 avx avx2 fma f16c xsave
    """

  static func cpuinfo(vendor: String, family: Int, model: Int, flags: String) -> String {
    """
    processor\t: 0
    vendor_id\t: \(vendor)
    cpu family\t: \(family)
    model\t\t: \(model)
    model name\t: A processor
    flags\t\t: \(flags)

    processor\t: 1
    """
  }
}
