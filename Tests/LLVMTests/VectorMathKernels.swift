import ApusTarget
import Testing

@testable import ApusLLVM

/// out[i] = function(a[i], b[i]) in whole vectors; `b` is read by functions of two operands only.
typealias MathLoop = @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeRawPointer, Int) -> Void

/// Every elementary function compiled for one element type, one lane count and one target.
struct MathKernels {
  let lanes: Int
  private let jit: JIT

  init(_ functions: [MathFunction], double: Bool, lanes: Int, target: Machine = .host()) throws {
    self.lanes = lanes
    jit = try JIT(for: target)
    try jit.add(Self.object(functions, double: double, lanes: lanes, target: target))
  }

  static func object(
    _ functions: [MathFunction], double: Bool, lanes: Int, target: Machine, suffix: String = ""
  ) throws -> ObjectFile {
    try emitter(functions, double: double, lanes: lanes, target: target, suffix: suffix).objectFile()
  }

  static func emitter(
    _ functions: [MathFunction], double: Bool, lanes: Int, target: Machine, suffix: String = ""
  ) throws -> Emitter {
    let emitter = Emitter("math", for: try TargetMachine(target))
    let element = double ? emitter.types.f64 : emitter.types.f32
    let pointer = CodeParameter(type: emitter.types.pointer, noAlias: true)
    for function in functions {
      let parameters = [pointer, pointer, pointer, CodeParameter(type: emitter.types.i64)]
      emitter.function(function.rawValue + suffix, parameters) { f in
        emitter.forLoop(emitter.index(0), f.parameters[3], step: lanes) { i in
          let operands = (1...function.operandCount).map {
            emitter.load(element.vector(lanes), emitter.offset(f.parameters[$0], element, by: i))
          }
          emitter.store(emitter.math(function, operands), emitter.offset(f.parameters[0], element, by: i))
        }
      }
    }
    return emitter
  }

  /// `a.count` is a multiple of the lane count.
  func run<Element>(_ function: MathFunction, _ a: [Element], _ b: [Element], zero: Element) throws -> [Element] {
    precondition(a.count % lanes == 0 && b.count >= a.count, "whole vectors")
    let loop = unsafeBitCast(try jit.lookup(function.rawValue), to: MathLoop.self)
    var out = [Element](repeating: zero, count: a.count)
    out.withUnsafeMutableBytes { out in
      a.withUnsafeBytes { a in
        b.withUnsafeBytes { b in
          guard let o = out.baseAddress, let x = a.baseAddress, let y = b.baseAddress else { return }
          loop(o, x, y, a.count == 0 ? 0 : out.count / MemoryLayout<Element>.stride)
        }
      }
    }
    return out
  }
}

extension Machine {
  /// This machine's twin without fused multiply-add, and so without AVX-512.
  var withoutFMA: Machine {
    var machine = self
    machine.cpuName = "x86-64"
    machine.features = features.filter { !$0.hasPrefix("fma") && !$0.hasPrefix("avx512") }
    return machine
  }
}
