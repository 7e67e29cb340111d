import ApusRuntimeABI
import Testing

@Suite struct ContextTests {
  private func withContext(_ body: (UnsafeMutablePointer<apus_context>) throws -> Void) rethrows {
    var context = apus_context()
    apus_context_init(&context, nil)
    try body(&context)
    apus_context_release(&context)
  }

  @Test func layoutsAreThoseOfTheHeader() {
    #expect(MemoryLayout<apus_context>.size == 128 && MemoryLayout<apus_tensor>.size == 24)
    #expect(MemoryLayout<apus_context>.offset(of: \.parallel_for) == 8)
    #expect(MemoryLayout<apus_context>.offset(of: \.arena) == 40)
    #expect(MemoryLayout<apus_tensor>.offset(of: \.element_type) == 16)
  }

  @Test func theFirstFailureWins() {
    withContext { context in
      #expect(apus_context_status(context) == Int32(apus_status_ok))
      context.pointee.fail(context, Int32(apus_status_index_out_of_range), 3, 10, 7)
      context.pointee.fail(context, Int32(apus_status_cancelled), 4, 1, 2)
      #expect(apus_context_status(context) == Int32(apus_status_index_out_of_range))
      #expect(context.pointee.fail_site == 3 && context.pointee.fail_a == 10 && context.pointee.fail_b == 7)
    }
  }

  @Test func aFailureIsNeverRecordedAsSuccess() {
    withContext { context in
      context.pointee.fail(context, Int32(apus_status_ok), 0, 0, 0)
      #expect(apus_context_status(context) == Int32(apus_status_internal))
    }
  }

  @Test func memoryIsAlignedAndSeparate() throws {
    try withContext { context in
      var ends: [(UInt, UInt)] = []
      for bytes: Int64 in [0, 1, 63, 64, 65, 5000] {
        let memory = try #require(context.pointee.allocate(context, bytes))
        memory.initializeMemory(as: UInt8.self, repeating: 0xAB, count: Int(bytes))
        #expect(UInt(bitPattern: memory) % 64 == 0)
        ends.append((UInt(bitPattern: memory), UInt(bitPattern: memory) + UInt(max(bytes, 1))))
      }
      let sorted = ends.sorted { $0.0 < $1.0 }
      for (a, b) in zip(sorted, sorted.dropFirst()) { #expect(a.1 <= b.0) }
      #expect(context.pointee.allocated_bytes == 0 + 64 + 64 + 64 + 128 + 5056)
    }
  }

  @Test(arguments: [-1, Int64.max, Int64.max - 64])
  func impossibleSizesFail(bytes: Int64) {
    withContext { context in
      #expect(context.pointee.allocate(context, bytes) == nil)
      #expect(apus_context_status(context) == Int32(apus_status_allocation_failed))
      #expect(context.pointee.fail_a == bytes && context.pointee.allocated_bytes == 0)
    }
  }

  @Test func theLimitBoundsTheSum() {
    withContext { context in
      context.pointee.allocation_limit = 200
      #expect(context.pointee.allocate(context, 128) != nil)
      #expect(context.pointee.allocate(context, 64) != nil)
      #expect(apus_context_status(context) == Int32(apus_status_ok))
      #expect(context.pointee.allocate(context, 64) == nil)
      #expect(apus_context_status(context) == Int32(apus_status_allocation_failed))
      #expect(context.pointee.fail_b == 200)
    }
  }

  @Test func aTakenBlockOutlivesTheCall() throws {
    try withContext { context in
      let first = try #require(context.pointee.allocate(context, 10))
      let middle = try #require(context.pointee.allocate(context, 10))
      _ = context.pointee.allocate(context, 10)
      middle.storeBytes(of: 42, as: Int.self)
      #expect(apus_context_take(context, middle) == 1)
      #expect(apus_context_take(context, middle) == 0, "it is taken once")
      #expect(apus_context_take(context, first + 8) == 0, "an address within a block is none")
      #expect(apus_context_take(context, first) == 1)
      apus_context_release(context)
      #expect(middle.load(as: Int.self) == 42)
      apus_block_free(middle)
      apus_block_free(first)
    }
  }

  @Test func withoutCustomOpsACallFails() {
    withContext { context in
      #expect(context.pointee.custom_call(context, 5, nil, 0, nil, 0) != 0)
      #expect(apus_context_status(context) == Int32(apus_status_custom_call_failed))
      #expect(context.pointee.fail_a == 5)
    }
  }

  @Test func theStatusOutranksTheReturnedValue() {
    withContext { context in
      let entry: apus_entry = { context, _, _ in
        apus_context_fail(context, Int32(apus_status_guard_failed), 0, 0, 0)
        return 0
      }
      #expect(apus_invoke(entry, context, nil, nil) == Int32(apus_status_guard_failed))
    }
  }
}
