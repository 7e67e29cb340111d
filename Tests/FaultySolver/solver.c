#define _GNU_SOURCE
#include "include/FaultySolver.h"

#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
  int32_t columns, rows;
  const double *costs, *limits, *values, *start;
  const int32_t *starts, *indices;
  double *point;
  double objective;
} model;

static int is(const char *fault) {
  Dl_info info;
  return dladdr((const void *)&Highs_create, &info) && strstr(info.dli_fname, fault) != NULL;
}

static void sleepForEver(void) {
  for (;;) sleep(1000);
}

__attribute__((constructor)) static void load(void) {
  if (is("crash-on-load")) abort();
  if (is("hang-on-load")) sleepForEver();
}

static int32_t isFeasible(const double *point) {
  for (int32_t r = 0; r < model.rows; r++) {
    double sum = 0;
    for (int32_t e = model.starts[r]; e < model.starts[r + 1]; e++) sum += model.values[e] * point[model.indices[e]];
    if (sum > model.limits[r] + 1e-6) return 0;
  }
  return 1;
}

static double cost(const double *point) {
  double sum = 0;
  for (int32_t c = 0; c < model.columns; c++) sum += model.costs[c] * point[c];
  return sum;
}

void *Highs_create(void) {
  if (is("null")) return NULL;
  return &model;
}

const char *Highs_version(void) { return is("no-version") ? "a version whose name is much longer than the room there is" : "0"; }

int32_t Highs_setBoolOptionValue(void *highs, const char *name, int32_t value) { return 0; }
int32_t Highs_setIntOptionValue(void *highs, const char *name, int32_t value) { return 0; }
int32_t Highs_setDoubleOptionValue(void *highs, const char *name, double value) { return 0; }

int32_t Highs_passMip(void *highs, int32_t columns, int32_t rows, int32_t entries, int32_t format, int32_t sense, double offset,
                      const double *costs, const double *lower, const double *upper, const double *rowLower,
                      const double *rowUpper, const int32_t *starts, const int32_t *indices, const double *values,
                      const int32_t *integrality) {
  model.columns = columns;
  model.rows = rows;
  model.costs = costs;
  model.limits = rowUpper;
  model.starts = starts;
  model.indices = indices;
  model.values = values;
  return 0;
}

int32_t Highs_setSolution(void *highs, const double *point, const double *rows, const double *duals, const double *rowDuals) {
  model.start = point;
  return 0;
}

int32_t Highs_run(void *highs) {
  if (is("crash-on-run")) *(volatile int *)8 = 1;
  if (is("abort")) abort();
  if (is("hang-on-run")) sleepForEver();
  if (is("stop")) raise(SIGSTOP);
  if (is("exit")) _exit(0);
  if (is("loud")) {
    for (int line = 0; line < 1000; line++) puts("I am a solver"), fprintf(stderr, "I am a solver\n");
    fflush(stdout);
  }
  if (is("descendant")) {
    // It outlives its parent, with the same open files.
    if (fork() == 0) sleepForEver();
  }
  model.point = calloc((size_t)model.columns + 1, sizeof(double));
  if (model.start) memcpy(model.point, model.start, (size_t)model.columns * sizeof(double));
  if (is("right") && model.columns <= 22) {
    double *point = calloc((size_t)model.columns + 1, sizeof(double));
    double best = INFINITY;
    for (uint32_t bits = 0; bits < 1u << model.columns; bits++) {
      for (int32_t c = 0; c < model.columns; c++) point[c] = bits >> c & 1;
      double value = cost(point);
      if (value < best && isFeasible(point)) {
        best = value;
        memcpy(model.point, point, (size_t)model.columns * sizeof(double));
      }
    }
  }
  for (int32_t c = 0; c < model.columns; c++) {
    if (is("nan")) model.point[c] = NAN;
    if (is("huge")) model.point[c] = 1e300;
    if (is("half")) model.point[c] = 0.5;
    if (is("infeasible")) model.point[c] = model.costs[c] < 0;
    if (is("zero")) model.point[c] = 0;
  }
  model.objective = cost(model.point);
  return 0;
}

int32_t Highs_getSolution(const void *highs, double *point, double *duals, double *rows, double *rowDuals) {
  if (is("crash-on-solution")) raise(SIGSEGV);
  // Far beyond the end of what it was given.
  if (is("scribble")) memset(point, 0x5A, (size_t)1 << 28);
  memcpy(point, model.point, (size_t)model.columns * sizeof(double));
  return 0;
}

int32_t Highs_getDoubleInfoValue(const void *highs, const char *name, double *value) {
  *value = model.objective;
  if (is("wrong-objective")) *value -= 1000;
  if (is("wrong-bound") && strcmp(name, "mip_dual_bound") == 0) *value += 1000;
  if (is("nan-bound")) *value = NAN;
  return 0;
}
