#ifndef SYMO_TESTS_SUPPORT_FACTORS_H
#define SYMO_TESTS_SUPPORT_FACTORS_H

#include "tests/support/testing.h"

/* Layer statistics of all sites of a problem, and the same by their definition. */
typedef struct factor_case {
  const symo_problem *problem;
  size_t columns; /* of test matrices; 0: whole matrices */
  bool moments;
  symo_factor_sums *sums;
} factor_case;

/* Arrays of zeros; tests and bases are random. */
factor_case factor_case_create(const symo_problem *problem, symo_sharing sharing, size_t columns,
                               bool moments, symo_rng *rng);
void factor_case_clear(factor_case *f);
void factor_case_destroy(factor_case *f);
symo_factor_request factor_case_request(factor_case *f, symo_fisher fisher);

/* The largest relative difference of the arrays of a site, divided by their counts, from those made
 * of pairs a [n r, inputs] and d [n r, outputs], example by example, in loops.  A table has its
 * unit vectors in a.  What is not wanted is left out. */
double factor_case_error(const factor_case *f, size_t site, size_t n, size_t r, const double *a,
                         const double *d);

#endif
