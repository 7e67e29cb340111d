#ifndef APUS_CFFI_H
#define APUS_CFFI_H
#include <ffi.h>
// Swift 6 rejects libffi's mutable C globals and cannot read FFI_DEFAULT_ABI: wrap both.
static inline ffi_type *cffi_f32(void) { return &ffi_type_float; }
static inline ffi_type *cffi_f64(void) { return &ffi_type_double; }
static inline ffi_type *cffi_s8(void) { return &ffi_type_sint8; }
static inline ffi_type *cffi_s16(void) { return &ffi_type_sint16; }
static inline ffi_type *cffi_s32(void) { return &ffi_type_sint32; }
static inline ffi_type *cffi_s64(void) { return &ffi_type_sint64; }
static inline ffi_type *cffi_u8(void) { return &ffi_type_uint8; }
static inline ffi_type *cffi_u16(void) { return &ffi_type_uint16; }
static inline ffi_type *cffi_u32(void) { return &ffi_type_uint32; }
static inline ffi_type *cffi_u64(void) { return &ffi_type_uint64; }
static inline ffi_type *cffi_pointer(void) { return &ffi_type_pointer; }
static inline ffi_type *cffi_void(void) { return &ffi_type_void; }
static inline ffi_status cffi_prep(ffi_cif *cif, unsigned count, ffi_type *result, ffi_type **arguments) {
  return ffi_prep_cif(cif, FFI_DEFAULT_ABI, count, result, arguments);
}
static inline void cffi_call(ffi_cif *cif, const void *function, void *result, void **arguments) {
  ffi_call(cif, (void (*)(void))function, result, arguments);
}
#endif
