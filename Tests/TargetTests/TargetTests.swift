import ApusSupport
import ApusTarget
import Testing

@Suite struct HostMachineTests {
  @Test func readsAnAVX2Machine() throws {
    let machine = try FakeMachine(FakeMachine.zen3()).machine()
    #expect(machine.cpuName == "znver3")
    #expect(machine.vectorBytes == 32 && machine.vectorRegisters == 16 && machine.hasFMA)
    #expect(machine.f32Lanes == 8 && machine.lanes(bytes: 8) == 4 && machine.lanes(bytes: 64) == 1)
    #expect(machine.has("sse4.1") && machine.has("lzcnt") && !machine.has("avx512f"))
    #expect(
      machine.caches
        == Machine.Caches(l1d: 32 << 10, l2: 512 << 10, l3: 32 << 20, l3Sharers: 4, lineBytes: 64))
    #expect(machine.caches.l3PerProcessor == 8 << 20)
    #expect(machine.logicalCores == 4 && machine.physicalCores == 2 && machine.affinityCount == 4)
    #expect(machine.memoryBytes == 24_684_096 << 10 && machine.memoryLimitBytes == nil)
    #expect(machine.cpuQuota == nil && machine.availableThreads == 4)
    #expect(machine.featureString.contains("+avx2") && machine.featureString.contains("-avx512f"))
    #expect(machine.triple == "x86_64-unknown-linux-gnu")
  }

  @Test func readsAnAVX512Machine() throws {
    let flags = FakeMachine.avx2Flags + " avx512f avx512bw avx512dq avx512vl avx512cd avx512_vnni avx512_bf16"
    var files = FakeMachine.zen3()
    files["/proc/cpuinfo"] = FakeMachine.cpuinfo(vendor: "GenuineIntel", family: 6, model: 143, flags: flags)
    let machine = try FakeMachine(files).machine()
    #expect(machine.cpuName == "sapphirerapids")
    #expect(machine.vectorBytes == 64 && machine.vectorRegisters == 32 && machine.f32Lanes == 16)
    #expect(machine.has("avx512vnni") && machine.has("avx512bf16"))
  }

  @Test(arguments: [(85, "", "skylake-avx512"), (85, " avx512_vnni", "cascadelake"), (106, "", "icelake-server")])
  func namesXeons(model: Int, extra: String, name: String) throws {
    let text = FakeMachine.cpuinfo(
      vendor: "GenuineIntel", family: 6, model: model, flags: FakeMachine.avx2Flags + extra)
    #expect(try FakeMachine(["/proc/cpuinfo": text]).machine().cpuName == name)
  }

  @Test func anUnknownProcessorIsNamedByItsLevel() throws {
    func name(_ flags: String) throws -> String {
      let text = FakeMachine.cpuinfo(vendor: "Unheard", family: 99, model: 1, flags: flags)
      return try FakeMachine(["/proc/cpuinfo": text]).machine().cpuName
    }
    #expect(try name("") == "x86-64")
    #expect(try name("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3") == "x86-64-v2")
    #expect(try name(FakeMachine.avx2Flags) == "x86-64-v3")
    #expect(try name(FakeMachine.avx2Flags + " avx512f avx512bw avx512cd avx512dq avx512vl") == "x86-64-v4")
  }

  @Test func readsAnArmMachine() throws {
    let text = """
      processor\t: 0
      BogoMIPS\t: 243.75
      Features\t: fp asimd aes crc32 atomics fphp asimddp sve bf16 i8mm
      CPU implementer\t: 0x41
      CPU part\t: 0xd40
      """
    let machine = try FakeMachine(["/proc/cpuinfo": text]).machine(.aarch64)
    #expect(machine.cpuName == "neoverse-v1")
    #expect(machine.vectorBytes == 16 && machine.vectorRegisters == 32 && machine.hasFMA)
    #expect(machine.has("neon") && machine.has("dotprod") && machine.has("fullfp16") && !machine.has("avx2"))
    #expect(machine.triple == "aarch64-unknown-linux-gnu")
  }

  @Test func anEmptyTreeGivesASmallMachine() throws {
    let machine = try FakeMachine([:]).machine()
    #expect(machine.cpuName == "x86-64" && machine.vectorBytes == 16 && !machine.hasFMA)
    #expect(machine.caches == .fallback && machine.availableThreads == 1)
    #expect(machine.memoryBytes > 0)
  }

  @Test func nonsenseIsNotTakenForNumbers() throws {
    var files = FakeMachine.zen3()
    files["/sys/devices/system/cpu/online"] = "0-99999999999999999999"
    files["/proc/self/status"] = "Cpus_allowed_list:\t5-2\n"
    files["/proc/meminfo"] = "MemTotal: 99999999999999999999 kB\n"
    files["/sys/devices/system/cpu/cpu0/cache/index2/size"] = "9223372036854775807K"
    files["/sys/devices/system/cpu/cpu0/cache/index3/size"] = "0K"
    files["/sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size"] = "-1"
    let machine = try FakeMachine(files).machine()
    #expect(machine.logicalCores == 2, "counted in cpuinfo")
    #expect(machine.availableThreads == 2)
    #expect(machine.memoryBytes == 1 << 30)
    #expect(machine.caches.l1d == 32 << 10 && machine.caches.l2 == Machine.Caches.fallback.l2)
    #expect(machine.caches.l3 == 0 && machine.caches.l3Sharers == 1 && machine.caches.lineBytes == 64)
  }

  @Test func affinityCountsOnlyWhatIsOnline() throws {
    var files = FakeMachine.zen3()
    files["/proc/self/status"] = "Cpus_allowed_list:\t1,3,8-11\n"
    #expect(try FakeMachine(files).machine().affinityCount == 2)
    files["/proc/self/status"] = "Cpus_allowed_list:\t0-127\n"
    #expect(try FakeMachine(files).machine().affinityCount == 4)
  }

  @Test func theHostIsPlausible() {
    let machine = Machine.host()
    #expect(machine.availableThreads >= 1 && machine.availableThreads <= machine.logicalCores)
    #expect(machine.physicalCores <= machine.logicalCores)
    #expect([16, 32, 64].contains(machine.vectorBytes))
    #expect(machine.caches.l1d >= 8 << 10 && machine.memoryBytes > 64 << 20)
    #expect(machine.architecture == .compiledFor)
  }
}

@Suite struct ThreadCountTests {
  private func machine(_ affinity: Int, quota: Double? = nil, requested: Int? = nil) -> Machine {
    Machine(
      architecture: .x86_64, cpuName: "x86-64-v3", features: [], logicalCores: affinity, cpuQuota: quota,
      requestedThreads: requested)
  }

  @Test func theSmallestLimitWins() {
    #expect(machine(8).availableThreads == 8)
    #expect(machine(8, quota: 2.5).availableThreads == 3)
    #expect(machine(8, quota: 0.1).availableThreads == 1)
    #expect(machine(8, quota: 1e300).availableThreads == 8)
    #expect(machine(8, quota: 6, requested: 2).availableThreads == 2)
    #expect(machine(2, requested: 64).availableThreads == 2)
    #expect(machine(0).availableThreads == 1)
  }

  @Test func theEnvironmentAsksForThreads() {
    var diagnostics = Diagnostics()
    func requested(_ environment: [String: String]) -> Int? {
      Machine.host(environment: environment, diagnostics: &diagnostics).requestedThreads
    }
    #expect(requested([:]) == nil)
    #expect(requested(["OMP_NUM_THREADS": "3"]) == 3)
    #expect(requested(["OMP_NUM_THREADS": " 4,2"]) == 4)
    #expect(requested(["OMP_NUM_THREADS": "3", "APUS_THREADS": "5"]) == 5)
    #expect(requested(["APUS_THREADS": ""]) == nil)
    #expect(diagnostics.list.isEmpty)
    #expect(requested(["OMP_NUM_THREADS": "3", "APUS_THREADS": "many"]) == 3)
    #expect(requested(["APUS_THREADS": "-1"]) == nil)
    #expect(requested(["APUS_THREADS": "0"]) == nil)
    #expect(diagnostics.list.map(\.id) == Array(repeating: "environment.threads", count: 3))
    #expect(diagnostics.list.allSatisfy { $0.severity == .warning })
  }
}

@Suite struct ControlGroupTests {
  private func machine(_ files: [String: String]) throws -> Machine {
    try FakeMachine(FakeMachine.zen3().merging(files) { $1 }).machine()
  }

  private let unified = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"

  @Test func version2TakesTheTightestLimitOnTheWayUp() throws {
    let found = try machine([
      "/proc/self/cgroup": "0::/user/job\n",
      "/proc/self/mountinfo": unified,
      "/sys/fs/cgroup/user/job/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/user/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/user/job/memory.max": "1073741824\n",
      "/sys/fs/cgroup/user/memory.max": "max\n",
    ])
    #expect(found.cpuQuota == 1.5 && found.availableThreads == 2)
    #expect(found.memoryLimitBytes == 1 << 30 && found.usableMemoryBytes == 1 << 30)
  }

  @Test(arguments: ["0::/\n", "0::/../../elsewhere\n", "0::/not/visible/here\n"])
  func version2WithinAContainer(group: String) throws {
    let found = try machine([
      "/proc/self/cgroup": group,
      "/proc/self/mountinfo": unified,
      "/sys/fs/cgroup/cpu.max": "50000 100000\n",
      "/sys/fs/cgroup/memory.max": "536870912\n",
    ])
    #expect(found.cpuQuota == 0.5 && found.memoryLimitBytes == 512 << 20)
  }

  @Test func version1WithinAContainer() throws {
    let found = try machine([
      "/proc/self/cgroup": "12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
      "/proc/self/mountinfo": """
        32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:10 - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
        """,
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
    ])
    #expect(found.cpuQuota == 2.5 && found.availableThreads == 3)
    #expect(found.memoryLimitBytes == 2 << 30)
  }

  @Test func version1WithoutLimits() throws {
    let found = try machine([
      "/proc/self/cgroup": "1:cpu:/\n4:memory:/job\n",
      "/proc/self/mountinfo": """
        32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
        """,
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712\n",
    ])
    #expect(found.cpuQuota == nil && found.memoryLimitBytes == nil && found.availableThreads == 4)
  }

  @Test func brokenTablesLimitNothing() throws {
    let found = try machine([
      "/proc/self/cgroup": "nonsense\n::\n0::/a\n",
      "/proc/self/mountinfo": "29 23 0:26 / \n- - - - - - - - - -\n" + unified,
      "/sys/fs/cgroup/a/cpu.max": "100000\n",
      "/sys/fs/cgroup/cpu.max": "100000 0\n",
      "/sys/fs/cgroup/memory.max": "-5\n",
    ])
    #expect(found.cpuQuota == nil && found.memoryLimitBytes == nil)
  }
}

@Suite struct PresetTests {
  @Test func presetsAreFoundByName() throws {
    #expect(try #require(Machine.preset("x86-64-v4")).vectorBytes == 64)
    #expect(try #require(Machine.preset("x86-64-v3")).vectorBytes == 32)
    #expect(try #require(Machine.preset("x86-64-v2")).vectorBytes == 16)
    #expect(try #require(Machine.preset("neoverse-v1")).architecture == .aarch64)
    #expect(Machine.preset("nothing") == nil)
    #expect(Set(Machine.presets.map(\.cpuName)).count == Machine.presets.count)
  }

  @Test func aPartialAVX512IsNotUsed() {
    let machine = Machine(architecture: .x86_64, cpuName: "knl", features: ["avx2", "fma", "avx512f"])
    #expect(machine.vectorBytes == 32 && machine.vectorRegisters == 16)
  }
}
