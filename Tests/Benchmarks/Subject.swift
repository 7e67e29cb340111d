import ApusCompiler
import ApusTarget

/// What one run of a subject cannot do without: what its time is held against.
enum Work: Sendable {
  /// Floating-point operations; a fused multiply-add counts as two. Held against the core's peak in f32.
  case flops(Double)
  /// Bytes read and written, each once. Held against a copy of as many bytes.
  case bytes(Double)
  /// Anything else, counted and named: `(100_000, "op")`. Held against nothing; of several, the time of one is shown.
  case items(Double, String)
}

/// Something to measure.
struct Subject {
  /// Unique, without spaces: what filters on the command line look for.
  var name: String
  var work: Work
  /// The counts of threads to measure it with.
  var threads: [Int]
  /// Makes it ready to run on so many threads, and gives what is timed.
  var prepare: (_ threads: Int) throws -> () throws -> Void
  /// The same for onnxruntime, if there is such a thing.
  var peer: Peer?
  /// What is timed, and what it makes.
  private var make: ((_ threads: Int) throws -> () throws -> Any)?
  private(set) var measuresMemory = false

  init(
    _ name: String, _ work: Work, threads: [Int] = [1, 2], prepare: @escaping (_ threads: Int) throws -> () throws -> Void
  ) {
    self.name = name
    self.work = work
    self.threads = threads
    self.prepare = prepare
  }

  /// What is timed makes something, which takes memory.
  init(
    _ name: String, _ work: Work, threads: [Int], making make: @escaping (_ threads: Int) throws -> () throws -> Any
  ) {
    self.init(name, work, threads: threads) { threads in
      let body = try make(threads)
      return { _ = try body() }
    }
    self.make = make
  }

  /// With the anonymous memory that is taken by what it makes.
  func measuringMemory() -> Subject {
    var copy = self
    copy.measuresMemory = true
    return copy
  }

  /// Bytes of anonymous memory that this process takes while it makes one.
  func anonymousBytes() throws -> Int? {
    guard let make, let threads = threads.first else { return nil }
    return try AnonymousMemory.growth(make(threads))
  }

  /// With the same graph for onnxruntime.
  func against(_ peer: Peer) -> Subject {
    var copy = self
    copy.peer = peer
    return copy
  }
}

/// The subjects of one file of this target.
struct SubjectGroup {
  var name: String
  var subjects: [Subject]

  init(_ name: String, _ subjects: [Subject]) {
    self.name = name
    self.subjects = subjects
  }

  /// All of them, in the order in which they are shown.
  static func all() -> [SubjectGroup] {
    [
      .matmul(), .convolution(), .elementwise(), .normalization(), .folding(), .movement(), .ordering(), .text(), .imports(),
      .compile(), .fuzzing(),
    ]
  }
}
