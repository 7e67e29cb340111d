#ifndef APUS_PARK_H
#define APUS_PARK_H
// Sleeping until a word changes: futex where there is one, a condition variable elsewhere.
#include <stdint.h>

#if defined(__linux__) && !defined(APUS_NO_FUTEX)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
  char unused;
} park_lot;

static inline void park_lot_init(park_lot *lot) { (void)lot; }
static inline void park_lot_destroy(park_lot *lot) { (void)lot; }

/// Sleeps while `*word == value`; may return early.
static inline void park(park_lot *lot, uint32_t *word, uint32_t value) {
  (void)lot;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/// Wakes up to `count` sleepers on `word`, after it has changed.
static inline void unpark(park_lot *lot, uint32_t *word, int32_t count) {
  (void)lot;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

#else

#include <pthread.h>

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} park_lot;

static inline void park_lot_init(park_lot *lot) {
  pthread_mutex_init(&lot->mutex, NULL);
  pthread_cond_init(&lot->changed, NULL);
}

static inline void park_lot_destroy(park_lot *lot) {
  pthread_cond_destroy(&lot->changed);
  pthread_mutex_destroy(&lot->mutex);
}

static inline void park(park_lot *lot, uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&lot->mutex);
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value) pthread_cond_wait(&lot->changed, &lot->mutex);
  pthread_mutex_unlock(&lot->mutex);
}

// Sleepers on all words share one condition, so all are woken and look for themselves.
static inline void unpark(park_lot *lot, uint32_t *word, int32_t count) {
  (void)word, (void)count;
  pthread_mutex_lock(&lot->mutex);
  pthread_cond_broadcast(&lot->changed);
  pthread_mutex_unlock(&lot->mutex);
}

#endif
#endif
