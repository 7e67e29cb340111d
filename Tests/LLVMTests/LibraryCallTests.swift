import ApusIR
import ApusTarget
import ApusTensor
import Testing

@testable import ApusLLVM

/// Compiled code needs no library but the three block functions of C, whatever the machine.
@Suite struct LibraryCallTests {
  static let machines = ["x86-64", "x86-64-v3", "x86-64-v4", "generic"].compactMap { Machine.preset($0) }
  static let types: [ElementType] = [.f32, .f64, .f16, .bf16, .s8, .s32, .u64]

  @Test(arguments: machines, types) func callsNothing(machine: Machine, type: ElementType) throws {
    let ops = ElementwiseTests.ops(type)
    for lanes in [nil, machine.lanes(bytes: type.byteCount)] {
      let function = ElementwiseTests.function(type, ops, lanes: lanes)
      let called = callees(try CodeGenerator(for: machine).assembly(Module(function)))
      #expect(called.filter { !$0.hasPrefix("apus.") && !["memcpy", "memmove", "memset"].contains($0) }.isEmpty)
    }
  }

  @Test(arguments: machines) func convertsWithoutCalls(machine: Machine) throws {
    var w = LoopWriter("convert")
    let zero = w.index(0)
    for from in ElementType.allCases {
      let x = w.buffer(from, [8])
      for lanes in [nil, 8] as [Int?] {
        let v = w.load(x, [zero], lanes: lanes)
        for to in ElementType.allCases {
          w.store(w.value(.convert, [v], .register(to, lanes: lanes)), w.buffer(to, [8]), [zero])
        }
      }
    }
    #expect(callees(try CodeGenerator(for: machine).assembly(Module(w.finished()))).isEmpty)
  }

  /// The names of the functions that an assembly text calls directly.
  private func callees(_ assembly: String) -> Set<String> {
    var found: Set<String> = []
    for line in assembly.split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" }
      guard words.count == 2, ["callq", "jmp", "bl", "b"].contains(words[0]) else { continue }
      let name = words[1].prefix { $0 != "@" }
      if !name.hasPrefix("."), !name.hasPrefix("*") { found.insert(String(name)) }
    }
    return found
  }
}
