import ApusBuffers
import ApusIR
import ApusMemory
import ApusSupport

/// Where values lie in the arena, for those that check it.
extension LoopsModule {
  /// The bytes of the arena that hold a value at some time, for inputs of these shapes.
  ///
  /// Throws what the shapes are refused with.
  public func placesInArena(inputShapes: [[Int]]) throws -> [Range<Int>] {
    let (problem, plan) = try planned(inputShapes)
    return zip(plan.offsets, problem.buffers).map { $0..<($0 + $1.size) }
  }

  /// The same code, but that each value in the arena has a place of its own with `space` bytes behind it, a multiple of 64.
  /// It takes more memory and is there to be checked.
  ///
  /// Throws `memory.overflow`.
  public func spreadOut(space: Int) throws -> LoopsModule {
    var spread = self
    guard let id = module.ids.first else { return self }
    spread.plan = try plan.spreadOut(space: space, in: &spread.module[id])
    return spread
  }

  /// The plan for inputs of these shapes, and the problem that it solves.
  func planned(_ inputShapes: [[Int]]) throws -> (problem: Problem, plan: Plan) {
    let binding = try SizeBinding(module.functions[0], shapes: inputShapes)
    return try plan.instance { (try? binding.value(of: .symbol($0))) ?? 0 }
  }
}
