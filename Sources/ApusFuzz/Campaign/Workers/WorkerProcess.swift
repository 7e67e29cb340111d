import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How a worker is started.
public struct WorkerCommand: Sendable {
  /// The path of the executable.
  public var executable: String
  public var arguments: [String]

  public init(_ executable: String, _ arguments: [String]) {
    self.executable = executable
    self.arguments = arguments
  }
}

/// The outer side of a worker: a process that reads requests from its stdin and reports on its stdout.
final class WorkerProcess {
  /// How a process ended.
  enum Ending: Equatable {
    case status(Int32)
    case signal(Int32)
  }

  let process: pid_t
  private let input: Int32
  let output: Int32
  let errors: Int32
  private var partial: [UInt8] = []
  private var lastErrors: [UInt8] = []
  private(set) var ending: Ending?

  /// What a process last said on stderr is kept up to this length.
  private static let keptErrors = 4096

  /// Throws `fuzz.worker` where no process can be started.
  init(_ command: WorkerCommand) throws(DiagnosticError) {
    let (input, output, errors) = (try Channel(), try Channel(), try Channel())
    var isStarted = false
    defer {
      for channel in [input, output, errors] where !isStarted { channel.close() }
    }
    let process: pid_t
    do {
      process = try ChildProcess.start(command.executable, command.arguments) { actions in
        for (channel, target) in [(input, STDIN_FILENO), (output, STDOUT_FILENO), (errors, STDERR_FILENO)] {
          posix_spawn_file_actions_adddup2(&actions, channel.inner, target)
        }
      }
    } catch {
      throw DiagnosticError(id: "fuzz.worker", "'\(command.executable)' cannot be started: \(error.text)")
    }
    isStarted = true
    for channel in [input, output, errors] { closeEnd(channel.inner) }
    (self.process, self.input, self.output, self.errors) = (process, input.outer, output.outer, errors.outer)
    for end in [self.output, self.errors] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
  }

  deinit {
    kill()
    close(input)
    close(output)
    close(errors)
  }

  /// Sends whole lines. A process that is gone does not read them, which its ending tells.
  func send(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { systemSend(input, $0) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// The lines that have come since.
  func lines() -> [String] {
    var lines: [String] = []
    Self.read(output) { bytes in
      var rest = bytes[...]
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        partial += rest[..<end]
        lines.append(String(decoding: partial, as: UTF8.self))
        partial.removeAll(keepingCapacity: true)
        rest = rest[(end + 1)...]
      }
      partial += rest
    }
    return lines
  }

  /// The end of what the process has said on stderr.
  func errorText() -> String {
    readErrors()
    return String(decoding: lastErrors, as: UTF8.self)
  }

  func readErrors() {
    Self.read(errors) { bytes in lastErrors = Array((lastErrors + bytes).suffix(Self.keptErrors)) }
  }

  /// Whether the process has ended; how is then in `ending`.
  func hasEnded() -> Bool {
    if ending != nil { return true }
    var status: Int32 = 0
    guard waitpid(process, &status, WNOHANG) == process else { return false }
    note(status)
    return true
  }

  /// Asks the process, which does not answer any more, to say what it is doing.
  func abort() { if ending == nil { _ = signal(SIGABRT) } }

  /// Ends the process and all it has started.
  func kill() {
    guard ending == nil else { return }
    _ = signal(SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    note(status)
  }

  private func signal(_ number: Int32) -> Int32 {
    #if canImport(Glibc)
      Glibc.kill(-process, number)
    #else
      Darwin.kill(-process, number)
    #endif
  }

  private func note(_ status: Int32) {
    let signal = status & 0x7F
    ending = signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
  }

  private static func read(_ descriptor: Int32, _ take: ([UInt8]) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
      while true {
        let count = systemRead(descriptor, buffer)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        take(Array(buffer[..<count]))
      }
    }
  }
}

private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  #if canImport(Glibc)
    send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
  #else
    send(descriptor, bytes.baseAddress, bytes.count, 0)
  #endif
}

private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, buffer.baseAddress, buffer.count)
}

/// Two connected ends that no other process inherits. Sockets, as what is sent to nobody must not raise a signal.
private struct Channel {
  /// The worker's.
  let inner: Int32
  let outer: Int32

  init() throws(DiagnosticError) {
    var ends: [Int32] = [0, 0]
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      throw DiagnosticError(id: "fuzz.worker", "a worker cannot be reached: \(String(cString: strerror(errno)))")
    }
    (inner, outer) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    #if canImport(Darwin)
      var isSilent: Int32 = 1
      setsockopt(outer, SOL_SOCKET, SO_NOSIGPIPE, &isSilent, socklen_t(MemoryLayout<Int32>.size))
    #endif
  }

  func close() {
    closeEnd(inner)
    closeEnd(outer)
  }
}

private func closeEnd(_ descriptor: Int32) { close(descriptor) }
