/* h-star where C_t is singular: nothing in its null space, whatever rounding makes of zeros. */
#include "tests/support/oracle.h"
#include "tests/support/testing.h"

enum { P = 39, DRAWS = 60 };

static double null_space(double value, double largest) { return value < 1e-9 * largest ? 1 : 0; }

Test(lyapunov, null_space_stays_empty) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 5);
  const char *text = "p: permutation 3; b: signed-permutation 2; t0[p] t2[p,p,b,b]";
  symo_estimate_spec star = {.estimator = symo_estimator_find("h-star")};
  symo_estimate_spec outer = {.estimator = symo_estimator_find("covariance")};
  symo_layout *layout;
  symo_plan *plan;
  static double g[P], t[P], h[P * P], c[P * P], null[P * P], half[P * P], rest[P * P];
  const void *gradient[2], *theta[2];
  cr_ok(context, symo_layout_parse(context, text, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), P);
  cr_ok(context, symo_plan_create(layout, NULL, &plan));
  symo_layout_split_const(layout, SYMO_F64, g, gradient);
  symo_layout_split_const(layout, SYMO_F64, t, theta);
  symo_const_vector x = symo_const_vector_of(SYMO_F64, gradient),
                    y = symo_const_vector_of(SYMO_F64, theta);
  for (int k = 0; k < DRAWS; k++) {
    symo_hessian *estimate, *average;
    symo_test_randn(rng, g, P);
    symo_test_randn(rng, t, P);
    cr_ok(context, symo_estimate(plan, &star, 1, &x, &y, &estimate));
    cr_ok(context, symo_estimate(plan, &outer, 1, &y, NULL, &average));
    cr_ok(context, symo_hessian_dense(estimate, h));
    cr_ok(context, symo_hessian_dense(average, c));
    oracle_spectral(P, c, null_space, null);
    oracle_multiply(P, null, h, half);
    oracle_multiply(P, half, null, rest);
    cr_assert(symo_test_max(null, P * P) > 0.1, "C_t of draw %d is regular", k);
    cr_assert(symo_test_max(rest, P * P) <= 1e-8 * symo_test_max(h, P * P), "draw %d: %g of %g", k,
              symo_test_max(rest, P * P), symo_test_max(h, P * P));
    symo_hessian_destroy(estimate);
    symo_hessian_destroy(average);
  }
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
