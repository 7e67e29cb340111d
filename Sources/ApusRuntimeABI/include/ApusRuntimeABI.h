#ifndef APUS_RUNTIME_ABI_H
#define APUS_RUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#define APUS_STATIC_ASSERT static_assert
#else
#define APUS_STATIC_ASSERT _Static_assert
#endif

/// The layouts and calls that generated code and the runtime share. Generated code addresses the fields by
/// the offsets stated here; they never change within one ABI version.
enum { APUS_ABI_VERSION = 1 };

/// Every buffer that the runtime hands to generated code starts at a multiple of this many bytes.
enum { APUS_ALIGNMENT = 64 };

/// Why a call stopped. `apus_context.status` holds the first one recorded.
enum {
  apus_status_ok = 0,
  /// An equation or bound of dimensions does not hold: a, b = the two values.
  apus_status_guard_failed = 1,
  /// An index lies outside its dimension: a = index, b = extent.
  apus_status_index_out_of_range = 2,
  /// a = bytes asked for, b = the limit, or 0 when the system refused.
  apus_status_allocation_failed = 3,
  apus_status_cancelled = 4,
  /// a = index of the custom op.
  apus_status_custom_call_failed = 5,
  /// Generated code broke one of its own rules.
  apus_status_internal = 6,
};

typedef struct apus_context apus_context;
typedef struct apus_pool apus_pool;

/// A tensor seen from generated code: dense, row-major. `element_type` is ApusTensor's `ElementType.rawValue`
/// (f32 f64 f16 bf16 s8 s16 s32 s64 u8 u16 u32 u64 bool = 0 … 12).
typedef struct apus_tensor {
  void *data;            // offset  0
  int64_t *dims;         // offset  8: `rank` extents; may be null when `rank` is 0
  int32_t element_type;  // offset 16
  int32_t rank;          // offset 20
} apus_tensor;

/// One chunk `begin ..< end` of a parallel loop. `begin` is a multiple of the loop's grain, and so is `end`
/// unless it is the loop's count. Chunks run in any order on any thread, so a body's result for one grain
/// must not depend on which other grains share its chunk.
typedef void (*apus_body)(apus_context *context, void *closure, int64_t begin, int64_t end);

/// A compiled kernel: `buffers` in the order of its parameters, then its symbolic dimensions.
typedef void (*apus_kernel)(apus_context *context, void **buffers, int64_t *dims);

/// A compiled host function. `inputs` are read only. An output's `dims` has room for `rank` extents; its
/// `data` is either caller's memory of the right size, or null: then the host allocates with
/// `context->allocate`. The host always fills `dims`. Returns the status.
typedef int32_t (*apus_entry)(apus_context *context, apus_tensor *inputs, apus_tensor *outputs);

/// A custom op as generated code and the runtime see it. A result whose shape the compiler knew comes with
/// `data`; one with a dimension of -1 comes with null `data`: the op fills `dims` and takes the memory from
/// `context->allocate`. Returns `apus_status_ok`, or what it has recorded with `context->fail`.
typedef int32_t (*apus_custom_function)(
    apus_context *context, apus_tensor *operands, int64_t operand_count, apus_tensor *results,
    int64_t result_count);

/// The first argument of everything that is compiled; one per call in flight.
struct apus_context {
  /// 0 while all is well; the first error wins. Read and written atomically.
  int32_t status;  // offset 0
  /// Non-zero asks the call to stop; long loops poll it. Read and written atomically.
  int32_t cancel;  // offset 4
  /// Runs `body` over `0 ..< count` and returns when all of it is done. Skips the chunks that have not begun
  /// once `status` or `cancel` is set, so the caller checks `status` afterwards. May be nested.
  void (*parallel_for)(apus_context *, apus_body body, void *closure, int64_t count, int64_t grain);  // 8
  /// 64-byte aligned memory owned by the call until it ends; never null for 0 bytes. Null after recording
  /// `allocation_failed`. Safe from any thread of the call.
  void *(*allocate)(apus_context *, int64_t bytes);  // offset 16
  /// Runs custom op `index` of the executable's table.
  int32_t (*custom_call)(
      apus_context *, int64_t index, apus_tensor *operands, int64_t operand_count, apus_tensor *results,
      int64_t result_count);  // offset 24
  /// Records the first failure: `site` indexes the executable's table of guards and locations; `a` and `b`
  /// are the values of the message. Safe from any thread of the call.
  void (*fail)(apus_context *, int32_t status, int64_t site, int64_t a, int64_t b);  // offset 32
  /// The planned memory of this call, 64-byte aligned.
  void *arena;  // offset 40
  /// Behind `parallel_for`; null runs every loop on the caller's thread.
  apus_pool *pool;  // offset 48
  /// The runtime's own; generated code passes it on untouched.
  void *user;  // offset 56
  /// Valid after the call when `status` is set.
  int64_t fail_site;  // offset 64
  int64_t fail_a;     // offset 72
  int64_t fail_b;     // offset 80
  /// What `allocate` handed out: a linked list, and its bytes. The limit applies to the sum.
  void *allocations;          // offset  88
  int64_t allocated_bytes;    // offset  96
  int64_t allocation_limit;   // offset 104
  int64_t reserved[2];        // offset 112; the size is 128
};

#define APUS_OFFSET(type, field, offset) \
  APUS_STATIC_ASSERT(offsetof(type, field) == (offset), #type "." #field " moved")
APUS_OFFSET(apus_context, status, 0);
APUS_OFFSET(apus_context, cancel, 4);
APUS_OFFSET(apus_context, parallel_for, 8);
APUS_OFFSET(apus_context, allocate, 16);
APUS_OFFSET(apus_context, custom_call, 24);
APUS_OFFSET(apus_context, fail, 32);
APUS_OFFSET(apus_context, arena, 40);
APUS_OFFSET(apus_context, pool, 48);
APUS_OFFSET(apus_context, user, 56);
APUS_OFFSET(apus_context, fail_site, 64);
APUS_OFFSET(apus_context, fail_a, 72);
APUS_OFFSET(apus_context, fail_b, 80);
APUS_OFFSET(apus_context, allocations, 88);
APUS_OFFSET(apus_context, allocated_bytes, 96);
APUS_OFFSET(apus_context, allocation_limit, 104);
APUS_STATIC_ASSERT(sizeof(apus_context) == 128, "apus_context changed its size");
APUS_OFFSET(apus_tensor, data, 0);
APUS_OFFSET(apus_tensor, dims, 8);
APUS_OFFSET(apus_tensor, element_type, 16);
APUS_OFFSET(apus_tensor, rank, 20);
APUS_STATIC_ASSERT(sizeof(apus_tensor) == 24, "apus_tensor changed its size");
#undef APUS_OFFSET

// Contexts (context.c)

/// Makes `context` ready: status 0, the default functions below, no arena, no limit. `pool` may be null.
void apus_context_init(apus_context *context, apus_pool *pool);
/// Frees what `allocate` handed out and was not taken.
void apus_context_release(apus_context *context);
/// The default `allocate`.
void *apus_context_allocate(apus_context *context, int64_t bytes);
/// The default `fail`.
void apus_context_fail(apus_context *context, int32_t status, int64_t site, int64_t a, int64_t b);
/// The default `custom_call`: there are none, so it records `custom_call_failed`.
int32_t apus_context_no_custom_call(
    apus_context *context, int64_t index, apus_tensor *operands, int64_t operand_count,
    apus_tensor *results, int64_t result_count);
/// Takes a block of `allocate` out of the call's ownership; free it with `apus_block_free`. Returns 0 when
/// `data` is no such block. Not to be called while the call runs.
int32_t apus_context_take(apus_context *context, void *data);
void apus_block_free(void *data);
int32_t apus_context_status(const apus_context *context);
/// Asks the call to stop. Safe from any thread while the context lives.
void apus_context_cancel(apus_context *context);
int32_t apus_context_is_cancelled(const apus_context *context);

/// Calls `entry` with the default floating-point environment (round to nearest, denormals kept), restores
/// the caller's, and returns the status.
int32_t apus_invoke(apus_entry entry, apus_context *context, apus_tensor *inputs, apus_tensor *outputs);

// The thread pool (pool.c)

/// A fork-join pool of `threads` threads, the caller of each loop being one of them: 1 starts none. Idle
/// workers spin for `spin_microseconds`, then sleep. Starts fewer threads when the system refuses; null only
/// when memory is out.
apus_pool *apus_pool_create(int32_t threads, int32_t spin_microseconds);
/// Stops and joins the workers. No loop may be running. Null is allowed. In a forked child, where the
/// workers do not exist, it only frees the memory.
void apus_pool_destroy(apus_pool *pool);
/// How many threads take part in a loop, the caller included.
int32_t apus_pool_threads(const apus_pool *pool);
/// The default `parallel_for`: splits `0 ..< count` at multiples of `grain` into contiguous chunks, a few a
/// thread; each thread starts with its own and then takes what others have not begun. Runs on the caller's
/// thread alone when the pool is null, busy with another loop (nested or concurrent) or the loop is one grain.
void apus_pool_parallel_for(
    apus_context *context, apus_body body, void *closure, int64_t count, int64_t grain);

#if defined(__cplusplus)
}
#endif
#endif
