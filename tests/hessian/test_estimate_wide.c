/* Labels with more columns than rows, where the root comes from the smaller side. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

/* Rows of h: 3 for each gradient; columns: 23, and 20 for w alone. */
static const char *const layouts[] = {
    "h: signed-permutation 3; i: identity 20; w[h,i] b[h] v[h,h] c[i]",
    "h: orthogonal 3; i: identity 20; w[i,h] b[h] u[i,i]",
    "h: permutation 3; i: identity 20; w[h,i] b[h]",
    "h: signed-permutation 2; k: orthogonal 2; i: identity 12; w[h,i,k] u[k,h] b[h]"};
enum { WIDE = 4, COLUMNS = 23 };

static void for_each_case(uint64_t seed,
                          void (*check)(symo_world *w, const symo_test_case *how, size_t count)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int k = 0; k < WIDE; k++) {
    symo_world_parse(&w, layouts[k]);
    for (int option = 0; option < 8; option++)
      for (size_t count = 1; count <= 3; count++) {
        symo_test_case how = {option & 1 ? "h-g" : "h-g-bd", option & 2 ? SYMO_F32 : SYMO_F64,
                              option & 4, false, 0};
        check(&w, &how, count);
      }
  }
  symo_world_close(&w);
}

/* Roots of singular matrices: |A^{1/2} - B^{1/2}| <= |A - B|^{1/2}. */
static double limit_of(const symo_test_case *how) {
  return sqrt(symo_test_bound(how->dtype, COLUMNS, 1));
}

/* The root of the dense average, block by block for h-g-bd. */
static void check_root(symo_world *w, const symo_test_case *how, size_t count) {
  symo_test_batch g = symo_test_batch_make(w->layout, how->dtype, w->rng, count);
  symo_plan *plan;
  symo_hessian *h = symo_world_estimate(w, how, &g, NULL, &plan), *covariance, *root;
  symo_estimate_spec spec = {symo_estimator_find("covariance"), 0, false};
  if (symo_plan_coupling(plan) == SYMO_COUPLED) {
    cr_ok(w->context, symo_estimate(plan, &spec, count, g.in, NULL, &covariance));
    cr_ok(w->context, symo_hessian_sqrt(covariance, 0, &root));
    double *a = symo_dense_of(h), *b = symo_dense_of(root);
    cr_assert(symo_test_rel(a, b, w->n * w->n) <= limit_of(how), "%s", w->text);
    free(a);
    free(b);
    symo_hessian_destroy(covariance);
    symo_hessian_destroy(root);
  }
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_test_batch_free(&g);
}

Test(estimate_wide, is_the_root_of_the_covariance) { for_each_case(211, check_root); }

/* The same gradients twice: dependent rows, sqrt(2) times the estimate. */
static void check_repeated(symo_world *w, const symo_test_case *how, size_t count) {
  symo_test_batch g = symo_test_batch_make(w->layout, how->dtype, w->rng, 2 * count);
  memcpy(g.flat + count * w->n, g.flat, count * w->n * sizeof *g.flat);
  symo_test_batch_scale(&g, 1);
  double *twice = symo_world_dense(w, how, &g, NULL);
  symo_test_batch half = g;
  half.count = count;
  double *once = symo_world_dense(w, how, &half, NULL);
  for (size_t i = 0; i < w->n * w->n; i++) once[i] *= sqrt(2);
  double error = symo_test_rel(twice, once, w->n * w->n);
  cr_assert(error <= limit_of(how), "%s, %zu gradients: %g: %s", how->estimator, count, error,
            w->text);
  free(twice);
  free(once);
  symo_test_batch_free(&g);
}

Test(estimate_wide, of_dependent_gradients) { for_each_case(212, check_repeated); }

static void check_sizes(symo_world *w, const symo_test_case *how, size_t count) {
  symo_test_batch g = symo_test_batch_make(w->layout, how->dtype, w->rng, count);
  double *before = symo_world_dense(w, how, &g, NULL);
  const double sizes[] = {1e-30, 1e-12, 1e12, 1e30};
  for (int s = 0; s < 4; s++) {
    symo_test_batch_scale(&g, sizes[s]);
    double *after = symo_world_dense(w, how, &g, NULL);
    symo_test_batch_scale(&g, 1 / sizes[s]);
    for (size_t i = 0; i < w->n * w->n; i++) after[i] /= sizes[s];
    double error = symo_test_rel(after, before, w->n * w->n);
    cr_assert(error <= limit_of(how), "%s, size %g: %g: %s", how->estimator, sizes[s], error,
              w->text);
    free(after);
  }
  free(before);
  symo_test_batch_free(&g);
}

Test(estimate_wide, of_numbers_of_any_size) { for_each_case(213, check_sizes); }

/* NaN anywhere is found, whatever way a label takes; zero gives zero. */
static void check_poison(symo_world *w, const symo_test_case *how, size_t count) {
  symo_test_batch g = symo_test_batch_make(w->layout, how->dtype, w->rng, count);
  symo_plan *plan;
  symo_hessian *h = NULL;
  for (size_t t = 0; t < symo_layout_num_tensors(w->layout); t++) {
    void *data = g.vectors[count - 1].data[t];
    double kept = symo_get(how->dtype, data, 0);
    symo_put(how->dtype, data, 0, (double)(t % 2 ? NAN : INFINITY));
    cr_fails(w->context, SYMO_E_NONFINITE, symo_layout_tensor_name(w->layout, t),
             symo_world_try(w, how, &g, NULL, &plan, &h));
    cr_assert_null(h);
    symo_plan_destroy(plan);
    symo_put(how->dtype, data, 0, kept);
  }
  symo_test_batch_scale(&g, 0);
  double *zero = symo_world_dense(w, how, &g, NULL);
  cr_assert(symo_test_max(zero, w->n * w->n) == 0, "%s", w->text);
  free(zero);
  symo_test_batch_free(&g);
}

Test(estimate_wide, of_what_is_not_finite_or_zero) { for_each_case(214, check_poison); }
