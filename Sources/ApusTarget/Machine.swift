/// A machine as data: what code may use and what its costs depend on.
///
/// Every rule that depends on the hardware reads a `Machine` that it is given, so a test or a cross-compilation
/// passes whichever it likes. `Machine.host(environment:)` is the only function that looks at the real one.
public struct Machine: Sendable, Hashable {
  public enum Architecture: String, Sendable, Hashable, CaseIterable {
    case x86_64, aarch64
  }

  public enum OperatingSystem: String, Sendable, Hashable, CaseIterable {
    case linux, macOS
  }

  /// Sizes in bytes of the data caches that one core reaches. 0 means that there is none.
  public struct Caches: Sendable, Hashable {
    public var l1d: Int
    public var l2: Int
    /// The whole of the last-level cache.
    public var l3: Int
    /// How many logical processors share the last-level cache.
    public var l3Sharers: Int
    public var lineBytes: Int

    public init(l1d: Int, l2: Int, l3: Int, l3Sharers: Int = 1, lineBytes: Int = 64) {
      self.l1d = l1d
      self.l2 = l2
      self.l3 = l3
      self.l3Sharers = l3Sharers
      self.lineBytes = lineBytes
    }

    /// The smallest sizes among processors of the last ten years, for when the machine does not say.
    public static let fallback = Caches(l1d: 32 << 10, l2: 256 << 10, l3: 8 << 20, l3Sharers: 4)

    /// One logical processor's part of the last-level cache, in bytes.
    public var l3PerProcessor: Int { l3 / max(l3Sharers, 1) }
  }

  public var architecture: Architecture
  public var operatingSystem: OperatingSystem
  /// LLVM's name of the processor: `znver3`, `skylake-avx512`, `neoverse-v1`, `x86-64-v3`.
  public var cpuName: String
  /// LLVM's names of the instruction sets that may be used, without a sign: `avx2`, `fma`, `avx512vnni`, `neon`.
  public var features: Set<String>
  public var caches: Caches
  /// Logical processors that are online, whether or not this process may use them.
  public var logicalCores: Int
  /// Physical cores that are online.
  public var physicalCores: Int
  /// Logical processors on which this process may run.
  public var affinityCount: Int
  /// The processors' worth of time that a control group grants, or nil where nothing limits it.
  public var cpuQuota: Double?
  /// The number of threads that the user asked for.
  public var requestedThreads: Int?
  /// Main memory in bytes.
  public var memoryBytes: Int
  /// The control group's limit of memory in bytes, or nil where nothing limits it.
  public var memoryLimitBytes: Int?

  public init(
    architecture: Architecture, operatingSystem: OperatingSystem = .linux, cpuName: String,
    features: Set<String>, caches: Caches = .fallback, logicalCores: Int = 1, physicalCores: Int? = nil,
    affinityCount: Int? = nil, cpuQuota: Double? = nil, requestedThreads: Int? = nil,
    memoryBytes: Int = 8 << 30, memoryLimitBytes: Int? = nil
  ) {
    self.architecture = architecture
    self.operatingSystem = operatingSystem
    self.cpuName = cpuName
    self.features = features
    self.caches = caches
    self.logicalCores = logicalCores
    self.physicalCores = physicalCores ?? logicalCores
    self.affinityCount = affinityCount ?? logicalCores
    self.cpuQuota = cpuQuota
    self.requestedThreads = requestedThreads
    self.memoryBytes = memoryBytes
    self.memoryLimitBytes = memoryLimitBytes
  }
}

extension Machine {
  public func has(_ feature: String) -> Bool { features.contains(feature) }

  /// Bytes of the widest vector register that f32 and integer arithmetic may use: 64 with AVX-512, 32 with
  /// AVX2, else 16. Scalable vectors (SVE) count with the 16 bytes that they always have.
  public var vectorBytes: Int {
    switch architecture {
    case .x86_64: hasAVX512 ? 64 : has("avx2") ? 32 : 16
    case .aarch64: 16
    }
  }

  /// How many vector registers there are.
  public var vectorRegisters: Int {
    switch architecture {
    case .x86_64: hasAVX512 ? 32 : 16
    case .aarch64: 32
    }
  }

  /// Whether one instruction multiplies and adds with one rounding.
  public var hasFMA: Bool {
    switch architecture {
    case .x86_64: has("fma")
    case .aarch64: true
    }
  }

  /// Whether AVX-512 is complete enough for vectors of 64 bytes: Foundation, and the byte, word, double-word
  /// and short-vector extensions, which every processor but Knights Landing has.
  public var hasAVX512: Bool { ["avx512f", "avx512bw", "avx512dq", "avx512vl"].allSatisfy(has) }

  /// Elements of `bytes` bytes in one vector register; `lanes(bytes: 4)` is that of f32.
  public func lanes(bytes: Int) -> Int { max(1, vectorBytes / bytes) }

  /// f32 elements in one vector register: 16, 8 or 4.
  public var f32Lanes: Int { lanes(bytes: 4) }

  /// Bytes of a cache line: what two threads must not share.
  public var cacheLineBytes: Int { caches.lineBytes }

  /// How many threads should compute at once: the processors this process may use, no more than its quota
  /// rounded up, no more than the user asked for, at least 1.
  public var availableThreads: Int {
    var count = affinityCount
    // Bounded before the conversion, which traps on what does not fit.
    if let cpuQuota { count = min(count, Int(min(cpuQuota.rounded(.up), 1_000_000))) }
    if let requestedThreads { count = min(count, requestedThreads) }
    return max(1, count)
  }

  /// Bytes of memory that this process may use.
  public var usableMemoryBytes: Int { min(memoryBytes, memoryLimitBytes ?? .max) }

  /// LLVM's target triple.
  public var triple: String {
    switch (architecture, operatingSystem) {
    case (.x86_64, .linux): "x86_64-unknown-linux-gnu"
    case (.aarch64, .linux): "aarch64-unknown-linux-gnu"
    case (.x86_64, .macOS): "x86_64-apple-macosx15.0.0"
    case (.aarch64, .macOS): "arm64-apple-macosx15.0.0"
    }
  }

  /// LLVM's feature string: each instruction set that Apus knows by name, allowed (`+avx2`) or denied
  /// (`-avx512f`). Denials matter: a virtual machine may hide what its processor's name implies.
  public var featureString: String {
    let known = Set(InstructionSets.known(architecture)).union(features)
    return known.sorted().map { (features.contains($0) ? "+" : "-") + $0 }.joined(separator: ",")
  }
}
