#ifndef APUS_FLOATING_POINT_H
#define APUS_FLOATING_POINT_H
// The control register of vector arithmetic, without libm: an ahead-of-time artefact links libc only.
#include <stdint.h>

#if defined(__x86_64__)

enum { APUS_FP_DEFAULT = 0x1F80 };  // all exceptions masked, round to nearest, denormals kept
static inline uint64_t apus_fp_get(void) { return __builtin_ia32_stmxcsr(); }
static inline void apus_fp_set(uint64_t control) { __builtin_ia32_ldmxcsr((uint32_t)control); }

#elif defined(__aarch64__)

enum { APUS_FP_DEFAULT = 0 };
static inline uint64_t apus_fp_get(void) {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}
static inline void apus_fp_set(uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }

#else

enum { APUS_FP_DEFAULT = 0 };
static inline uint64_t apus_fp_get(void) { return 0; }
static inline void apus_fp_set(uint64_t control) { (void)control; }

#endif
#endif
