import ApusRuntime
import ApusRuntimeABI
import Foundation
import Synchronization
import Testing

/// Counts how often each index of a loop is visited.
private final class Visits: Sendable {
  private nonisolated(unsafe) let counts: UnsafeMutablePointer<Int32>
  let count: Int

  init(_ count: Int) {
    self.count = count
    counts = .allocate(capacity: max(count, 1))
    counts.initialize(repeating: 0, count: max(count, 1))
  }

  deinit { counts.deallocate() }

  // No atomics: an index that two threads visit is a defect that the count, or a sanitizer, shows.
  func visit(_ range: Range<Int>) { for index in range { counts[index] += 1 } }
  var isExact: Bool { (0..<count).allSatisfy { counts[$0] == 1 } }
}

@Suite struct PoolTests {
  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 64, 1001])
  func visitsEveryIndexOnce(threads: Int, count: Int) {
    for spin in [0, 50] {
      let pool = ThreadPool(threads: threads, spinMicroseconds: spin)
      #expect(pool.threads == threads)
      for grain in [1, 3, 64, 5000] {
        let visits = Visits(count)
        pool.parallelFor(count: count, grain: grain) { range in
          #expect(range.lowerBound % grain == 0)
          #expect(range.upperBound % grain == 0 || range.upperBound == count)
          #expect(!range.isEmpty)
          visits.visit(range)
        }
        #expect(visits.isExact, "\(threads) threads, \(count) by \(grain), spin \(spin)")
      }
    }
  }

  @Test func oddArgumentsAreHarmless() {
    let pool = ThreadPool(threads: -3, spinMicroseconds: -1)
    #expect(pool.threads == 1)
    pool.parallelFor(count: -5) { _ in Issue.record("a negative count has no indices") }
    let visits = Visits(10)
    pool.parallelFor(count: 10, grain: -2) { visits.visit($0) }
    #expect(visits.isExact)
  }

  @Test func countsNearTheLimitDoNotOverflow() {
    let pool = ThreadPool(threads: 4)
    let total = Atomic<Int>(0)
    pool.parallelFor(count: .max, grain: 1) { total.wrappingAdd($0.count, ordering: .relaxed) }
    #expect(total.load(ordering: .relaxed) == .max)
    pool.parallelFor(count: .max, grain: .max / 2) { total.wrappingSubtract($0.count, ordering: .relaxed) }
    #expect(total.load(ordering: .relaxed) == 0)
  }

  @Test func otherThreadsTakePart() {
    let pool = ThreadPool(threads: 2)
    let seen = Mutex<Set<UInt>>([])
    // Each of the two parts waits for the other to begin, which the caller alone could not bring about.
    let begun = Atomic<Int>(0)
    pool.parallelFor(count: 2) { range in
      seen.withLock { _ = $0.insert(UInt(bitPattern: Int(pthread_self()))) }
      begun.wrappingAdd(range.count, ordering: .relaxed)
      while begun.load(ordering: .relaxed) < 2 { sched_yield() }
    }
    #expect(seen.withLock { $0.count } == 2)
  }

  @Test func nestedLoopsRunInline() {
    let pool = ThreadPool(threads: 3)
    let visits = Visits(40 * 25)
    pool.parallelFor(count: 40) { outer in
      for row in outer {
        pool.parallelFor(count: 25, grain: 4) { inner in
          visits.visit(row * 25 + inner.lowerBound..<row * 25 + inner.upperBound)
        }
      }
    }
    #expect(visits.isExact)
  }

  @Test func concurrentCallersAreIndependent() {
    let pool = ThreadPool(threads: 3)
    let failures = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { caller in
      for round in 0..<200 {
        let visits = Visits((caller * 131 + round * 17) % 300)
        pool.parallelFor(count: visits.count, grain: 1 + round % 5) { visits.visit($0) }
        if !visits.isExact { failures.wrappingAdd(1, ordering: .relaxed) }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  @Test func poolsComeAndGo() {
    for round in 0..<100 {
      let pool = ThreadPool(threads: 1 + round % 8, spinMicroseconds: round % 3 * 20)
      guard round % 2 == 0 else { continue }
      let visits = Visits(round)
      pool.parallelFor(count: round) { visits.visit($0) }
      #expect(visits.isExact)
    }
  }

  @Test func wakesAfterSleeping() {
    let pool = ThreadPool(threads: 4, spinMicroseconds: 0)
    for _ in 0..<20 {
      usleep(300)
      let visits = Visits(100)
      pool.parallelFor(count: 100) { visits.visit($0) }
      #expect(visits.isExact)
    }
  }

  @Test(arguments: [1, 4]) func afterAFailureTheRestIsSkipped(threads: Int) {
    let pool = apus_pool_create(Int32(threads), 20)
    defer { apus_pool_destroy(pool) }
    var context = apus_context()
    apus_context_init(&context, pool)
    apus_context_fail(&context, Int32(apus_status_guard_failed), 1, 2, 3)
    var calls = 0
    apus_pool_parallel_for(
      &context, { _, closure, _, _ in closure?.assumingMemoryBound(to: Int.self).pointee += 1 }, &calls, 100, 1)
    #expect(calls == 0 && apus_context_status(&context) == Int32(apus_status_guard_failed))
  }

  @Test(arguments: [1, 4]) func cancellationIsRecorded(threads: Int) {
    let pool = apus_pool_create(Int32(threads), 20)
    defer { apus_pool_destroy(pool) }
    var context = apus_context()
    apus_context_init(&context, pool)
    apus_context_cancel(&context)
    var calls = 0
    apus_pool_parallel_for(
      &context, { _, closure, _, _ in closure?.assumingMemoryBound(to: Int.self).pointee += 1 }, &calls, 100, 1)
    #expect(calls == 0 && apus_context_status(&context) == Int32(apus_status_cancelled))
  }

  #if canImport(Glibc)
    // A child of fork has the pool but none of its workers. Swift hides `fork`; the child touches C only.
    @Test(arguments: [Int32(0), 50]) func aForkedChildFinishesItsLoops(spin: Int32) throws {
      let symbol = try #require(dlsym(nil, "fork"))
      let fork = unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
      let pool = apus_pool_create(4, spin)
      var context = apus_context()
      apus_context_init(&context, pool)
      let sum: apus_body = { _, closure, begin, end in
        closure?.assumingMemoryBound(to: Int64.self).pointee += end - begin
      }
      let child = fork()
      if child == 0 {
        var count: Int64 = 0
        for _ in 0..<100 { apus_pool_parallel_for(&context, sum, &count, 77, 2) }
        apus_pool_destroy(pool)
        _exit(count == 7700 ? 0 : 1)
      }
      try #require(child > 0)
      var status: Int32 = -1
      #expect(waitpid(child, &status, 0) == child)
      #expect(status == 0)
      apus_pool_destroy(pool)
    }
  #endif

  @Test func withoutAPoolALoopRunsOnItsCaller() {
    var context = apus_context()
    apus_context_init(&context, nil)
    #expect(apus_pool_threads(nil) == 1)
    var sum: Int64 = 0
    context.parallel_for(
      &context, { _, closure, begin, end in closure?.assumingMemoryBound(to: Int64.self).pointee += end - begin },
      &sum, 77, 10)
    #expect(sum == 77)
  }

  #if canImport(Glibc)
    @Test func callersRoundingDoesNotReachTheCode() {
      var context = apus_context()
      apus_context_init(&context, nil)
      let toNearest = tenth()
      let entry: apus_entry = { _, _, outputs in
        outputs?.pointee.data?.storeBytes(of: tenth(), as: Double.self)
        return 0
      }
      var inside = 0.0
      withUnsafeMutableBytes(of: &inside) { bytes in
        var output = apus_tensor(data: bytes.baseAddress, dims: nil, element_type: 1, rank: 0)
        fesetround(FE_DOWNWARD)
        _ = apus_invoke(entry, &context, nil, &output)
      }
      let after = tenth()
      fesetround(FE_TONEAREST)
      #expect(inside == toNearest)
      #expect(after == toNearest.nextDown, "the caller's rounding is back")
    }
  #endif
}

/// 1 / 10, which lies below the nearest double, divided when it is called.
@inline(never) private func tenth() -> Double { one / ten }
private let one = Double("1") ?? 0
private let ten = Double("10") ?? 0
