/* Each finite group on its own, S_1 to S_5, B_1 to B_4 and sign flips, on one layout with the space
 * on one axis, on two, and beside others: averages by the closed forms and by the sum over all
 * elements. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/world.h"

static void check_group(symo_world *w, const char *group, size_t d, size_t order) {
  char text[160];
  snprintf(text, sizeof text, "i: identity 2; h: %s %zu; b[h] w[h,h] v[i,h] r[h,i,h] c[i] s[]",
           group, d);
  symo_world_parse(w, text);
  cr_assert_eq(oracle_order(w->layout, 100000), order, "%s", text);
  size_t n = w->n;
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 2);
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  double *gg = symo_dense_outer(n, 2, g.flat, g.flat), *wanted = symo_dense_average(w->layout, gg);
  double *found = symo_world_dense(w, &how, &g, NULL);
  cr_assert(symo_test_rel(found, wanted, n * n) <= 1e-12, "covariance: %s", text);
  free(found);
  free(wanted);
  symo_test_randn(w->rng, gg, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) gg[i * n + j] = gg[j * n + i];
  symo_plan *plan = symo_world_plan(w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h;
  cr_ok(w->context, symo_reynolds(plan, gg, &h));
  wanted = symo_dense_average(w->layout, gg);
  found = symo_dense_of(h);
  cr_assert(symo_test_rel(found, wanted, n * n) <= 1e-12, "reynolds: %s", text);
  double *fixed = symo_dense_fixed(w->layout), *mean = symo_dense_new(1, n);
  symo_dense_matvec(n, fixed, g.flat, mean);
  cr_ok(w->context, symo_plan_mean(plan, g.in[0], symo_test_out(&g.vectors[1])));
  symo_test_vector_get(&g.vectors[1], found);
  cr_assert(symo_test_rel(found, mean, n) <= 1e-12, "mean: %s", text);
  free(gg);
  free(found);
  free(wanted);
  free(fixed);
  free(mean);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_test_batch_free(&g);
}

Test(whole_groups, closed_forms_are_the_sums) {
  static const struct {
    const char *group;
    size_t largest, order[5];
  } cases[] = {{"identity", 3, {1, 1, 1}},
               {"permutation", 5, {1, 2, 6, 24, 120}},
               {"signed-permutation", 4, {2, 8, 48, 384}},
               {"sign-flip", 5, {2, 4, 8, 16, 32}}};
  symo_world w;
  symo_world_open(&w, 201);
  for (int k = 0; k < 4; k++)
    for (size_t d = 1; d <= cases[k].largest; d++)
      check_group(&w, cases[k].group, d, cases[k].order[d - 1]);
  symo_world_close(&w);
}
