import ApusSupport
import Testing

@testable import ApusIR

/// Parses text that must be right.
func parsed(_ text: String) throws -> Module {
  try Module.parse(SourceText(name: "test.ir", text: text))
}

/// Texts that print as they stand.
let canonicalTexts: [String] = [
  """
  apus-ir 1

  func @mlp(%x: f32[B, 784], %w: f32[784, 10], %b: f32[10]) -> f32[B, 10] where B in 1...512 {
    %0: f32[B, 10] = matmul %x, %w
    %1: f32[B, 10] = broadcast %b, axes: [1]
    %2: f32[B, 10] = add %0, %1
    %3: f32[B, 10] = softmax %2, axis: 1
    return %3
  }

  """,
  """
  apus-ir 1

  func @host(%s: f32[B, H, S, T]) -> f32[B, H, S, T] phase fused {
    %u: f32[B, H, S, T] = kernel %s, schedule: {tiles: [64, 384], unroll: 2, lanes: 8, pack: [rhs], parallel: 0} { %0 in
      %1 = mul %0, 0.125
      yield %1
    }
    return %u
  }

  """,
  """
  apus-ir 1

  func @power(%x: f32[B], %limit: s32[], %zero: s32[], %one: s32[]) -> (i: s32[], y: f32[B]) {
    %n: s32[], %y: f32[B] = while %i = %zero, %a = %x {
      %go: bool[] = less %i, %limit
      continue %go
    } do {
      %i1: s32[] = add %i, %one
      %a1: f32[B] = mul %a, %a
      yield %i1, %a1
    }
    return %n, %y
  }

  """,
  """
  apus-ir 1

  func @pick(%b: bool[], %x: f32[4], %y: f32[4]) -> f32[4] {
    %0: f32[4] = if %b {
      %1: f32[4] = exp %x
      yield %1
    } else {
      yield %y
    }
    return %0
  }

  """,
  """
  apus-ir 1

  func @constants() -> f32[2, 2] {
    %a: f32[] = constant 0.1
    %b: f32[2, 2] = constant [[1.0, -0.0], [inf, nan]]
    %c: f32[2] = constant [-inf, 0x7fc00001]
    %d: u64[] = constant 18446744073709551615
    %e: s64[] = constant -9223372036854775808
    %f: bool[2] = constant [true, false]
    %g: bf16[3] = constant [0.1, 3.14, 1e-05]
    %h: f16[2] = constant [0.1, 65500.0]
    %i: f64[] = constant 0.30000000000000004
    %j: f32[0, 3] = constant []
    %k: f32[1, 2, 2] = constant [[[1.0, 2.0], [3.0, 4.0]]]
    return %b
  }

  """,
]

@Test(arguments: canonicalTexts) func canonicalTextIsAFixedPoint(_ text: String) throws {
  let module = try parsed(text)
  #expect(module.text() == text)
  #expect(try parsed(module.text()).isIdentical(to: module))
}
