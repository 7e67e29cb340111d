import ApusSupport
import Synchronization

/// The id of the first diagnostic that `body` throws; nil when it does not throw, "?" for another error.
func errorID(_ body: () throws -> Void) -> String? {
  do { try body() } catch let error as DiagnosticError { return error.diagnostics.first?.id } catch { return "?" }
  return nil
}

final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func increment() { count.add(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}
