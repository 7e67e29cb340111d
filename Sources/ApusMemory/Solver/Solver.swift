internal import CSolver

/// A library that solves integer programs, HiGHS or CBC, to be opened in a process of its own when it is needed.
///
/// Nothing that it says is taken on trust: what it finds is checked, and what it claims to have proven is not counted.
public struct Solver: Sendable, Hashable {
  /// A path, or a name that the system's loader looks for.
  public var library: String

  public init(library: String) { self.library = library }

  /// The libraries to try, in this order: `override` alone if it is given (what `APUS_SOLVER` says), else the usual names.
  public static func candidates(override: String? = nil) -> [Solver] {
    if let override, !override.isEmpty { return [Solver(library: override)] }
    return [
      "libhighs.so", "libhighs.so.1", "libhighs.dylib", "libCbcSolver.so.3", "libCbcSolver.so", "libCbcSolver.dylib",
    ].map { Solver(library: $0) }
  }

  /// Which solver a library is, and which version.
  public struct Identity: Sendable, Hashable {
    public var name: String
    public var version: String
  }

  /// Asks the library what it is; nil if there is none, or one that Apus does not know or that fails at once.
  public func identify() -> Identity? {
    var answer = apus_solver_answer()
    apus_solver_run(library, nil, 2, nil, &answer)
    guard answer.status == Int32(APUS_SOLVER_DONE.rawValue), let name = Self.name(answer.kind) else { return nil }
    return Identity(name: name, version: Self.text(answer))
  }

  /// The first of the candidates that can be opened.
  public static func find(override: String? = nil) -> Solver? {
    candidates(override: override).first { $0.identify() != nil }
  }

  /// What came of it, none of which is checked.
  enum Answer {
    case point([Double], objective: Double, bound: Double, name: String)
    /// Why there is none, for reports.
    case failure(String)
  }

  func solve(_ program: BinaryProgram, seconds: Double) -> Answer {
    guard program.fits else { return .failure("the program is too large for the solver") }
    var answer = apus_solver_answer()
    var point = [Double](repeating: 0, count: program.costs.count)
    program.withProgram { row in
      withUnsafePointer(to: row) { apus_solver_run(library, $0, seconds, &point, &answer) }
    }
    switch answer.status {
    case Int32(APUS_SOLVER_DONE.rawValue):
      return .point(point, objective: answer.objective, bound: answer.bound, name: Self.name(answer.kind) ?? "a solver")
    case Int32(APUS_SOLVER_MISSING.rawValue): return .failure("no solver in \(library)")
    case Int32(APUS_SOLVER_LATE.rawValue): return .failure("the solver took too long and was stopped")
    case Int32(APUS_SOLVER_ENDED.rawValue) where answer.detail > 0:
      return .failure("the solver was ended by signal \(answer.detail)")
    case Int32(APUS_SOLVER_ENDED.rawValue): return .failure("the solver ended without an answer")
    case _: return .failure("the solver could not be started (error \(answer.detail))")
    }
  }

  private static func name(_ kind: Int32) -> String? {
    switch kind {
    case Int32(APUS_SOLVER_HIGHS.rawValue): "HiGHS"
    case Int32(APUS_SOLVER_CBC.rawValue): "CBC"
    case _: nil
    }
  }

  /// Letters, digits and dots: it comes from outside.
  private static func text(_ answer: apus_solver_answer) -> String {
    withUnsafeBytes(of: answer.version) { bytes in
      let known = bytes.prefix { $0 != 0 }.filter { $0 == 0x2E || (0x30...0x39).contains($0) || (0x41...0x7A).contains($0) }
      return String(decoding: known, as: UTF8.self)
    }
  }
}

/// The least sum of costs of columns that are 0 or 1, where each row is at most its limit.
struct BinaryProgram: Sendable {
  var costs: [Double] = []
  var limits: [Double] = []
  var starts: [Int32] = [0]
  var indices: [Int32] = []
  var values: [Double] = []
  var start: [Double] = []

  mutating func addColumn(_ cost: Int, start: Bool) -> Int {
    costs.append(Double(cost))
    self.start.append(start ? 1 : 0)
    return costs.count - 1
  }

  mutating func addRow(_ entries: [(column: Int, value: Int)], atMost limit: Int) {
    for (column, value) in entries {
      indices.append(Int32(truncatingIfNeeded: column))
      values.append(Double(value))
    }
    starts.append(Int32(truncatingIfNeeded: indices.count))
    limits.append(Double(limit))
  }

  /// Whether all counts are numbers of 32 bits.
  var fits: Bool { max(costs.count, limits.count, indices.count) < Int(Int32.max) }

  fileprivate func withProgram(_ body: (apus_program) -> Void) {
    costs.withUnsafeBufferPointer { costs in
      limits.withUnsafeBufferPointer { limits in
        starts.withUnsafeBufferPointer { starts in
          indices.withUnsafeBufferPointer { indices in
            values.withUnsafeBufferPointer { values in
              start.withUnsafeBufferPointer { start in
                body(
                  apus_program(
                    columns: Int32(self.costs.count), rows: Int32(self.limits.count), entries: Int32(self.indices.count),
                    costs: costs.baseAddress, limits: limits.baseAddress, starts: starts.baseAddress,
                    indices: indices.baseAddress, values: values.baseAddress, start: start.baseAddress))
              }
            }
          }
        }
      }
    }
  }
}
