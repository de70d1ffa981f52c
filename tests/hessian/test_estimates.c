/* Estimators against dense matrices: C_g, C_t and C_gt by sums over the whole group, then the
 * formulas with an independent eigensolver. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/world.h"

enum { LAYOUTS = 30, ELEMENTS = 2000, PARAMETERS = 32 };

/* Dense averages of enough random gradients and parameters to be well-conditioned. */
typedef struct averages {
  symo_test_batch grads, params;
  double *cg, *ct, *cross, *kept; /* kept: the projector on what centring leaves */
  double tolerance;
} averages;

static void take_averages(symo_world *w, bool centered, size_t count, averages *a) {
  size_t n = w->n;
  a->grads = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
  a->params = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
  double *gg = symo_dense_outer(n, count, a->grads.flat, a->grads.flat);
  double *tt = symo_dense_outer(n, count, a->params.flat, a->params.flat);
  double *gt = symo_dense_outer(n, count, a->grads.flat, a->params.flat);
  double *fixed = symo_dense_fixed(w->layout);
  a->kept = symo_dense_identity(n, 1);
  for (size_t i = 0; centered && i < n * n; i++) a->kept[i] -= fixed[i];
  double *cg = symo_dense_average(w->layout, gg), *ct = symo_dense_average(w->layout, tt);
  double *cross = symo_dense_average(w->layout, gt);
  for (size_t i = 0; i < n * n; i++) cross[i] *= 2; /* C_gt + C_gt' */
  a->cg = symo_dense_sandwich(n, a->kept, cg);
  a->ct = symo_dense_sandwich(n, a->kept, ct);
  a->cross = symo_dense_sandwich(n, a->kept, cross);
  a->tolerance = (double)n * 64 * DBL_EPSILON;
  free(gg);
  free(tt);
  free(gt);
  free(fixed);
  free(cg);
  free(ct);
  free(cross);
}

static void drop_averages(averages *a) {
  symo_test_batch_free(&a->grads);
  symo_test_batch_free(&a->params);
  free(a->cg);
  free(a->ct);
  free(a->cross);
  free(a->kept);
}

static double condition_of(const averages *a, const double *c) {
  return symo_dense_condition(a->grads.n, c, a->tolerance);
}

static void compare(symo_world *w, const symo_test_case *how, const averages *a, double *expected,
                    double condition) {
  double *found = symo_world_dense(w, how, &a->grads, &a->params);
  double error = symo_test_rel(found, expected, w->n * w->n);
  cr_assert(error <= symo_test_bound(SYMO_F64, w->n, condition), "%s%s: %g: %s", how->estimator,
            how->centered ? ", centred" : "", error, w->text);
  free(found);
  free(expected);
}

/* Zeroes what lies between different tensors. */
static double *block_diagonal(const symo_world *w, const double *a) {
  double *out = symo_dense_new(w->n, w->n);
  for (size_t t = 0; t < symo_layout_num_tensors(w->layout); t++) {
    size_t from = symo_layout_tensor_offset(w->layout, t);
    size_t end = from + symo_layout_tensor_size(w->layout, t);
    for (size_t i = from; i < end; i++)
      for (size_t j = from; j < end; j++) out[i * w->n + j] = a[i * w->n + j];
  }
  return out;
}

static double *plus_damping(const symo_world *w, const averages *a, double damping) {
  double *out = symo_dense_new(w->n, w->n);
  for (size_t i = 0; i < w->n * w->n; i++) out[i] = a->ct[i] + damping * a->kept[i];
  return out;
}

static void for_each_layout(uint64_t seed,
                            void (*check)(symo_world *w, bool centered, averages *a)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_FINITE, ELEMENTS, PARAMETERS);
    for (int centered = 0; centered < 2; centered++) {
      averages a;
      take_averages(&w, centered, 2 * w.n + 8, &a);
      check(&w, centered, &a);
      drop_averages(&a);
    }
  }
  symo_world_close(&w);
}

static void check_gradient_only(symo_world *w, bool centered, averages *a) {
  symo_test_case how = {.dtype = SYMO_F64, .centered = centered};
  size_t n = w->n;
  how.estimator = "covariance";
  compare(w, &how, a, symo_dense_sandwich(n, a->kept, a->cg), 1);
  how.estimator = "h-g";
  compare(w, &how, a, symo_dense_power(n, a->cg, 0.5, a->tolerance), condition_of(a, a->cg));
  how.estimator = "h-g-bd";
  double *blocks = block_diagonal(w, a->cg);
  compare(w, &how, a, symo_dense_power(n, blocks, 0.5, a->tolerance), condition_of(a, blocks));
  free(blocks);
}

Test(estimates, from_gradients_equal_the_dense_formulas) {
  for_each_layout(21, check_gradient_only);
}

static void check_geometric_mean(symo_world *w, bool centered, averages *a) {
  size_t n = w->n;
  for (int damped = 0; damped < 2; damped++) {
    symo_test_case how = {"h-pd", SYMO_F64, centered, false, damped ? 3.5 : 0};
    double *ct = plus_damping(w, a, how.damping);
    const double condition = condition_of(a, ct) * condition_of(a, a->cg);
    compare(w, &how, a, symo_dense_mean(n, ct, a->cg, a->tolerance), condition);
    double *m = symo_world_dense(w, &how, &a->grads, &a->params);
    double *back = symo_dense_sandwich(n, m, ct);
    double error = symo_test_rel(back, a->cg, n * n);
    cr_assert(error <= symo_test_bound(SYMO_F64, n, condition), "M C_t M is off C_g by %g: %s",
              error, w->text);
    free(ct);
    free(m);
    free(back);
  }
}

Test(estimates, h_pd_is_the_geometric_mean) { for_each_layout(22, check_geometric_mean); }

static void check_lyapunov(symo_world *w, bool centered, averages *a) {
  for (int damped = 0; damped < 2; damped++) {
    symo_test_case how = {"h-star", SYMO_F64, centered, false, damped ? 0.7 : 0};
    double *ct = plus_damping(w, a, how.damping);
    compare(w, &how, a, symo_dense_lyapunov(w->n, ct, a->cross, a->tolerance), condition_of(a, ct));
    free(ct);
  }
}

Test(estimates, h_star_solves_the_lyapunov_equation) { for_each_layout(23, check_lyapunov); }

/* If g = H theta exactly, with H in the commutant, h-star finds H. */
Test(estimates, h_star_recovers_a_structured_quadratic) {
  symo_world w;
  symo_world_open(&w, 24);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 60);
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    symo_hessian *truth = symo_world_indefinite(&w, plan), *found;
    size_t count = 2 * w.n + 8;
    symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, count);
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, count);
    for (size_t i = 0; i < count; i++)
      cr_ok(w.context, symo_hessian_matvec(truth, t.in[i], symo_test_out(&g.vectors[i])));
    symo_estimate_spec spec = {symo_estimator_find("h-star"), 0, false};
    cr_ok(w.context, symo_estimate(plan, &spec, count, g.in, t.in, &found));
    double *a = symo_dense_of(found), *b = symo_dense_of(truth);
    double *tt = symo_dense_outer(w.n, count, t.flat, t.flat);
    const double condition = symo_dense_condition(w.n, tt, 0);
    cr_assert(symo_test_rel(a, b, w.n * w.n) <= symo_test_bound(SYMO_F64, w.n, condition), "%s",
              w.text);
    free(tt);
    free(a);
    free(b);
    symo_test_batch_free(&t);
    symo_test_batch_free(&g);
    symo_hessian_destroy(found);
    symo_hessian_destroy(truth);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}

/* Averages of several gradients add: one call with all against the sum of calls with one. */
Test(estimates, gradients_add) {
  symo_world w;
  symo_world_open(&w, 25);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 60);
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 5);
    symo_test_case how = {.estimator = "covariance", .dtype = SYMO_F64};
    double *all = symo_world_dense(&w, &how, &g, NULL), *sum = symo_dense_new(w.n, w.n);
    for (size_t i = 0; i < g.count; i++) {
      symo_test_batch one = {1, g.n, g.flat + i * g.n, &g.vectors[i], &g.in[i]};
      double *part = symo_world_dense(&w, &how, &one, NULL);
      for (size_t j = 0; j < w.n * w.n; j++) sum[j] += part[j];
      free(part);
    }
    cr_assert(symo_test_rel(all, sum, w.n * w.n) <= symo_test_bound(SYMO_F64, w.n, 1), "%s",
              w.text);
    free(all);
    free(sum);
    symo_test_batch_free(&g);
  }
  symo_world_close(&w);
}

static double mean_of_block(const double *blocks, size_t m) {
  double trace = 0;
  for (size_t i = 0; i < m; i++) trace += blocks[i * m + i];
  return trace / (double)m;
}

/* --scale: every M over sqrt(tr C_t / m + damping). */
static void check_scale(symo_world *w, const char *name, bool centered, double damping,
                        size_t count) {
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
  symo_test_batch t = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
  symo_test_case how = {name, SYMO_F64, centered, false, 0};
  symo_plan *plan, *scaled_plan;
  symo_hessian *root, *plain = symo_world_estimate(w, &how, &g, NULL, &plan);
  symo_estimate_spec spec = {symo_estimator_find(name), 0, false};
  cr_ok(w->context, symo_estimate(plan, &spec, count, t.in, NULL, &root)); /* C_t^{1/2} */
  double *raw = symo_dense_outer(w->n, count, g.flat, g.flat);
  const double condition = symo_dense_condition(w->n, raw, 0);
  /* The root of one gradient turns rounding at zero eigenvalues into its root. */
  const double limit = count > w->n ? symo_test_bound(SYMO_F64, w->n, condition)
                                    : sqrt(symo_test_bound(SYMO_F64, w->n, 1));
  free(raw);
  how.scale = true;
  how.damping = damping;
  symo_hessian *ct, *scaled = symo_world_estimate(w, &how, &g, &t, &scaled_plan);
  cr_ok(w->context, symo_hessian_power(root, 2, 0, &ct));
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    size_t m = info.multiplicity;
    for (size_t c = 0; !info.dropped && c < info.count; c++) {
      const double *m0 = (const double *)symo_hessian_blocks(plain, l) + c * m * m;
      const double *m1 = (const double *)symo_hessian_blocks(scaled, l) + c * m * m;
      const double *t0 = (const double *)symo_hessian_blocks(ct, l) + c * m * m;
      const double divisor = sqrt(mean_of_block(t0, m) + damping);
      for (size_t i = 0; i < m * m; i++)
        cr_assert(fabs(m1[i] * divisor - m0[i]) <= limit * (1 + fabs(m0[i])), "%s: %s", info.name,
                  w->text);
    }
  }
  symo_hessian_destroy(plain);
  symo_hessian_destroy(scaled);
  symo_hessian_destroy(root);
  symo_hessian_destroy(ct);
  symo_plan_destroy(plan);
  symo_plan_destroy(scaled_plan);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
}

Test(estimates, scale_divides_by_the_size_of_the_parameters) {
  symo_world w;
  symo_world_open(&w, 26);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 60);
    for (int centered = 0; centered < 2; centered++) {
      for (int one = 0; one < 2; one++) { /* one gradient takes ways of its own */
        size_t count = one ? 1 : 2 * w.n + 8;
        check_scale(&w, "h-g", centered, 0, count);
        check_scale(&w, "h-g", centered, 0.3, count);
        check_scale(&w, "h-g-bd", centered, 0, count);
      }
    }
  }
  symo_world_close(&w);
}

/* One tensor: h-g-bd with scale is h-g with scale. */
Test(estimates, scale_of_a_single_tensor) {
  symo_world w;
  symo_world_open(&w, 27);
  symo_world_parse(&w, "h: signed-permutation 5; i: identity 3; w[h,i]");
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  symo_test_case how = {"h-g", SYMO_F64, false, true, 0};
  double *a = symo_world_dense(&w, &how, &g, &t);
  how.estimator = "h-g-bd";
  double *b = symo_world_dense(&w, &how, &g, &t);
  cr_assert(symo_test_rel(a, b, w.n * w.n) <= symo_test_bound(SYMO_F64, w.n, 1));
  free(a);
  free(b);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
  symo_world_close(&w);
}
