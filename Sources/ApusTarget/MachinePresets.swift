extension Machine {
  /// The machines that can be asked for by name, for cross-compilation and tests: one thread, the caches of
  /// `Caches.fallback`.
  public static let presets: [Machine] = [
    Machine(architecture: .x86_64, cpuName: "x86-64", features: Levels.v1),
    Machine(architecture: .x86_64, cpuName: "x86-64-v2", features: Levels.v2),
    Machine(architecture: .x86_64, cpuName: "x86-64-v3", features: Levels.v3),
    Machine(architecture: .x86_64, cpuName: "x86-64-v4", features: Levels.v4),
    Machine(
      architecture: .x86_64, cpuName: "sapphirerapids",
      features: Levels.v4.union(["avx512vnni", "avx512bf16", "avx512fp16", "avx512vbmi", "avxvnni"]),
      caches: Caches(l1d: 48 << 10, l2: 2 << 20, l3: 30 << 20, l3Sharers: 16)),
    Machine(
      architecture: .x86_64, cpuName: "znver4",
      features: Levels.v4.union(["avx512vnni", "avx512bf16", "avx512vbmi"]),
      caches: Caches(l1d: 32 << 10, l2: 1 << 20, l3: 32 << 20, l3Sharers: 16)),
    Machine(
      architecture: .x86_64, cpuName: "znver3", features: Levels.v3,
      caches: Caches(l1d: 32 << 10, l2: 512 << 10, l3: 32 << 20, l3Sharers: 16)),
    Machine(architecture: .aarch64, cpuName: "generic", features: ["fp-armv8", "neon"]),
    Machine(
      architecture: .aarch64, cpuName: "neoverse-v1",
      features: ["fp-armv8", "neon", "lse", "fullfp16", "dotprod", "bf16", "i8mm", "sve"],
      caches: Caches(l1d: 64 << 10, l2: 1 << 20, l3: 32 << 20, l3Sharers: 32)),
  ]

  /// The preset of that processor name, or nil.
  public static func preset(_ name: String) -> Machine? { presets.first { $0.cpuName == name } }
}
