// CBC by its C interface (Cbc_C_Interface.h) as of 2.10.
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libraries.h"

#define SYMBOL(result, name, ...) result (*name)(__VA_ARGS__) = (result (*)(__VA_ARGS__))dlsym(handle, "Cbc_" #name)

int apus_solve_with_cbc(void *handle, const struct apus_program *program, double seconds, double *point,
                        struct apus_solver_answer *answer) {
  SYMBOL(void *, newModel, void);
  SYMBOL(const char *, getVersion, void);
  SYMBOL(void, loadProblem, void *, int, int, const int *, const int *, const double *, const double *, const double *,
         const double *, const double *, const double *);
  SYMBOL(void, setInteger, void *, int);
  SYMBOL(void, setParameter, void *, const char *, const char *);
  SYMBOL(void, setMIPStartI, void *, int, const int *, const double *);
  SYMBOL(int, solve, void *);
  SYMBOL(const double *, getColSolution, void *);
  SYMBOL(double, getObjValue, void *);
  SYMBOL(double, getBestPossibleObjValue, void *);
  if (!newModel || !loadProblem || !setInteger || !setParameter || !solve || !getColSolution || !getObjValue ||
      !getBestPossibleObjValue)
    return 0;
  answer->kind = APUS_SOLVER_CBC;
  if (getVersion) strncpy(answer->version, getVersion(), sizeof answer->version - 1);
  if (!program) return 1;

  void *model = newModel();
  if (!model) return 0;
  // CBC wants columns.
  size_t columns = (size_t)program->columns, rows = (size_t)program->rows, entries = (size_t)program->entries;
  int *starts = calloc(columns + 2, sizeof(int)), *indices = calloc(entries + 1, sizeof(int));
  double *values = calloc(entries + 1, sizeof(double)), *zeros = calloc(columns + 1, sizeof(double));
  double *ones = calloc(columns + 1, sizeof(double)), *lower = calloc(rows + 1, sizeof(double));
  int *all = calloc(columns + 1, sizeof(int));
  if (!starts || !indices || !values || !zeros || !ones || !lower || !all) return 0;
  for (size_t e = 0; e < entries; e++) starts[program->indices[e] + 2]++;
  for (size_t c = 0; c < columns; c++) starts[c + 2] += starts[c + 1];
  for (size_t r = 0; r < rows; r++) {
    lower[r] = -INFINITY;
    for (int32_t e = program->starts[r]; e < program->starts[r + 1]; e++) {
      int place = starts[program->indices[e] + 1]++;
      indices[place] = (int)r;
      values[place] = program->values[e];
    }
  }
  for (size_t c = 0; c < columns; c++) ones[c] = 1, all[c] = (int)c;
  loadProblem(model, program->columns, program->rows, starts, indices, values, zeros, ones, program->costs, lower,
              program->limits);
  for (int c = 0; c < program->columns; c++) setInteger(model, c);
  char limit[32];
  snprintf(limit, sizeof limit, "%.3f", seconds);
  setParameter(model, "log", "0");
  setParameter(model, "sec", limit);
  setParameter(model, "timeMode", "elapsed");
  setParameter(model, "ratioGap", "0");
  setParameter(model, "allowableGap", "0.5");
  if (setMIPStartI && program->start) setMIPStartI(model, program->columns, all, program->start);
  solve(model);
  const double *solution = getColSolution(model);
  if (!solution) return 0;
  memcpy(point, solution, columns * sizeof(double));
  answer->objective = getObjValue(model);
  answer->bound = getBestPossibleObjValue(model);
  return 1;
}
