#include "ApusRuntimeABI.h"

#include "floating_point.h"

int32_t apus_invoke(apus_entry entry, apus_context *context, apus_tensor *inputs, apus_tensor *outputs) {
  uint64_t callers = apus_fp_get();
  apus_fp_set(APUS_FP_DEFAULT);
  int32_t returned = entry(context, inputs, outputs);
  apus_fp_set(callers);
  int32_t recorded = apus_context_status(context);
  return recorded != apus_status_ok ? recorded : returned;
}
