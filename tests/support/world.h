#ifndef SYMO_TESTS_SUPPORT_WORLD_H
#define SYMO_TESTS_SUPPORT_WORLD_H

#include "tests/support/dense.h"
#include "tests/support/oracle.h"
#include "tests/support/testing.h"
#include "tests/support/vectors.h"

/* Bits for oracle_random_layout: groups whose elements can be listed. */
enum { SYMO_TEST_FINITE = 1 | 2 | 4 | 8, SYMO_TEST_ALL = 31 };

/* A context, a generator, and one layout after another. */
typedef struct symo_world {
  symo_context *context;
  symo_rng *rng;
  symo_layout *layout;
  size_t n; /* parameters */
  char text[512];
} symo_world;

void symo_world_open(symo_world *w, uint64_t seed);
void symo_world_random(symo_world *w, unsigned groups, size_t elements, size_t parameters);
void symo_world_parse(symo_world *w, const char *text);
void symo_world_drop(symo_world *w);  /* the layout */
void symo_world_close(symo_world *w); /* the layout too, if there is one; looks for leaks */

/* Space h under the group, i of dimension 2 that nothing moves, k of dimension 3 under
 * permutations; tensors a, b, .. on axes of one letter, as in "hh hi h". */
symo_layout *symo_test_letters(symo_context *context, const symo_group *group, size_t dim,
                               const char *tensors);

symo_plan *symo_world_plan(symo_world *w, symo_dtype dtype, symo_coupling coupling, bool centered);

/* A random indefinite structured matrix; or a positive definite one with eigenvalues in about
 * [1, 10]. */
symo_hessian *symo_world_indefinite(symo_world *w, const symo_plan *plan);
symo_hessian *symo_world_definite(symo_world *w, const symo_plan *plan);

/* By name, with a plan of the coupling it wants: *plan is made.  params may be NULL. */
typedef struct symo_test_case {
  const char *estimator;
  symo_dtype dtype;
  bool centered, scale;
  double damping;
} symo_test_case;

symo_status symo_world_try(symo_world *w, const symo_test_case *how, const symo_test_batch *grads,
                           const symo_test_batch *params, symo_plan **plan, symo_hessian **out);
symo_hessian *symo_world_estimate(symo_world *w, const symo_test_case *how,
                                  const symo_test_batch *grads, const symo_test_batch *params,
                                  symo_plan **plan);

/* The same, dense, and gone. */
double *symo_world_dense(symo_world *w, const symo_test_case *how, const symo_test_batch *grads,
                         const symo_test_batch *params);

#endif
