import ApusONNX
import ApusTensor
import Testing

@Suite struct ArithmeticTests {
  private func run(
    _ op: String, _ operands: [Tensor?], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:], opset: Int = 21
  ) throws -> Tensor { try ModelWriter.result(of: op, operands, attributes, opset: opset) }

  @Test func integersDivideTowardsZero() throws {
    let y = try run("Div", [Tensor([-7, 7, -7] as [Int32]), Tensor([2, -2, 7] as [Int32])])
    #expect(y == Tensor([-3, -3, -1] as [Int32]))
  }

  @Test func moduloHasTheDivisorsSignAndFmodTheDividends() throws {
    let (a, b) = (Tensor([-7, 7, 6] as [Int64]), Tensor([3, -3, -3] as [Int64]))
    #expect(try run("Mod", [a, b]) == Tensor([2, -2, 0] as [Int64]))
    #expect(try run("Mod", [a, b], ["fmod": 1]) == Tensor([-1, 1, 0] as [Int64]))
  }

  @Test func moduloOfFloatsRoundsDownFromOpset28On() throws {
    let (a, b) = (Tensor([-1, 4, 0, .infinity, 5] as [Float]), Tensor([.infinity, -2, -2, 2, 0] as [Float]))
    let y = try run("Mod", [a, b], opset: 28).values(as: Float.self)
    #expect(y[0] == .infinity)
    #expect(y[1] == 0 && y[1].sign == .minus && y[2] == 0 && y[2].sign == .minus)
    #expect(y[3].isNaN && y[4].isNaN)
  }

  @Test func powerIsOfTheBasesType() throws {
    #expect(try run("Pow", [Tensor([2, 9] as [Int32]), Tensor([3, 0.5] as [Float])]) == Tensor([8, 3] as [Int32]))
    #expect(try run("Pow", [Tensor([-2, 3] as [Int64]), Tensor([63, 2] as [UInt8])]) == Tensor([.min, 9] as [Int64]))
    #expect(try run("Pow", [Tensor([2, 4] as [Float]), Tensor([-1, 2] as [Int64])]) == Tensor([0.5, 16] as [Float]))
  }

  @Test func upperBoundOfClipPrevails() throws {
    let x = Tensor([-1, 3, 9] as [Float])
    #expect(try run("Clip", [x, Tensor(scalar: 5 as Float), Tensor(scalar: 2 as Float)]) == Tensor([2, 2, 2] as [Float]))
    #expect(try run("Clip", [x, nil, Tensor(scalar: 2 as Float)]) == Tensor([-1, 2, 2] as [Float]))
    #expect(try run("Clip", [x], ["min": 0.0, "max": 4.0], opset: 7) == Tensor([0, 3, 4] as [Float]))
  }

  @Test func shiftsBeyondTheWidthLeaveTheSign() throws {
    let (x, count) = (Tensor([-5, -5, 5, -5] as [Int8]), Tensor([8, -1, 9, 1] as [Int8]))
    #expect(try run("BitShift", [x, count], ["direction": "RIGHT"], opset: 28) == Tensor([-1, -1, 0, -3] as [Int8]))
    #expect(try run("BitShift", [x, count], ["direction": "LEFT"], opset: 28) == Tensor([0, 0, 0, -10] as [Int8]))
  }

  @Test func castsToUnsignedIntegersWrap() throws {
    let x = Tensor([-1, 300, 2.9] as [Float])
    #expect(try run("Cast", [x], ["to": 2]) == Tensor([255, 44, 2] as [UInt8]))
    #expect(try run("Cast", [x], ["to": 13]) == Tensor([.max, 300, 2] as [UInt64]))
    #expect(try run("Cast", [Tensor([0.5, -0.0, .nan] as [Float])], ["to": 9]) == Tensor([true, false, true]))
  }

  @Test func softmaxIsOverAllTrailingAxesBeforeOpset13() throws {
    let x = Tensor(Array(repeating: 1 as Float, count: 8), shape: [2, 2, 2])
    let quarters = Tensor(Array(repeating: 0.25 as Float, count: 8), shape: [2, 2, 2])
    #expect(try run("Softmax", [x], ["axis": 1], opset: 11).isClose(to: quarters))
    #expect(try run("Softmax", [x], ["axis": 1], opset: 13).isClose(to: try run("Softmax", [x], opset: 13)))
  }
}
