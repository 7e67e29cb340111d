import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Starting processes.
enum ChildProcess {
  #if canImport(Darwin)
    typealias FileActions = posix_spawn_file_actions_t?
    private typealias Attributes = posix_spawnattr_t?
  #else
    typealias FileActions = posix_spawn_file_actions_t
    private typealias Attributes = posix_spawnattr_t
  #endif

  /// What the system says against starting a process.
  struct Refusal: Error {
    let status: Int32
    var text: String { String(cString: strerror(status)) }
  }

  /// Starts an executable in a group of its own: an interruption from the keyboard is for whoever waits here. No signal is
  /// blocked or ignored in it.
  static func start(
    _ executable: String, _ arguments: [String], _ files: (inout FileActions) -> Void
  ) throws(Refusal) -> pid_t {
    #if canImport(Darwin)
      var (actions, attributes): (FileActions, Attributes)
    #else
      var (actions, attributes) = (FileActions(), Attributes())
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    files(&actions)
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGPIPE, SIGINT, SIGTERM, SIGABRT] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // What this thread blocks, the process must not.
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = [POSIX_SPAWN_SETPGROUP, POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK]
    posix_spawnattr_setflags(&attributes, Int16(flags.reduce(0) { $0 | Int32($1) }))
    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
    defer { for word in words { free(word) } }
    words.append(nil)
    var process: pid_t = 0
    let status = posix_spawn(&process, executable, &actions, &attributes, words, environ)
    if status != 0 { throw Refusal(status: status) }
    return process
  }
}
