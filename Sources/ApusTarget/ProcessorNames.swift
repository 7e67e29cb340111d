/// LLVM's names of processors, from what `/proc/cpuinfo` says of them. A name chooses LLVM's tables of
/// latencies only; what may be executed follows from the features.
enum ProcessorNames {
  /// The name of an x86 processor; one that no row knows is named by the level its features reach.
  static func x86(vendor: Substring, family: Int, model: Int, features: Set<String>) -> String {
    let row = rows.first { $0.vendor == vendor && $0.family == family && $0.models.contains(model) }
    guard let row else { return level(features) }
    // One model number covers several generations of Xeon.
    if row.name == "skylake-avx512" {
      if features.contains("avx512bf16") { return "cooperlake" }
      if features.contains("avx512vnni") { return "cascadelake" }
    }
    return row.name
  }

  /// The highest level of the x86-64 psABI that `features` reach.
  static func level(_ features: Set<String>) -> String {
    if features.isSuperset(of: Levels.v4) { return "x86-64-v4" }
    if features.isSuperset(of: Levels.v3) { return "x86-64-v3" }
    if features.isSuperset(of: Levels.v2) { return "x86-64-v2" }
    return "x86-64"
  }

  static func arm(implementer: Int, part: Int) -> String {
    parts.first { $0.implementer == implementer && $0.part == part }?.name ?? "generic"
  }

  private static let rows: [(vendor: Substring, family: Int, models: ClosedRange<Int>, name: String)] = [
    ("AuthenticAMD", 23, 0x00...0x2f, "znver1"),
    ("AuthenticAMD", 23, 0x30...0xff, "znver2"),
    ("AuthenticAMD", 25, 0x00...0x0f, "znver3"),
    ("AuthenticAMD", 25, 0x10...0x1f, "znver4"),
    ("AuthenticAMD", 25, 0x20...0x5f, "znver3"),
    ("AuthenticAMD", 25, 0x60...0xaf, "znver4"),
    ("AuthenticAMD", 26, 0x00...0xff, "znver5"),
    ("GenuineIntel", 6, 0x3c...0x3c, "haswell"), ("GenuineIntel", 6, 0x3f...0x3f, "haswell"),
    ("GenuineIntel", 6, 0x45...0x46, "haswell"),
    ("GenuineIntel", 6, 0x3d...0x3d, "broadwell"), ("GenuineIntel", 6, 0x47...0x47, "broadwell"),
    ("GenuineIntel", 6, 0x4f...0x4f, "broadwell"), ("GenuineIntel", 6, 0x56...0x56, "broadwell"),
    ("GenuineIntel", 6, 0x4e...0x4e, "skylake"), ("GenuineIntel", 6, 0x5e...0x5e, "skylake"),
    ("GenuineIntel", 6, 0x8e...0x8e, "skylake"), ("GenuineIntel", 6, 0x9e...0x9e, "skylake"),
    ("GenuineIntel", 6, 0xa5...0xa6, "skylake"),
    ("GenuineIntel", 6, 0x55...0x55, "skylake-avx512"),
    ("GenuineIntel", 6, 0x7d...0x7e, "icelake-client"),
    ("GenuineIntel", 6, 0x6a...0x6a, "icelake-server"), ("GenuineIntel", 6, 0x6c...0x6c, "icelake-server"),
    ("GenuineIntel", 6, 0x8c...0x8d, "tigerlake"),
    ("GenuineIntel", 6, 0xa7...0xa7, "rocketlake"),
    ("GenuineIntel", 6, 0x97...0x97, "alderlake"), ("GenuineIntel", 6, 0x9a...0x9a, "alderlake"),
    ("GenuineIntel", 6, 0xb7...0xb7, "raptorlake"), ("GenuineIntel", 6, 0xba...0xba, "raptorlake"),
    ("GenuineIntel", 6, 0xbf...0xbf, "raptorlake"),
    ("GenuineIntel", 6, 0x8f...0x8f, "sapphirerapids"),
    ("GenuineIntel", 6, 0xcf...0xcf, "emeraldrapids"),
    ("GenuineIntel", 6, 0xad...0xad, "graniterapids"),
  ]

  private static let parts: [(implementer: Int, part: Int, name: String)] = [
    (0x41, 0xd03, "cortex-a53"), (0x41, 0xd05, "cortex-a55"), (0x41, 0xd07, "cortex-a57"),
    (0x41, 0xd08, "cortex-a72"), (0x41, 0xd09, "cortex-a73"), (0x41, 0xd0b, "cortex-a76"),
    (0x41, 0xd0c, "neoverse-n1"), (0x41, 0xd40, "neoverse-v1"), (0x41, 0xd49, "neoverse-n2"),
    (0x41, 0xd4f, "neoverse-v2"), (0xc0, 0xac3, "ampere1"), (0xc0, 0xac4, "ampere1a"),
    (0x46, 0x001, "a64fx"),
  ]
}

/// The levels of the x86-64 psABI, as LLVM's features. Source: System V ABI, AMD64 supplement, table 3.1.
enum Levels {
  static let v1: Set<String> = ["sse", "sse2"]
  static let v2 = v1.union(["cx16", "sahf", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"])
  static let v3 = v2.union(["avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"])
  static let v4 = v3.union(["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"])
}
