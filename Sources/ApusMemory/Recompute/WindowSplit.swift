import ApusSupport

/// Consecutive ops that run in parts: each of them on the first part, then each on the second, and so on. Some of them may run
/// whole before.
public struct WindowSplit: Sendable, Hashable {
  /// Positions of ops, which run in the order that they are listed in.
  public var window: Range<Int>
  public var parts: Int
  /// For each op of the window, the buffers that it reads one part at a time; it reads others whole.
  public var partialInputs: [Set<Int>]
  /// Ops of the window that run whole, before the others; they read nothing of theirs.
  public var hoisted: Set<Int>

  public init(window: Range<Int>, parts: Int, partialInputs: [Set<Int>], hoisted: Set<Int> = []) {
    self.window = window
    self.parts = parts
    self.partialInputs = partialInputs
    self.hoisted = hoisted
  }

  /// The ops that run in parts, in order.
  public var partial: [Int] { window.filter { !hoisted.contains($0) } }
}

extension Dataflow {
  /// The ops with a window of them run in parts. A part of what the window does not write is read where it lies; what the window
  /// writes and others read is there as a whole with its first part.
  ///
  /// - Parameters:
  ///   - bytes: of a buffer, wherever it lies.
  ///   - unit: what the size of each part is a multiple of.
  /// Throws `memory.problem` where an op of the window reads whole what the window writes.
  public func splitting(_ split: WindowSplit, unit: Int, bytes: (Int) -> Int) throws(DiagnosticError) -> Dataflow {
    var buffers = self.buffers
    var rows = Array(ops[..<split.window.lowerBound])
    let partial = split.partial
    let inParts = Set(partial)
    let written = Set(partial.flatMap { ops[$0].outputs })
    let insiders = written.filter { output in
      !buffers[output].isResult && !consumers[output].isEmpty && consumers[output].allSatisfy(inParts.contains)
    }
    func addPart(_ whole: Int) -> Int {
      let share = (whole + split.parts - 1) / split.parts
      buffers.append(Buffer(size: (share + unit - 1) / unit * unit))
      return buffers.count - 1
    }
    // Where each op of the window is now; the last time where it runs in parts.
    var places: [Int: Int] = [:]
    func moved(_ other: Int) -> Int { split.window.contains(other) ? places[other] ?? other : other }
    for index in split.window where !inParts.contains(index) {
      var row = ops[index]
      row.after = row.after.map(moved)
      places[index] = rows.count
      rows.append(row)
    }
    for part in 0..<split.parts {
      var current: [Int: Int] = [:]
      for index in partial {
        var row = ops[index]
        var names: [Int: Int] = [:]
        for input in Set(row.inputs).sorted() {
          guard split.partialInputs[index - split.window.lowerBound].contains(input) else {
            guard !written.contains(input) else {
              throw DiagnosticError(id: "memory.problem", "op \(index) reads buffer \(input) whole, of which there are parts only")
            }
            continue
          }
          if let part = current[input] { names[input] = part }
        }
        for output in row.outputs {
          let isInside = insiders.contains(output)
          let part = addPart(isInside ? bytes(output) : 0)
          current[output] = part
          names[output] = part
        }
        row.inputs = row.inputs.map { names[$0] ?? $0 }
        let wholes = row.outputs.filter { part == 0 && !insiders.contains($0) }
        row.outputs = row.outputs.map { names[$0] ?? $0 } + wholes
        row.inPlace = row.inPlace.compactMap { pair in
          guard let output = names[pair.output], let input = names[pair.input] else { return nil }
          return InPlace(output: output, input: input)
        }
        row.after = row.after.map(moved)
        row.scratch = (row.scratch + split.parts - 1) / split.parts
        places[index] = rows.count
        rows.append(row)
      }
    }
    let shift = rows.count - split.window.upperBound
    for var row in ops[split.window.upperBound...] {
      row.after = row.after.map { $0 < split.window.upperBound ? moved($0) : $0 + shift }
      rows.append(row)
    }
    return try Dataflow(buffers: buffers, ops: rows)
  }

  /// What is alive at each step, for ops that run as they are listed.
  public func liveBytes() -> [Int] { RunProfile(self, Array(ops.indices)).during }
}
