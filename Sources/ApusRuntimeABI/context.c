#include "ApusRuntimeABI.h"

#include <stdlib.h>
#include <string.h>

// One block of `allocate`: this header fills the alignment in front of the caller's bytes.
typedef struct block {
  struct block *next;
  int64_t bytes;
} block;

_Static_assert(sizeof(block) <= APUS_ALIGNMENT, "a block's header must fit in front of its bytes");

static void *block_data(block *b) { return (char *)b + APUS_ALIGNMENT; }
static block *block_of(void *data) { return (block *)((char *)data - APUS_ALIGNMENT); }

void apus_context_init(apus_context *context, apus_pool *pool) {
  memset(context, 0, sizeof *context);
  context->parallel_for = apus_pool_parallel_for;
  context->allocate = apus_context_allocate;
  context->custom_call = apus_context_no_custom_call;
  context->fail = apus_context_fail;
  context->pool = pool;
  context->allocation_limit = INT64_MAX;
}

void apus_context_release(apus_context *context) {
  block *b = context->allocations;
  while (b) {
    block *next = b->next;
    free(b);
    b = next;
  }
  context->allocations = NULL;
  context->allocated_bytes = 0;
}

void *apus_context_allocate(apus_context *context, int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX - 2 * APUS_ALIGNMENT) {
    context->fail(context, apus_status_allocation_failed, -1, bytes, context->allocation_limit);
    return NULL;
  }
  int64_t rounded = (bytes + APUS_ALIGNMENT - 1) / APUS_ALIGNMENT * APUS_ALIGNMENT;
  int64_t used = __atomic_load_n(&context->allocated_bytes, __ATOMIC_RELAXED);
  do {
    if (rounded > context->allocation_limit - used) {
      context->fail(context, apus_status_allocation_failed, -1, bytes, context->allocation_limit);
      return NULL;
    }
  } while (!__atomic_compare_exchange_n(
      &context->allocated_bytes, &used, used + rounded, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));

  void *memory = NULL;
  if (posix_memalign(&memory, APUS_ALIGNMENT, (size_t)rounded + APUS_ALIGNMENT) != 0) {
    __atomic_fetch_sub(&context->allocated_bytes, rounded, __ATOMIC_RELAXED);
    context->fail(context, apus_status_allocation_failed, -1, bytes, 0);
    return NULL;
  }
  block *b = memory;
  b->bytes = rounded;
  void *head = __atomic_load_n(&context->allocations, __ATOMIC_RELAXED);
  do {
    b->next = head;
  } while (!__atomic_compare_exchange_n(
      &context->allocations, &head, (void *)b, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  return block_data(b);
}

int32_t apus_context_take(apus_context *context, void *data) {
  block *previous = NULL;
  for (block *b = context->allocations; b; previous = b, b = b->next) {
    if (block_data(b) != data) continue;
    if (previous) {
      previous->next = b->next;
    } else {
      context->allocations = b->next;
    }
    context->allocated_bytes -= b->bytes;
    return 1;
  }
  return 0;
}

void apus_block_free(void *data) {
  if (data) free(block_of(data));
}

void apus_context_fail(apus_context *context, int32_t status, int64_t site, int64_t a, int64_t b) {
  int32_t ok = apus_status_ok;
  if (status == apus_status_ok) status = apus_status_internal;
  if (!__atomic_compare_exchange_n(&context->status, &ok, status, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return;
  context->fail_site = site;
  context->fail_a = a;
  context->fail_b = b;
}

int32_t apus_context_no_custom_call(
    apus_context *context, int64_t index, apus_tensor *operands, int64_t operand_count,
    apus_tensor *results, int64_t result_count) {
  (void)operands, (void)operand_count, (void)results, (void)result_count;
  context->fail(context, apus_status_custom_call_failed, -1, index, 0);
  return apus_status_custom_call_failed;
}

int32_t apus_context_status(const apus_context *context) {
  return __atomic_load_n(&context->status, __ATOMIC_ACQUIRE);
}

void apus_context_cancel(apus_context *context) {
  __atomic_store_n(&context->cancel, 1, __ATOMIC_RELAXED);
}

int32_t apus_context_is_cancelled(const apus_context *context) {
  return __atomic_load_n(&context->cancel, __ATOMIC_RELAXED);
}
