// HiGHS by its C interface (highs_c_api.h), whose integers have 32 bits in the usual build.
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libraries.h"

#define SYMBOL(result, name, ...) result (*name)(__VA_ARGS__) = (result (*)(__VA_ARGS__))dlsym(handle, "Highs_" #name)

int apus_solve_with_highs(void *handle, const struct apus_program *program, double seconds, double *point,
                          struct apus_solver_answer *answer) {
  SYMBOL(void *, create, void);
  SYMBOL(const char *, version, void);
  SYMBOL(int32_t, setBoolOptionValue, void *, const char *, int32_t);
  SYMBOL(int32_t, setIntOptionValue, void *, const char *, int32_t);
  SYMBOL(int32_t, setDoubleOptionValue, void *, const char *, double);
  SYMBOL(int32_t, passMip, void *, int32_t, int32_t, int32_t, int32_t, int32_t, double, const double *, const double *,
         const double *, const double *, const double *, const int32_t *, const int32_t *, const double *, const int32_t *);
  SYMBOL(int32_t, setSolution, void *, const double *, const double *, const double *, const double *);
  SYMBOL(int32_t, run, void *);
  SYMBOL(int32_t, getSolution, const void *, double *, double *, double *, double *);
  SYMBOL(int32_t, getDoubleInfoValue, const void *, const char *, double *);
  SYMBOL(int32_t, getSizeofHighsInt, const void *);
  if (!create || !setBoolOptionValue || !setIntOptionValue || !setDoubleOptionValue || !passMip || !run || !getSolution ||
      !getDoubleInfoValue)
    return 0;
  answer->kind = APUS_SOLVER_HIGHS;
  if (version) strncpy(answer->version, version(), sizeof answer->version - 1);
  if (!program) return 1;

  void *highs = create();
  if (!highs || (getSizeofHighsInt && getSizeofHighsInt(highs) != 4)) return 0;
  size_t columns = (size_t)program->columns, rows = (size_t)program->rows;
  double *zeros = calloc(columns + 1, sizeof(double)), *ones = calloc(columns + 1, sizeof(double));
  double *lower = calloc(rows + 1, sizeof(double)), *duals = calloc(columns + 1, sizeof(double));
  double *activity = calloc(rows + 1, sizeof(double)), *rowDuals = calloc(rows + 1, sizeof(double));
  int32_t *integral = calloc(columns + 1, sizeof(int32_t));
  if (!zeros || !ones || !lower || !duals || !activity || !rowDuals || !integral) return 0;
  for (size_t c = 0; c < columns; c++) ones[c] = 1, integral[c] = 1;
  for (size_t r = 0; r < rows; r++) lower[r] = -INFINITY;
  setBoolOptionValue(highs, "output_flag", 0);
  setDoubleOptionValue(highs, "time_limit", seconds);
  setDoubleOptionValue(highs, "mip_rel_gap", 0);
  // Costs are whole numbers.
  setDoubleOptionValue(highs, "mip_abs_gap", 0.5);
  setIntOptionValue(highs, "threads", 1);
  const int32_t byRow = 2, minimize = 1;
  passMip(highs, program->columns, program->rows, program->entries, byRow, minimize, 0, program->costs, zeros, ones, lower,
          program->limits, program->starts, program->indices, program->values, integral);
  if (setSolution && program->start) setSolution(highs, program->start, NULL, NULL, NULL);
  run(highs);
  getSolution(highs, point, duals, activity, rowDuals);
  getDoubleInfoValue(highs, "objective_function_value", &answer->objective);
  getDoubleInfoValue(highs, "mip_dual_bound", &answer->bound);
  return 1;
}
