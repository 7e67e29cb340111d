// A fork-join pool. Waking a sleeping thread costs 30-45 µs, so idle workers spin for a while first; and so
// a loop never waits for a worker that has not woken: chunks are claimed, and the caller claims what is left.
#include "ApusRuntimeABI.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "floating_point.h"
#include "park.h"

// With one chunk a thread, a thread that the system takes off its core holds up the whole loop; with four,
// the others take over all but a quarter of its share. More would only shorten the contiguous ranges.
enum { CHUNKS_PER_THREAD = 4, MAX_THREADS = 512, LINE = 128 };

// A share packs the chunks one thread still has to begin: job number, first chunk, end. The job number makes
// a late worker's claim on a finished job fail; 40 bits do not repeat while a thread is between two lines.
enum { CHUNK_BITS = 12 };
#define CHUNK_MASK ((UINT64_C(1) << CHUNK_BITS) - 1)
#define JOB_MASK ((UINT64_C(1) << (64 - 2 * CHUNK_BITS)) - 1)
_Static_assert(CHUNKS_PER_THREAD * MAX_THREADS <= CHUNK_MASK, "a chunk's number must fit in its bits");

// Set in `pending` while the caller sleeps on it.
#define CALLER_SLEEPS UINT32_C(0x80000000)

typedef struct {
  _Alignas(LINE) uint64_t chunks;
} share;

typedef struct {
  apus_pool *pool;
  int32_t index;
} worker;

struct apus_pool {
  _Alignas(LINE) uint32_t wake;  // changes with every job; idle workers watch it
  uint32_t sleepers;
  uint32_t stop;
  _Alignas(LINE) uint32_t pending;  // chunks of the job that are not done
  _Alignas(LINE) uint32_t busy;     // a caller owns the pool
  // The job: written by the owner before it is published, stable until `pending` reaches 0.
  uint64_t job;
  apus_context *context;
  apus_body body;
  void *closure;
  int64_t count, grain, grains, chunk_count;
  // Constant after creation. Shares of threads that could not be started are taken over by the others.
  int32_t threads, started;
  int64_t spin_nanoseconds;
  pid_t process;
  park_lot lot;
  pthread_t *handles;
  worker *workers;
  share shares[];
};

static uint64_t pack(uint64_t job, uint64_t first, uint64_t end) {
  return (job & JOB_MASK) << (2 * CHUNK_BITS) | first << CHUNK_BITS | end;
}

static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

typedef enum { UNTIL_EQUAL, UNTIL_DIFFERENT } wish;

// Spins until `*word` equals `value`, or differs from it; 0 when the time is up.
static int spin(const apus_pool *pool, const uint32_t *word, wish wanted, uint32_t value) {
  int64_t deadline = 0;
  for (;;) {
    for (int i = 0; i < 32; i++) {
      if ((__atomic_load_n(word, __ATOMIC_ACQUIRE) == value) == (wanted == UNTIL_EQUAL)) return 1;
      relax();
    }
    int64_t now = nanoseconds();
    if (deadline == 0) deadline = now + pool->spin_nanoseconds;
    if (now >= deadline) return 0;
  }
}

// Chunk boundaries depend on the number of threads, results do not: see `apus_body`.
static int64_t boundary(int64_t chunk, int64_t chunk_count, int64_t count, int64_t grain, int64_t grains) {
  if (chunk == chunk_count) return count;
  int64_t whole = grains / chunk_count, rest = grains % chunk_count;
  return (whole * chunk + rest * chunk / chunk_count) * grain;
}

// Runs one claimed chunk, unless the call has failed or is to stop.
static void run_chunk(
    apus_context *context, apus_body body, void *closure, int64_t begin, int64_t end) {
  if (apus_context_status(context) != apus_status_ok) return;
  if (apus_context_is_cancelled(context)) {
    context->fail(context, apus_status_cancelled, -1, 0, 0);
    return;
  }
  body(context, closure, begin, end);
}

// Claims a chunk of `job` from `from`: the owner takes the first, others the last. -1 when there is none.
static int64_t claim(share *from, uint64_t job, int owner) {
  uint64_t seen = __atomic_load_n(&from->chunks, __ATOMIC_ACQUIRE);
  for (;;) {
    uint64_t first = seen >> CHUNK_BITS & CHUNK_MASK, end = seen & CHUNK_MASK;
    if (seen >> (2 * CHUNK_BITS) != (job & JOB_MASK) || first == end) return -1;
    uint64_t next = owner ? pack(job, first + 1, end) : pack(job, first, end - 1);
    if (__atomic_compare_exchange_n(&from->chunks, &seen, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      return (int64_t)(owner ? first : end - 1);
    }
  }
}

// Takes part in `job` as thread `index` until nothing is left to claim. The job's fields may be read only
// after a claim: it keeps the job from ending.
static void take_part(apus_pool *pool, uint64_t job, int32_t index) {
  uint32_t done = 0;
  for (int32_t step = 0; step < pool->threads; step++) {
    int32_t from = index + step;
    if (from >= pool->threads) from -= pool->threads;
    for (;;) {
      int64_t chunk = claim(&pool->shares[from], job, step == 0);
      if (chunk < 0) break;
      int64_t begin = boundary(chunk, pool->chunk_count, pool->count, pool->grain, pool->grains);
      int64_t end = boundary(chunk + 1, pool->chunk_count, pool->count, pool->grain, pool->grains);
      run_chunk(pool->context, pool->body, pool->closure, begin, end);
      done++;
    }
  }
  if (done == 0) return;
  uint32_t left = __atomic_sub_fetch(&pool->pending, done, __ATOMIC_ACQ_REL);
  if (left == CALLER_SLEEPS) unpark(&pool->lot, &pool->pending, 1);
}

static void *work(void *argument) {
  apus_pool *pool = ((worker *)argument)->pool;
  int32_t index = ((worker *)argument)->index;
  uint32_t seen = 0;
  apus_fp_set(APUS_FP_DEFAULT);  // a new thread inherits its creator's
  for (;;) {
    if (!spin(pool, &pool->wake, UNTIL_DIFFERENT, seen)) {
      // Announced before the last look at `wake`: either the publisher sees a sleeper or the sleeper sees the job.
      __atomic_fetch_add(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
      while (__atomic_load_n(&pool->wake, __ATOMIC_SEQ_CST) == seen) park(&pool->lot, &pool->wake, seen);
      __atomic_fetch_sub(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
    }
    seen = __atomic_load_n(&pool->wake, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&pool->stop, __ATOMIC_ACQUIRE)) return NULL;
    take_part(pool, __atomic_load_n(&pool->job, __ATOMIC_RELAXED), index);
  }
}

// Publishes the job, takes part in it and waits for the rest. The caller owns the pool.
static void run_job(apus_pool *pool) {
  uint64_t job = pool->job + 1;
  __atomic_store_n(&pool->pending, (uint32_t)pool->chunk_count, __ATOMIC_RELAXED);
  __atomic_store_n(&pool->job, job, __ATOMIC_RELAXED);
  for (int64_t t = 0; t < pool->threads; t++) {
    uint64_t first = (uint64_t)(pool->chunk_count * t / pool->threads);
    uint64_t end = (uint64_t)(pool->chunk_count * (t + 1) / pool->threads);
    __atomic_store_n(&pool->shares[t].chunks, pack(job, first, end), __ATOMIC_RELEASE);
  }
  __atomic_store_n(&pool->wake, (uint32_t)job, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool->sleepers, __ATOMIC_SEQ_CST) != 0) {
    int64_t wanted = pool->chunk_count < pool->threads ? pool->chunk_count : pool->threads;
    unpark(&pool->lot, &pool->wake, (int32_t)wanted - 1);
  }

  take_part(pool, job, 0);

  if (!spin(pool, &pool->pending, UNTIL_EQUAL, 0)) {
    uint32_t left = __atomic_or_fetch(&pool->pending, CALLER_SLEEPS, __ATOMIC_ACQ_REL);
    while (left != CALLER_SLEEPS) {
      park(&pool->lot, &pool->pending, left);
      left = __atomic_load_n(&pool->pending, __ATOMIC_ACQUIRE);
    }
  }
}

void apus_pool_parallel_for(
    apus_context *context, apus_body body, void *closure, int64_t count, int64_t grain) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  apus_pool *pool = context->pool;
  uint32_t is_free = 0;
  if (!pool || pool->started == 1 || count <= grain ||
      !__atomic_compare_exchange_n(&pool->busy, &is_free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    run_chunk(context, body, closure, 0, count);
    return;
  }
  int64_t grains = count / grain + (count % grain != 0);
  int64_t most = (int64_t)pool->threads * CHUNKS_PER_THREAD;
  pool->context = context;
  pool->body = body;
  pool->closure = closure;
  pool->count = count;
  pool->grain = grain;
  pool->grains = grains;
  pool->chunk_count = grains < most ? grains : most;
  run_job(pool);
  __atomic_store_n(&pool->busy, 0, __ATOMIC_RELEASE);
}

int32_t apus_pool_threads(const apus_pool *pool) { return pool ? pool->started : 1; }

apus_pool *apus_pool_create(int32_t threads, int32_t spin_microseconds) {
  if (threads < 1) threads = 1;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  void *memory = NULL;
  size_t bytes = sizeof(apus_pool) + (size_t)threads * sizeof(share);
  if (posix_memalign(&memory, LINE, bytes) != 0) return NULL;
  memset(memory, 0, bytes);
  apus_pool *pool = memory;
  pool->handles = calloc((size_t)threads, sizeof *pool->handles);
  pool->workers = calloc((size_t)threads, sizeof *pool->workers);
  if (!pool->handles || !pool->workers) {
    free(pool->handles);
    free(pool->workers);
    free(pool);
    return NULL;
  }
  pool->spin_nanoseconds = spin_microseconds < 0 ? 0 : (int64_t)spin_microseconds * 1000;
  pool->process = getpid();
  pool->threads = threads;  // before the workers start, which read it
  park_lot_init(&pool->lot);

  // Signals stay with the program's own threads.
  sigset_t all, callers;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &callers);
  int32_t started = 1;
  while (started < threads) {
    pool->workers[started] = (worker){pool, started};
    if (pthread_create(&pool->handles[started], NULL, work, &pool->workers[started]) != 0) break;
    started++;
  }
  pthread_sigmask(SIG_SETMASK, &callers, NULL);
  pool->started = started;
  return pool;
}

void apus_pool_destroy(apus_pool *pool) {
  if (!pool) return;
  if (getpid() == pool->process) {
    __atomic_store_n(&pool->stop, 1, __ATOMIC_RELEASE);
    __atomic_add_fetch(&pool->wake, 1, __ATOMIC_SEQ_CST);
    unpark(&pool->lot, &pool->wake, INT32_MAX);
    for (int32_t t = 1; t < pool->started; t++) pthread_join(pool->handles[t], NULL);
    park_lot_destroy(&pool->lot);
  }
  free(pool->handles);
  free(pool->workers);
  free(pool);
}
