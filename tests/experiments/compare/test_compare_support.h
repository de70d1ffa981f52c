#ifndef SYMO_TEST_COMPARE_SUPPORT_H
#define SYMO_TEST_COMPARE_SUPPORT_H

#include "experiments/compare/competitor.h"
#include "tests/support/testing.h"

/* A small network with random data at random parameters, as competitors get it. */
enum { COMPARE_EXAMPLES = 7, COMPARE_MOST = 80, COMPARE_NUMBERS = 64 };

typedef struct compare_fixture {
  symo_context *context;
  symo_rng *rng;
  symo_net *net;
  symo_net_spec spec;
  size_t size;
  double x[COMPARE_EXAMPLES * COMPARE_NUMBERS], y[COMPARE_EXAMPLES * COMPARE_NUMBERS];
  double theta[COMPARE_MOST], grad[COMPARE_MOST];
  compare_input input;
} compare_fixture;

/* net: as on the command line, steps given. */
void compare_setup_fixture(compare_fixture *f, const char *net, symo_loss loss, bool bias);
void compare_teardown_fixture(compare_fixture *f);

/* The competitor of that name, as a matrix [size, size]. */
void compare_build_dense(compare_fixture *f, const char *name, double *dense);

/* Gradients of the examples one by one, [COMPARE_EXAMPLES, size]. */
void compare_single_gradients(const compare_fixture *f, double *out);

#endif
