#ifndef SYMO_TESTS_SUPPORT_OPERATORS_H
#define SYMO_TESTS_SUPPORT_OPERATORS_H

#include <symo/symo.h>

/* A dense symmetric matrix as an operator, which counts its calls. */
typedef struct symo_test_matrix {
  size_t n;
  symo_dtype dtype;
  double *a;         /* [n, n] */
  size_t products;   /* directions so far */
  symo_status later; /* the status of calls after `fail_after` products, if that is not 0 */
  size_t fail_after;
} symo_test_matrix;

/* Q diag(w) Q' for a random orthogonal Q. */
symo_test_matrix symo_test_matrix_of(symo_rng *rng, symo_dtype dtype, size_t n, const double *w);
void symo_test_matrix_drop(symo_test_matrix *m);
symo_operator symo_test_operator(symo_test_matrix *m);

#endif
