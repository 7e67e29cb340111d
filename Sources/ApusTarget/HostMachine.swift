import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension Machine {
  /// This machine, with the limits under which this process runs. What cannot be found out has the values of a
  /// small, old machine.
  ///
  /// `environment` may ask for fewer threads: `APUS_THREADS`, or else the first number of `OMP_NUM_THREADS`.
  public static func host(environment: [String: String] = [:]) -> Machine {
    var ignored = Diagnostics()
    return host(environment: environment, diagnostics: &ignored)
  }

  /// As `host(environment:)`; warns with `environment.threads` of a value that is no positive number.
  public static func host(environment: [String: String], diagnostics: inout Diagnostics) -> Machine {
    #if os(macOS)
      var machine = Machine.darwin()
    #else
      var machine = Machine.linux(root: "", architecture: .compiledFor)
    #endif
    machine.requestedThreads = threadRequest(environment, &diagnostics)
    return machine
  }

  /// The Linux machine that the files below `root` describe: `/proc/cpuinfo`, `/proc/meminfo`, `/proc/self`,
  /// `/sys/devices/system/cpu`, `/sys/fs/cgroup`, `/sys/kernel/mm`. An empty `root` is this machine.
  public static func linux(root: String, architecture: Architecture) -> Machine {
    let tree = FileTree(root: root)
    let cpuinfo = tree.fields("/proc/cpuinfo")
    let groups = ControlGroups(tree: tree)
    let online = tree.text("/sys/devices/system/cpu/online").flatMap { cpuList($0) } ?? []
    let logical = online.isEmpty ? max(1, processorLines(tree)) : online.count
    let allowed = tree.fields("/proc/self/status")["Cpus_allowed_list"].flatMap { cpuList($0) } ?? []
    let affinity = online.isEmpty ? allowed.count : Set(allowed).intersection(online).count
    let features = instructionSets(cpuinfo, architecture)
    return Machine(
      architecture: architecture, operatingSystem: .linux,
      cpuName: processorName(cpuinfo, features, architecture), features: features,
      caches: dataCaches(tree, cpu: allowed.first ?? 0), logicalCores: logical,
      physicalCores: coreCount(tree, online) ?? logical,
      affinityCount: affinity == 0 ? logical : min(affinity, logical),
      cpuQuota: groups.cpuQuota, memoryBytes: memoryField(tree, "MemTotal") ?? 1 << 30,
      memoryLimitBytes: groups.memoryLimit)
  }
}

extension Machine.Architecture {
  /// That of this program.
  public static var compiledFor: Self {
    #if arch(arm64)
      .aarch64
    #else
      .x86_64
    #endif
  }
}

private func threadRequest(_ environment: [String: String], _ diagnostics: inout Diagnostics) -> Int? {
  for name in ["APUS_THREADS", "OMP_NUM_THREADS"] {
    guard let value = environment[name], !value.isEmpty else { continue }
    // OpenMP allows one number per level of nesting.
    let first = value.split(separator: ",", omittingEmptySubsequences: false)[0]
    if let count = Int(first.filter { $0 != " " }), count > 0 { return count }
    diagnostics.add(
      Diagnostic(
        .warning, id: "environment.threads", "\(name) is '\(value)', not a positive number; it is ignored"))
  }
  return nil
}

private func instructionSets(_ cpuinfo: [Substring: Substring], _ architecture: Machine.Architecture) -> Set<String> {
  let flags = cpuinfo["flags"] ?? cpuinfo["Features"] ?? ""
  let found = InstructionSets.features(flags: Set(flags.split(separator: " ")), architecture)
  switch architecture {
  case .x86_64: return found.union(Levels.v1)
  case .aarch64: return found.union(["fp-armv8", "neon"])
  }
}

private func processorName(
  _ cpuinfo: [Substring: Substring], _ features: Set<String>, _ architecture: Machine.Architecture
) -> String {
  switch architecture {
  case .x86_64:
    return ProcessorNames.x86(
      vendor: cpuinfo["vendor_id"] ?? "", family: cpuinfo["cpu family"].flatMap { Int($0) } ?? 0,
      model: cpuinfo["model"].flatMap { Int($0) } ?? 0, features: features)
  case .aarch64:
    func hexadecimal(_ name: Substring) -> Int { cpuinfo[name].flatMap { Int($0.dropFirst(2), radix: 16) } ?? 0 }
    return ProcessorNames.arm(implementer: hexadecimal("CPU implementer"), part: hexadecimal("CPU part"))
  }
}

private func processorLines(_ tree: FileTree) -> Int {
  tree.lines("/proc/cpuinfo").count { $0.hasPrefix("processor") }
}

/// Distinct pairs of package and core among the processors that are online.
private func coreCount(_ tree: FileTree, _ online: [Int]) -> Int? {
  var cores: Set<[Int]> = []
  for cpu in online {
    let topology = "/sys/devices/system/cpu/cpu\(cpu)/topology"
    guard let core = tree.integer(topology + "/core_id"),
      let package = tree.integer(topology + "/physical_package_id")
    else { return nil }
    cores.insert([package, tree.integer(topology + "/die_id") ?? 0, core])
  }
  return cores.isEmpty ? nil : cores.count
}

private func dataCaches(_ tree: FileTree, cpu: Int) -> Machine.Caches {
  var caches = Machine.Caches.fallback
  var found: [Int: Int] = [:]
  for index in 0..<8 {
    let path = "/sys/devices/system/cpu/cpu\(cpu)/cache/index\(index)"
    guard let level = tree.integer(path + "/level"), let size = tree.size(path + "/size"), size > 0,
      tree.text(path + "/type") != "Instruction"
    else { continue }
    found[level] = size
    if let line = tree.integer(path + "/coherency_line_size"), line.nonzeroBitCount == 1 { caches.lineBytes = line }
    if level == 3, let list = tree.text(path + "/shared_cpu_list"), let sharers = cpuList(list) {
      caches.l3Sharers = max(1, sharers.count)
    }
  }
  guard !found.isEmpty else { return caches }
  caches.l1d = found[1] ?? caches.l1d
  caches.l2 = found[2] ?? caches.l2
  caches.l3 = found[3] ?? 0
  if found[3] == nil { caches.l3Sharers = 1 }
  return caches
}

/// A field such as `MemTotal: 24684096 kB`, in bytes.
private func memoryField(_ tree: FileTree, _ name: Substring) -> Int? {
  guard let text = tree.fields("/proc/meminfo")[name], let number = text.split(separator: " ").first,
    let kibibytes = Int(number), kibibytes > 0, kibibytes < 1 << 50
  else { return nil }
  return kibibytes << 10
}

#if os(macOS)
  extension Machine {
    fileprivate static func darwin() -> Machine {
      func number(_ name: String) -> Int? {
        var value: Int64 = 0
        var size = MemoryLayout<Int64>.size
        return sysctlbyname(name, &value, &size, nil, 0) == 0 && value > 0 ? Int(value) : nil
      }
      var caches = Caches.fallback
      caches.l1d = number("hw.perflevel0.l1dcachesize") ?? number("hw.l1dcachesize") ?? caches.l1d
      caches.l2 = number("hw.perflevel0.l2cachesize") ?? number("hw.l2cachesize") ?? caches.l2
      caches.l3 = number("hw.l3cachesize") ?? 0
      caches.lineBytes = number("hw.cachelinesize") ?? 64
      let logical = number("hw.logicalcpu") ?? 1
      let isApple = Architecture.compiledFor == .aarch64
      return Machine(
        architecture: .compiledFor, operatingSystem: .macOS, cpuName: isApple ? "apple-m1" : "x86-64-v3",
        features: isApple ? ["fp-armv8", "neon", "lse", "fullfp16", "dotprod", "fp16fml"] : Levels.v3,
        caches: caches, logicalCores: logical, physicalCores: number("hw.physicalcpu") ?? logical,
        memoryBytes: number("hw.memsize") ?? 1 << 30)
    }
  }
#endif
