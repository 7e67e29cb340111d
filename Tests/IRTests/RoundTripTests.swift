import ApusSupport
import Foundation
import Testing

@testable import ApusIR

/// Parses text that must be right.
func parsed(_ text: String) throws -> Module {
  try Module.parse(SourceText(name: "test.ir", text: text))
}

/// The texts under `Tests/Cases/parse` that print as they stand: what follows `// ----`.
enum CanonicalText {
  static let names: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix("canonical-") }.sorted()
  }()

  static func load(_ name: String) throws -> String {
    let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    let parts = text.components(separatedBy: "\n// ----\n")
    return parts[parts.count - 1]
  }

  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Cases/parse").path
}

@Test func canonicalTextsAreThere() { #expect(CanonicalText.names.count >= 8) }

@Test(arguments: CanonicalText.names) func canonicalTextIsAFixedPoint(_ name: String) throws {
  let text = try CanonicalText.load(name)
  let module = try parsed(text)
  #expect(module.text() == text)
  #expect(try parsed(module.text()).isIdentical(to: module))
  #expect(module.verify().map(\.id) == [])
}

@Test(arguments: CanonicalText.names) func locationsRoundTrip(_ name: String) throws {
  let options = TextOptions(showsLocations: true)
  let module = try parsed(CanonicalText.load(name))
  let located = module.text(options)
  let again = try parsed(located)
  #expect(again.text(options) == located)
  #expect(again.isIdentical(to: module))
}

@Test func handFormattedTextBecomesCanonical() throws {
  let text = """
    // A comment, and a header that follows it.
    apus-ir 1
    func @f(%x : f32[ B,T*2 , (4) ],   %"odd name": f32[B, 2*T, 4]) -> (out: f32[B, T*2, 4])
        where T in 1...,
              B in 0...512
    {
      %7 = add %x, %"odd name"; %b = softmax %7, axis: -1  // the last axis
      %c: f32[B, 2*T, 4] =
        mul %b, 0x40000000
      return %c }
    """
  let expected = """
    apus-ir 1

    func @f(%x: f32[B, 2*T, 4], %"odd name": f32[B, 2*T, 4]) -> (out: f32[B, 2*T, 4]) where B in 0...512, T in 1... {
      %0: f32[B, 2*T, 4] = add %x, %"odd name"
      %b: f32[B, 2*T, 4] = softmax %0, axis: 2
      %1: f32[B, 2*T, 4] = constant 2.0
      %c: f32[B, 2*T, 4] = mul %b, %1
      return %c
    }

    """
  let module = try parsed(text)
  #expect(module.text() == expected)
  #expect(try parsed(expected).isIdentical(to: module))
}

@Test func modulesThatDifferAreNotIdentical() throws {
  let base = "apus-ir 1\nfunc @f(%x: f32[4], %y: f32[4]) -> f32[4] {\n  %z = add %x, %y\n  return %z\n}\n"
  let module = try parsed(base)
  #expect(try parsed(base.replacingOccurrences(of: "%z", with: "%sum")).isIdentical(to: module))
  let changes = [
    ("add %x, %y", "add %y, %x"), ("add", "sub"), ("[4]", "[5]"), ("@f", "@g"), ("return %z", "return %x"),
  ]
  for (from, to) in changes {
    #expect(try !parsed(base.replacingOccurrences(of: from, with: to)).isIdentical(to: module), "\(to)")
  }
}

/// Passes may leave names twice, and symbols in any order: the text must still say the same.
@Test func namesAreMadeUnique() throws {
  var function = Function(name: "a function")
  let x = function.addParameter(TensorType(.f32, [4]), name: "x")
  let y = try function.emit(.exp, [x])
  let z = try function.emit(.exp, [y])
  let w = try function.emit(.exp, [z])
  for value in [y, z] { function.setName("x", of: value) }
  function.setName("12", of: w)
  function.resultTypes = [TensorType(.f32, [4])]
  function.insert(.return, [w], results: [], at: .end(of: function.entry))
  let expected = """
    func @"a function"(%x: f32[4]) -> f32[4] {
      %x_1: f32[4] = exp %x
      %x_2: f32[4] = exp %x_1
      %"12": f32[4] = exp %x_2
      return %"12"
    }

    """
  #expect(function.text() == expected)
  let module = Module(function)
  #expect(try parsed(module.text()).text() == module.text())
  #expect(try parsed(module.text()).isIdentical(to: module))
}

@Test func orderOfSymbolsIsKept() throws {
  var function = Function(name: "f")
  let b = Dim.symbol(function.symbols.intern("B"))
  let t = Dim.symbol(function.symbols.intern("T"))
  function.addParameter(TensorType(.f32, [t, b, try .sum(b, t)]), name: "x")
  function.insert(.return, [], results: [], at: .end(of: function.entry))
  let module = Module(function)
  #expect(module.text().contains("func @f[B, T](%x: f32[T, B, B + T]) {"))
  #expect(try parsed(module.text()).text() == module.text())
}

@Test func symbolWithoutANameGetsOneWhereItStandsTwice() throws {
  var function = Function(name: "f")
  let n = function.symbols.append(Symbol(name: "", bounds: DimBounds(lower: 0, upper: 8), origin: .value))
  let m = function.symbols.append(Symbol(name: "", bounds: DimBounds(lower: 2, upper: nil), origin: .value))
  let x = function.addParameter(TensorType(.f32, [8]), name: "x")
  let once = TensorType(.s64, [1, .symbol(m)])
  let twice = TensorType(.s64, [1, .symbol(n)])
  function.insert(.nonZero, [x], results: [once], at: .end(of: function.entry))
  let op = function.insert(.nonZero, [x], results: [twice], at: .end(of: function.entry))
  function.resultTypes = [twice]
  function.insert(.return, [function.result(of: op)], results: [], at: .end(of: function.entry))
  let text = Module(function).text()
  #expect(text.contains("-> s64[1, d0] where d0 in 0...8 {"))
  #expect(text.contains("s64[1, ? >= 2] = non_zero"))
  #expect(try parsed(text).text() == text)
}

@Test func symbolsWithoutANameNeedNoOrder() throws {
  var function = Function(name: "f")
  let open = Dim.symbol(function.symbols.append(Symbol(name: "", origin: .value)))
  let n = Dim.symbol(function.symbols.intern("N"))
  let x = function.addParameter(TensorType(.f32, [n]), name: "x")
  function.insert(.nonZero, [x], results: [TensorType(.s64, [1, open])], at: .end(of: function.entry))
  function.insert(.return, [], results: [], at: .end(of: function.entry))
  let text = Module(function).text()
  #expect(text.contains("func @f(%x: f32[N]) {"))
  #expect(try parsed(text).text() == text)
}

@Test func obligationsAreThoseOfEveryRun() throws {
  let text = """
    apus-ir 1
    func @f(%x: f32[A], %y: f32[B], %z: f32[C], %b: bool[]) -> f32[A] {
      %s: f32[A] = add %x, %y
      %t: f32[A] = if %b {
        %u: f32[A] = add %x, %z
        yield %u
      } else {
        yield %x
      }
      return %s
    }
    """
  #expect(try parsed(text).functions[0].obligations.map(\.id) == ["add.s"])
}
