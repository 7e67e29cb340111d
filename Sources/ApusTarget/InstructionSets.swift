/// The instruction sets of each architecture: Linux's name of the flag, LLVM's name of the feature.
enum InstructionSets {
  static func known(_ architecture: Machine.Architecture) -> [String] {
    rows(architecture).map(\.llvm)
  }

  /// The features that `flags`, as `/proc/cpuinfo` lists them, stand for. The kernel lists a flag only when it
  /// also saves the registers that come with it.
  static func features(flags: Set<Substring>, _ architecture: Machine.Architecture) -> Set<String> {
    Set(rows(architecture).filter { flags.contains($0.linux[...]) }.map(\.llvm))
  }

  private typealias Row = (linux: String, llvm: String)

  private static func rows(_ architecture: Machine.Architecture) -> [Row] {
    switch architecture {
    case .x86_64: x86
    case .aarch64: arm
    }
  }

  private static let x86: [Row] = [
    ("sse", "sse"), ("sse2", "sse2"), ("pni", "sse3"), ("ssse3", "ssse3"), ("sse4_1", "sse4.1"),
    ("sse4_2", "sse4.2"), ("sse4a", "sse4a"), ("popcnt", "popcnt"), ("abm", "lzcnt"), ("cx16", "cx16"),
    ("lahf_lm", "sahf"), ("movbe", "movbe"), ("bmi1", "bmi"), ("bmi2", "bmi2"), ("adx", "adx"),
    ("avx", "avx"), ("avx2", "avx2"), ("fma", "fma"), ("f16c", "f16c"), ("avx_vnni", "avxvnni"),
    ("avx_vnni_int8", "avxvnniint8"), ("avx_ifma", "avxifma"), ("avx_ne_convert", "avxneconvert"),
    ("avx512f", "avx512f"), ("avx512bw", "avx512bw"), ("avx512cd", "avx512cd"), ("avx512dq", "avx512dq"),
    ("avx512vl", "avx512vl"), ("avx512ifma", "avx512ifma"), ("avx512vbmi", "avx512vbmi"),
    ("avx512_vbmi2", "avx512vbmi2"), ("avx512_vnni", "avx512vnni"), ("avx512_bitalg", "avx512bitalg"),
    ("avx512_vpopcntdq", "avx512vpopcntdq"), ("avx512_bf16", "avx512bf16"),
    ("avx512_vp2intersect", "avx512vp2intersect"), ("avx512_fp16", "avx512fp16"),
    ("amx_tile", "amx-tile"), ("amx_int8", "amx-int8"), ("amx_bf16", "amx-bf16"), ("amx_fp16", "amx-fp16"),
    ("gfni", "gfni"), ("aes", "aes"), ("vaes", "vaes"), ("pclmulqdq", "pclmul"),
    ("vpclmulqdq", "vpclmulqdq"), ("sha_ni", "sha"), ("rdrand", "rdrnd"), ("rdseed", "rdseed"),
    ("3dnowprefetch", "prfchw"), ("clflushopt", "clflushopt"), ("clwb", "clwb"), ("clzero", "clzero"),
    ("fsgsbase", "fsgsbase"), ("xsave", "xsave"), ("xsaveopt", "xsaveopt"), ("xsavec", "xsavec"),
    ("xsaves", "xsaves"), ("rdpid", "rdpid"), ("fma4", "fma4"), ("xop", "xop"), ("tbm", "tbm"),
  ]

  private static let arm: [Row] = [
    ("fp", "fp-armv8"), ("asimd", "neon"), ("aes", "aes"), ("sha2", "sha2"), ("crc32", "crc"),
    ("atomics", "lse"), ("fphp", "fullfp16"), ("asimdrdm", "rdm"), ("lrcpc", "rcpc"),
    ("asimddp", "dotprod"), ("asimdfhm", "fp16fml"), ("bf16", "bf16"), ("i8mm", "i8mm"), ("sve", "sve"),
    ("sve2", "sve2"),
  ]
}
