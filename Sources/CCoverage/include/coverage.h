// Counters of a build with `-Xswiftc -profile-generate`: one for each branch of the Swift code.
#ifndef APUS_COVERAGE_H
#define APUS_COVERAGE_H

#include <stdint.h>

/// The first counter, or NULL in other builds.
uint64_t *apus_coverage_begin(void);
/// The end of the counters.
uint64_t *apus_coverage_end(void);
/// Keeps the process from writing its counters to a file when it ends.
void apus_coverage_discard(void);

#endif
