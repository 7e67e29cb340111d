import ApusRuntime
import ApusRuntimeABI
import ApusTensor
import Testing

@Suite struct NativeFunctionTests {
  @Test func aClosureIsCalledThroughAPlainFunctionPointer() throws {
    let function = try NativeFunction(
      CustomOperation("increment") { operands in
        [Tensor(operands[0].values(as: Int32.self).map { $0 + 1 })]
      })
    let pointer = unsafeBitCast(function.address, to: apus_custom_function.self)
    var context = apus_context()
    apus_context_init(&context, nil)
    defer { apus_context_release(&context) }
    var x: [Int32] = [1, 2, 3]
    var y: [Int32] = [0, 0, 0]
    var dims: [Int64] = [3, 3]
    let status = x.withUnsafeMutableBytes { x in
      y.withUnsafeMutableBytes { y in
        dims.withUnsafeMutableBufferPointer { dims in
          let type = Int32(ElementType.s32.rawValue)
          var operand = apus_tensor(data: x.baseAddress, dims: dims.baseAddress, element_type: type, rank: 1)
          var result = apus_tensor(
            data: y.baseAddress, dims: dims.baseAddress.map { $0 + 1 }, element_type: type, rank: 1)
          return pointer(&context, &operand, 1, &result, 1)
        }
      }
    }
    #expect(status == 0 && y == [2, 3, 4])
    withExtendedLifetime(function) {}
  }

  @Test func aFailureIsAStatus() throws {
    struct Refusal: Error {}
    let function = try NativeFunction(CustomOperation("refuse") { _ in throw Refusal() })
    let pointer = unsafeBitCast(function.address, to: apus_custom_function.self)
    var context = apus_context()
    apus_context_init(&context, nil)
    #expect(pointer(&context, nil, 0, nil, 0) == Int32(apus_status_custom_call_failed))
    #expect(apus_context_status(&context) == Int32(apus_status_custom_call_failed))
    withExtendedLifetime(function) {}
  }
}
