// A library with the C interface of HiGHS, for the tests of what Apus does when a solver fails. What it does wrong stands
// in the name of the file it is loaded from, a link that the test makes.
#ifndef FAULTY_SOLVER_H
#define FAULTY_SOLVER_H

#include <stdint.h>

void *Highs_create(void);

#endif
