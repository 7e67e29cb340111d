/// What the control groups of this process, of version 1 or 2, grant it: the tightest limit on the way from
/// its own group to the root of what is mounted.
///
/// Source: the kernel's `cgroup-v1/cgroups.rst`, `cgroup-v2.rst` and `proc_pid_mountinfo(5)`.
struct ControlGroups {
  var tree: FileTree

  /// Processors' worth of time, or nil where nothing limits it.
  var cpuQuota: Double? {
    let unified = directories(controller: nil).compactMap { directory -> Double? in
      let parts = tree.text(directory + "/cpu.max")?.split(separator: " ") ?? []
      guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]) else { return nil }
      return ratio(quota, period)
    }
    let legacy = directories(controller: "cpu").compactMap { directory -> Double? in
      guard let quota = tree.integer(directory + "/cpu.cfs_quota_us"),
        let period = tree.integer(directory + "/cpu.cfs_period_us")
      else { return nil }
      return ratio(Double(quota), Double(period))
    }
    return (unified + legacy).min()
  }

  /// Bytes of memory, or nil where nothing limits it.
  var memoryLimit: Int? {
    let unified = directories(controller: nil).compactMap { tree.integer($0 + "/memory.max") }
    let legacy = directories(controller: "memory").compactMap { tree.integer($0 + "/memory.limit_in_bytes") }
    // Version 1 writes "no limit" as the largest multiple of a page.
    return (unified + legacy).filter { $0 > 0 && $0 < 1 << 60 }.min()
  }

  /// -1 in version 1 is "no limit".
  private func ratio(_ quota: Double, _ period: Double) -> Double? {
    quota > 0 && period > 0 ? quota / period : nil
  }

  /// The directories that hold this process's limits, its own group's first. `controller` is nil for version 2.
  private func directories(controller: Substring?) -> [String] {
    guard let group = groupPath(controller), let mount = mount(controller) else { return [] }
    // Within a container, the mount often shows only a part of the hierarchy, or none of the group's path.
    var path = group[...]
    if mount.root != "/", (path + "/").hasPrefix(mount.root + "/") { path = path.dropFirst(mount.root.count) }
    var names = path.split(separator: "/")
    if names.contains("..") { names = [] }
    return (0...names.count).reversed().map { count in
      ([mount.point] + names.prefix(count)).joined(separator: "/")
    }
  }

  /// The path of this process's group in the hierarchy of `controller`: lines of `ID:controllers:path`.
  private func groupPath(_ controller: Substring?) -> Substring? {
    for line in tree.lines("/proc/self/cgroup") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let controllers = parts[1].split(separator: ",")
      if let controller { if controllers.contains(controller) { return parts[2] } }
      else if controllers.isEmpty { return parts[2] }
    }
    return nil
  }

  /// Where the hierarchy is mounted: fields 4 and 5 before the dash, type and options behind it.
  private func mount(_ controller: Substring?) -> (root: Substring, point: Substring)? {
    for line in tree.lines("/proc/self/mountinfo") {
      let fields = line.split(separator: " ")
      guard fields.count >= 10, let dash = fields.firstIndex(of: "-"), dash + 3 < fields.count else { continue }
      let (root, point, type, options) = (fields[3], fields[4], fields[dash + 1], fields[dash + 3])
      if let controller {
        if type == "cgroup", options.split(separator: ",").contains(controller) { return (root, point) }
      } else if type == "cgroup2" {
        return (root, point)
      }
    }
    return nil
  }
}
