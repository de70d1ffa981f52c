#ifndef SYMO_TESTS_SUPPORT_PROBLEMS_H
#define SYMO_TESTS_SUPPORT_PROBLEMS_H

#include <symo/optim.h>

#include "tests/support/world.h"

/* f(x) = c + x'A x / 2 - b'x, of which A is given; ggn is A too, and has rows where A is definite.
 * It has 2 n examples with the empirical Fisher matrix A + g g'.  What is told to fail gives NaN.
 * With `valley` instead Rosenbrock's function of the first two numbers as residuals,
 *     f = (r1^2 + r2^2) / 2,  r1 = 10 (x2 - x1^2),  r2 = 1 - x1,
 * whose Gauss-Newton matrix is J'J. */
typedef struct symo_test_problem {
  size_t n;
  symo_dtype dtype;
  double *a, *b, c;
  bool valley, nan_loss, nan_gradient, nan_product;
  double *x, *y; /* [n], for conversions */
  size_t losses, gradients, products, sampled;
  symo_problem problem;
} symo_test_problem;

/* A = Q' diag(w) Q with random Q; b random. */
void symo_test_quadratic(symo_test_problem *p, symo_rng *rng, symo_dtype dtype, size_t n,
                         const double *w);
void symo_test_valley(symo_test_problem *p);
void symo_test_problem_free(symo_test_problem *p);

/* The solution of (A + damping I) x = b by LAPACK; A [n, n] is spoilt. */
void symo_test_solve(size_t n, double *a, double damping, double *b);

/* A plan for a problem, with theta and state. */
typedef struct symo_test_descent {
  symo_context *context;
  symo_layout *layout;
  symo_problem problem;
  symo_dtype dtype;
  size_t n;
  symo_method method;
  symo_optim_spec spec;
  symo_rule rule;
  symo_optim *optim;
  symo_optim_state *state;
  void *theta;
  double loss;
} symo_test_descent;

/* layout NULL: one vector "w".  settings as for symo_stepper_method. */
void symo_descent_open(symo_test_descent *d, symo_context *context, const symo_problem *problem,
                       symo_layout *layout, const char *preset, const char *settings);
void symo_descent_close(symo_test_descent *d);
void symo_descent_set(symo_test_descent *d, const double *theta);
void symo_descent_get(const symo_test_descent *d, double *theta);
symo_step_report symo_descent_step(symo_test_descent *d);

/* All of theta and of the state, byte by byte; without entry 0, "counters", unless asked for.  The
 * caller's (free). */
typedef struct symo_test_bytes {
  unsigned char *p;
  size_t n;
} symo_test_bytes;
symo_test_bytes symo_descent_bytes(symo_test_descent *d, bool counters);
bool symo_test_same_bytes(symo_test_bytes a, symo_test_bytes b);

#endif
