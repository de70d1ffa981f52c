#ifndef SYMO_TESTS_SUPPORT_SYMMETRY_H
#define SYMO_TESTS_SUPPORT_SYMMETRY_H

#include "tests/support/world.h"

/* Losses whose symmetries are known, for symo_symmetry_measure. */

enum { SYMO_TEST_PARTS = 3, SYMO_TEST_MOST = 64 };

/* L = sum over parts of scale * sum_i f(theta_i, i); f gives value and derivative. */
typedef struct symo_test_part {
  size_t n;
  double scale;
  double (*f)(double x, size_t i, double *derivative);
} symo_test_part;

typedef struct symo_test_sum {
  symo_dtype dtype;
  symo_test_part parts[SYMO_TEST_PARTS];
  size_t calls;       /* of the gradient, so far */
  symo_status answer; /* what it returns */
} symo_test_sum;

symo_problem symo_test_sum_problem(symo_test_sum *s);

double symo_test_square(double x, size_t i, double *derivative);      /* x^2 */
double symo_test_exponential(double x, size_t i, double *derivative); /* e^x */
double symo_test_wells(double x, size_t i, double *derivative);       /* minima at -1 and 1 */
double symo_test_target(double x, size_t i, double *derivative);      /* minimum at i */
double symo_test_flat(double x, size_t i, double *derivative);        /* 1 */

/* A layout, and random parameters for it, of either number type. */
typedef struct symo_test_stage {
  symo_world w;
  double theta[SYMO_TEST_MOST];
  float narrow[SYMO_TEST_MOST]; /* the same, written by symo_test_try */
} symo_test_stage;

void symo_test_stage_open(symo_test_stage *s, uint64_t seed, const char *layout);
void symo_test_stage_close(symo_test_stage *s, symo_symmetry_report *report); /* NULL: none */

/* samples 0: the default. */
symo_status symo_test_try(symo_test_stage *s, const symo_problem *p, size_t samples,
                          symo_symmetry_report **out);
symo_symmetry_report *symo_test_measure(symo_test_stage *s, const symo_problem *p, size_t samples);

#endif
