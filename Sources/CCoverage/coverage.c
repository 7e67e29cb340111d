#include "coverage.h"
#include <stddef.h>

// LLVM's profile runtime, which is linked into instrumented builds only.
extern uint64_t *__llvm_profile_begin_counters(void) __attribute__((weak));
extern uint64_t *__llvm_profile_end_counters(void) __attribute__((weak));
extern void __llvm_profile_set_filename(const char *) __attribute__((weak));

uint64_t *apus_coverage_begin(void) { return __llvm_profile_begin_counters ? __llvm_profile_begin_counters() : NULL; }
uint64_t *apus_coverage_end(void) { return __llvm_profile_end_counters ? __llvm_profile_end_counters() : NULL; }
void apus_coverage_discard(void) {
  if (__llvm_profile_set_filename) __llvm_profile_set_filename("/dev/null");
}
