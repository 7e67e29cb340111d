import ApusRuntime
import ApusRuntimeABI
import ApusSupport
import ApusTensor
import Foundation
import Testing

private typealias Plan = Executable.CallPlan

private func ids(_ body: () throws -> Void) -> [String] {
  do {
    try body()
    return []
  } catch let error as DiagnosticError {
    return error.diagnostics.map(\.id)
  } catch {
    return ["\(error)"]
  }
}

/// y[N] = x[N] + w[2][0], through the arena and a parallel loop; allocates y when it is given none.
private let addEntry: apus_entry = { context, inputs, outputs in
  guard let context, let inputs, let outputs else { return 99 }
  let count = inputs[0].dims[0]
  if outputs[0].data == nil { outputs[0].data = context.pointee.allocate(context, count * 4) }
  outputs[0].dims[0] = count
  guard let arena = context.pointee.arena, outputs[0].data != nil else { return context.pointee.status }
  arena.storeBytes(of: inputs[1].data.load(as: Float.self), as: Float.self)
  var closure = (inputs[0].data, outputs[0].data, arena)
  context.pointee.parallel_for(
    context,
    { _, closure, begin, end in
      typealias Closure = (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer)
      guard let (x, y, arena) = closure?.load(as: Closure.self), let x, let y else { return }
      for index in Int(begin)..<Int(end) {
        let value = x.load(fromByteOffset: index * 4, as: Float.self) + arena.load(as: Float.self)
        y.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
      }
    }, &closure, count, 8)
  return context.pointee.status
}

private func adder(
  dynamic: Bool = false, arenaBytes: Int = 64, options: Executable.Options = .init()
) -> Executable {
  entryExecutable(
    inputs: [TensorSignature("x", .f32, [.symbolic("N")]), TensorSignature("w", .f32, [.fixed(2)])],
    outputs: [TensorSignature("y", .f32, [.symbolic("N")])], options: options,
    plan: { Plan(arenaBytes: arenaBytes, outputShapes: [dynamic ? nil : $0[0]]) }, entry: addEntry)
}

@Suite struct ExecutableTests {
  private let x = Tensor([1, 2, 3] as [Float])
  private let w = Tensor([10, 20] as [Float])
  private let sum = Tensor([11, 12, 13] as [Float])

  @Test(arguments: [false, true]) func runsByPosition(dynamic: Bool) throws {
    let add = adder(dynamic: dynamic)
    #expect(try add.run([x, w]) == [sum])
    for count in [0, 1, 7, 100, 33] {
      let values = (0..<count).map(Float.init)
      #expect(try add.run([Tensor(values), w]) == [Tensor(values.map { $0 + 10 })])
    }
  }

  @Test func runsByName() throws {
    #expect(try adder().run(named: ["w": w, "x": x]) == ["y": sum])
  }

  @Test func runsAsynchronously() async throws {
    let add = adder()
    let inputs = ["w": w, "x": x]
    #expect(try await add.run(named: inputs) == ["y": sum])
    #expect(try await add.run([x, w]) == [sum])
  }

  @Test func outputsOutliveTheirExecutable() throws {
    let outputs = try adder(dynamic: true).run([x, w])
    #expect(outputs == [sum])
  }

  @Test func namesAreChecked() {
    let add = adder()
    #expect(ids { _ = try add.run(named: ["x": x]) } == ["input.missing"])
    let misnamed = ids { _ = try add.run(named: ["x": x, "v": w, "a": w]) }
    #expect(misnamed == ["input.missing", "input.unknown", "input.unknown"])
    #expect(ids { _ = try add.run(named: ["x": x, "w": w, "v": w]) } == ["input.unknown"])
  }

  @Test func inputsAreChecked() {
    let add = adder()
    #expect(ids { _ = try add.run([x]) } == ["input.count"])
    #expect(ids { _ = try add.run([x, w, w]) } == ["input.count"])
    #expect(ids { _ = try add.run([x, x]) } == ["input.shape"])
    let mistyped = ids { _ = try add.run([Tensor([1] as [Double]), Tensor(scalar: Float(1))]) }
    #expect(mistyped == ["input.type", "input.rank"])
    do {
      _ = try add.run([x, x])
    } catch {
      #expect("\(error)".contains("'w' is f32[3], but f32[2] is expected"))
    }
  }

  @Test func whatThePlanThrowsTheCallThrows() {
    let executable = entryExecutable(
      inputs: [], outputs: [],
      plan: { _ throws(DiagnosticError) in throw DiagnosticError(id: "plan.own", "no") }, entry: addEntry)
    #expect(ids { _ = try executable.run([]) } == ["plan.own"])
  }

  @Test func writesIntoGivenRoom() throws {
    let add = adder()
    var room = [try Tensor.zeros(.f32, shape: [3])]
    let address = room[0].withUnsafeBytes { $0.baseAddress }
    try add.run([x, w], into: &room)
    #expect(room == [sum])
    #expect(room[0].withUnsafeBytes { $0.baseAddress } == address, "nothing is allocated")
    let copy = room
    try add.run([sum, w], into: &room)
    #expect(copy == [sum], "shared room is not written")
    #expect(room == [Tensor([21, 22, 23] as [Float])])
    try add.run([room[0], w], into: &room)
    #expect(room == [Tensor([31, 32, 33] as [Float])], "an input may be the room")
  }

  @Test func roomIsChecked() throws {
    let add = adder()
    var none: [Tensor] = []
    #expect(ids { try add.run([x, w], into: &none) } == ["output.count"])
    var long = [try Tensor.zeros(.f32, shape: [4])]
    #expect(ids { try add.run([x, w], into: &long) } == ["output.shape"])
    var wide = [try Tensor.zeros(.f64, shape: [3])]
    #expect(ids { try add.run([x, w], into: &wide) } == ["output.type"])
    var room = [try Tensor.zeros(.f32, shape: [3])]
    #expect(ids { try adder(dynamic: true).run([x, w], into: &room) } == ["output.unknown-shape"])
    #expect(room.count == 1, "the room stays with the caller")
  }

  @Test func roomSurvivesAFailure() throws {
    let fail = failing(Int32(apus_status_guard_failed), site: -1)
    var room: [Tensor] = []
    #expect(ids { try fail.run([], into: &room) } == ["run.guard"])
    let cancelled = Cancellation()
    cancelled.cancel()
    var kept = [try Tensor.zeros(.f32, shape: [3])]
    #expect(throws: CancellationError.self) { try adder().run([x, w], into: &kept, cancellation: cancelled) }
    #expect(kept == [try Tensor.zeros(.f32, shape: [3])])
  }

  @Test func oddAddressesAreAllowed() throws {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 13, alignment: 64)
    defer { bytes.deallocate() }
    for (index, value) in [Float(1), 2, 3].enumerated() {
      bytes.storeBytes(of: value, toByteOffset: 1 + index * 4, as: Float.self)
    }
    let storage = TensorStorage(borrowing: UnsafeRawBufferPointer(rebasing: bytes[1...]))
    let odd = try Tensor(.f32, shape: [3], storage: storage)
    #expect(try adder().run([odd, w]) == [sum])
  }

  @Test func memoryIsLimited() {
    #expect(ids { _ = try adder(dynamic: true, options: .init(allocationLimit: 0)).run([x, w]) } == ["run.memory"])
    #expect(ids { _ = try adder(arenaBytes: 65, options: .init(arenaLimit: 64)).run([x, w]) } == ["run.memory"])
    #expect(ids { _ = try adder(arenaBytes: .max).run([x, w]) } == ["run.memory"])
  }

  @Test func manyTasksShareOneExecutable() async throws {
    let add = adder(dynamic: true)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<24 {
        group.addTask {
          let bias = Tensor([Float(task), 0])
          for count in 0..<20 {
            let values = (0..<count * 5).map(Float.init)
            let outputs = try await add.run([Tensor(values), bias])
            if outputs != [Tensor(values.map { $0 + Float(task) })] { return false }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}

/// An executable without tensors that fails at once.
private func failing(_ status: Int32, site: Int64, sites: [FailureSite] = []) -> Executable {
  entryExecutable(
    inputs: [], outputs: [], sites: sites, plan: { _ in Plan(arenaBytes: 0, outputShapes: []) },
    entry: failEntries[Int(status) * 100 + Int(site + 1)] ?? { _, _, _ in 0 })
}

/// By status × 100 + site + 1: a C function captures nothing.
private let failEntries: [Int: apus_entry] = [
  100: { context, _, _ in context?.pointee.fail(context, 1, -1, 3, 4); return 1 },
  101: { context, _, _ in context?.pointee.fail(context, 1, 0, 3, 4); return 1 },
  102: { context, _, _ in context?.pointee.fail(context, 1, 1, 3, 4); return 1 },
  200: { context, _, _ in context?.pointee.fail(context, 2, -1, 9, 4); return 2 },
  300: { context, _, _ in context?.pointee.fail(context, 3, -1, 9, 0); return 3 },
  500: { context, _, _ in context?.pointee.custom_call(context, 0, nil, 0, nil, 0) ?? 1 },
  600: { context, _, _ in context?.pointee.fail(context, 6, -1, 0, 0); return 6 },
  7700: { context, _, _ in context?.pointee.fail(context, 77, -1, 0, 0); return 77 },
]

@Suite struct FailureTests {
  @Test(arguments: [
    (Int32(1), "run.guard"), (2, "run.index"), (3, "run.memory"), (5, "run.internal"), (6, "run.internal"),
    (77, "run.internal"),
  ])
  func aStatusWithoutASiteHasItsOwnMessage(status: Int32, id: String) {
    #expect(ids { _ = try failing(status, site: -1).run([]) } == [id])
  }

  @Test func aSiteNamesTheFailure() {
    let site = FailureSite(id: "guard.equal", "{a} is not {b}, {c} {", at: .file("m.apus"))
    do {
      _ = try failing(1, site: 0, sites: [site]).run([])
      Issue.record("the call must fail")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics == [Diagnostic(id: "guard.equal", "3 is not 4, {c} {", at: .file("m.apus"))])
    } catch {
      Issue.record("\(error)")
    }
    #expect(ids { _ = try failing(1, site: 1, sites: [site]).run([]) } == ["run.guard"], "an unknown site")
  }

  @Test func anIndexOutsideTheTableOfCustomOpsIsInternal() {
    #expect(ids { _ = try failing(5, site: -1).run([]) } == ["run.internal"])
  }
}

@Suite struct CancellationTests {
  /// Runs until it is cancelled, as a long loop does: it polls.
  private func endless() -> Executable {
    entryExecutable(inputs: [], outputs: [], plan: { _ in Plan(arenaBytes: 0, outputShapes: []) }) { context, _, _ in
      while apus_context_is_cancelled(context) == 0 { usleep(100) }
      context?.pointee.fail(context, Int32(apus_status_cancelled), -1, 0, 0)
      return Int32(apus_status_cancelled)
    }
  }

  @Test func aTaskCancelsItsCall() async {
    let executable = endless()
    let task = Task { try await executable.run([] as [Tensor]) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test func anotherThreadCancelsASynchronousCall() {
    let cancellation = Cancellation()
    let thread = Thread {
      usleep(2000)
      cancellation.cancel()
    }
    thread.start()
    #expect(throws: CancellationError.self) { try endless().run([], cancellation: cancellation) }
    #expect(cancellation.isCancelled)
    #expect(throws: CancellationError.self, "it stays cancelled") {
      try endless().run([], cancellation: cancellation)
    }
  }
}
