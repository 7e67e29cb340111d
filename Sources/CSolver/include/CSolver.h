// Integer programs, solved by a library that is opened at run time, in a process of its own: whatever the library does
// there, crash, hang or scribble, the caller goes on.
#ifndef APUS_SOLVER_H
#define APUS_SOLVER_H

#include <stdint.h>

/// Minimize the sum of costs of columns that are 0 or 1, where each row is at most its limit.
struct apus_program {
  int32_t columns;
  int32_t rows;
  int32_t entries;
  const double *costs;
  const double *limits;
  /// Entries of row r are those from starts[r] to before starts[r + 1].
  const int32_t *starts;
  const int32_t *indices;
  const double *values;
  /// A point to start from.
  const double *start;
};

enum apus_solver_kind { APUS_SOLVER_NONE = 0, APUS_SOLVER_HIGHS = 1, APUS_SOLVER_CBC = 2 };

enum apus_solver_status {
  /// Some point was returned. Nothing of it is checked.
  APUS_SOLVER_DONE = 0,
  /// No such library, or it is no solver that we know.
  APUS_SOLVER_MISSING = 1,
  /// It ended without a result; `detail` is the signal, or 0.
  APUS_SOLVER_ENDED = 2,
  /// It was stopped because it took too long.
  APUS_SOLVER_LATE = 3,
  /// No process or no memory was to be had; `detail` is the error number.
  APUS_SOLVER_REFUSED = 4,
};

struct apus_solver_answer {
  int32_t status;
  int32_t detail;
  int32_t kind;
  /// As the library says.
  double objective;
  double bound;
  char version[32];
};

/// Opens `library` in a child process and solves `program` there, within about `seconds`. `point` takes one value a
/// column. With a null `program` the library is only asked what it is.
void apus_solver_run(const char *library, const struct apus_program *program, double seconds, double *point,
                     struct apus_solver_answer *answer);

#endif
