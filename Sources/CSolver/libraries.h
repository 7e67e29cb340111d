#ifndef APUS_SOLVER_LIBRARIES_H
#define APUS_SOLVER_LIBRARIES_H

#include "include/CSolver.h"

/// Each opens its symbols in `handle` and returns 0 if they are not all there. Without a program they only tell the version.
int apus_solve_with_highs(void *handle, const struct apus_program *program, double seconds, double *point,
                          struct apus_solver_answer *answer);
int apus_solve_with_cbc(void *handle, const struct apus_program *program, double seconds, double *point,
                        struct apus_solver_answer *answer);

#endif
