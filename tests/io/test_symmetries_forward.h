#ifndef SYMO_TESTS_IO_TEST_SYMMETRIES_FORWARD_H
#define SYMO_TESTS_IO_TEST_SYMMETRIES_FORWARD_H

#include "io/symmetries/infer.h"

/* The plainest possible evaluation of a graph: a loss of its parameters (flat, in the order of the
 * layout, float64) on one example of random inputs.  Squares of the outputs with different weights,
 * so that no symmetry comes from the loss. */
double sym_forward(const graph *g, const symo_layout *layout, const double *theta, uint64_t seed);

/* A pointwise function of docs/graphs.md; fails the test for other names. */
double sym_forward_function(const char *name, double x);
const char *sym_forward_name(size_t index); /* NULL past the end */

#endif
