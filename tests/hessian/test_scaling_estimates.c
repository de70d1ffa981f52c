/* Estimates with scaling spaces against dense matrices: averages by enumeration and quadrature,
 * then the formulas with an independent eigensolver. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/scaling.h"

static const char *const flags[] = {"", ", signs", ", permute", ", signs, permute"};
enum { FLAGS = sizeof flags / sizeof *flags };

/* %1$s and %2$s: flags of two scaling spaces. */
static const char *const shapes[] = {
    "in: identity 2; h: scaling(0.7%1$s) 3; w1[h,in] b1[h] w2[in,h*] b2[in]",
    "in: identity 2; h: scaling(0.7%1$s) 1; w1[h,in] b1[h] w2[in,h*]",
    "in: identity 2; h: scaling(0.7%1$s) 3; g: scaling(0.4%2$s) 2; w1[h,in] w2[g,h*] b2[g] "
    "w3[in,g*]",
    "h: scaling(0.5%1$s) 4; b[h] r[h,h*] o[h*] s[]",
    "h: scaling(0.5%1$s) 4; r[h,h] q[h*,h*] b[h]",
    "h: scaling(0.5%1$s) 2; in: identity 2; a[in,h,in] r[h,in,h*]",
    "h: scaling(0.5%1$s) 1; r[h,h*] b[h] o[h,h]",
    "q: permutation 3; h: scaling(0.6%1$s) 2; w[h,q] v[q,h*] b[q]",
    "f: sign-flip 2; g: sign-flip 3; h: scaling(0.6%1$s) 2; v[g,f] w[f,g,h] u[f,h*,g]",
    "f: sign-flip 2; h: scaling(0.6%1$s) 3; g: scaling(0.3%2$s) 2; w[h,f,g*] v[f,h*] b[h,h*]",
    "s: signed-permutation 3; h: scaling(0.6%1$s) 3; w[s,h] v[s,h*] u[s,s] x[h]",
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const char *shape_text(size_t shape, size_t first, size_t second, char out[256]) {
  const char *from = shapes[shape];
  size_t n = 0;
  for (; *from != 0; from++) {
    if (*from != '%') {
      out[n++] = *from;
      continue;
    }
    const char *put = flags[from[1] == '1' ? first : second];
    n += (size_t)snprintf(out + n, 256 - n, "%s", put);
    from += 3;
  }
  out[n] = 0;
  return out;
}

typedef struct averages {
  symo_test_batch grads, params;
  double *cg, *ct, *cross;
  double tolerance;
} averages;

static void subtract(const symo_world *w, const symo_test_batch *x, const symo_test_batch *y,
                     double factor, double *c) {
  for (size_t k = 0; k < x->count; k++) {
    double *a = scaling_mean(w->layout, x->flat + k * w->n);
    double *b = scaling_mean(w->layout, y->flat + k * w->n);
    for (size_t i = 0; i < w->n; i++)
      for (size_t j = 0; j < w->n; j++)
        c[i * w->n + j] -= factor * 0.5 * (a[i] * b[j] + b[i] * a[j]);
    free(a);
    free(b);
  }
}

static void take_averages(symo_world *w, bool centered, size_t count, averages *a) {
  size_t n = w->n;
  a->grads = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
  a->params = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
  double *gg = symo_dense_outer(n, count, a->grads.flat, a->grads.flat);
  double *tt = symo_dense_outer(n, count, a->params.flat, a->params.flat);
  double *gt = symo_dense_outer(n, count, a->grads.flat, a->params.flat);
  a->cg = scaling_average(w->layout, gg, false);
  a->ct = scaling_average(w->layout, tt, false);
  a->cross = scaling_average(w->layout, gt, true);
  for (size_t i = 0; i < n * n; i++) a->cross[i] *= 2;
  if (centered) {
    subtract(w, &a->grads, &a->grads, 1, a->cg);
    subtract(w, &a->params, &a->params, 1, a->ct);
    subtract(w, &a->grads, &a->params, 2, a->cross);
  }
  a->tolerance = (double)n * 64 * DBL_EPSILON;
  free(gg);
  free(tt);
  free(gt);
}

static void drop_averages(averages *a) {
  symo_test_batch_free(&a->grads);
  symo_test_batch_free(&a->params);
  free(a->cg);
  free(a->ct);
  free(a->cross);
}

static void for_each_layout(uint64_t seed, void (*check)(symo_world *w)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (size_t s = 0; s < SHAPES; s++)
    for (size_t i = 0; i < FLAGS; i++)
      for (size_t j = 0; j < (strchr(shapes[s], '2') && strstr(shapes[s], "%2$s") ? FLAGS : 1);
           j++) {
        char text[256];
        symo_world_parse(&w, shape_text(s, i, j, text));
        check(&w);
      }
  symo_world_close(&w);
}

static void compare(symo_world *w, const symo_test_case *how, const averages *a,
                    const double *expected, double limit) {
  double *found = symo_world_dense(w, how, &a->grads, &a->params);
  double error = symo_test_rel(found, expected, w->n * w->n);
  cr_assert(error <= limit, "%s%s: %g: %s", how->estimator, how->centered ? ", centred" : "", error,
            w->text);
  free(found);
}

static void check_covariance(symo_world *w) {
  for (int centered = 0; centered < 2; centered++) {
    averages a;
    take_averages(w, centered, 3, &a);
    symo_test_case how = {.estimator = "covariance", .dtype = SYMO_F64, .centered = centered};
    compare(w, &how, &a, a.cg, 1e-12);
    how.dtype = SYMO_F32;
    symo_test_batch narrow = symo_test_batch_make(w->layout, SYMO_F32, w->rng, a.grads.count);
    for (size_t k = 0; k < a.grads.count; k++)
      symo_test_vector_set(&narrow.vectors[k], a.grads.flat + k * w->n);
    double *found = symo_world_dense(w, &how, &narrow, NULL);
    cr_assert(symo_test_rel(found, a.cg, w->n * w->n) <= 1e-5, "f32: %s", w->text);
    free(found);
    symo_test_batch_free(&narrow);
    drop_averages(&a);
  }
}

Test(scaling_estimates, covariance_is_the_average_by_quadrature) {
  for_each_layout(1, check_covariance);
}

/* One gradient: what is of rank one before the moments is not afterwards. */
static void check_one_gradient(symo_world *w) {
  averages a;
  take_averages(w, false, 1, &a);
  symo_test_case how = {.estimator = "h-g", .dtype = SYMO_F64};
  double *root = symo_dense_power(w->n, a.cg, 0.5, a.tolerance);
  compare(w, &how, &a, root, 1e-7);
  free(root);
  drop_averages(&a);
}

Test(scaling_estimates, h_g_of_one_gradient) { for_each_layout(2, check_one_gradient); }

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

static void check_estimators(symo_world *w) {
  size_t n = w->n;
  for (int damped = 0; damped < 2; damped++) {
    averages a;
    take_averages(w, false, 2 * n + 8, &a);
    symo_test_case how = {.estimator = "h-g", .dtype = SYMO_F64};
    double *expected = symo_dense_power(n, a.cg, 0.5, a.tolerance);
    compare(w, &how, &a, expected, 1e-10);
    free(expected);
    double *blocks = block_diagonal(w, a.cg);
    how.estimator = "h-g-bd";
    expected = symo_dense_power(n, blocks, 0.5, a.tolerance);
    compare(w, &how, &a, expected, 1e-10);
    free(expected);
    free(blocks);
    how.damping = damped ? 1.5 : 0;
    for (size_t i = 0; i < n; i++) a.ct[i * n + i] += how.damping;
    how.estimator = "h-pd";
    expected = symo_dense_mean(n, a.ct, a.cg, a.tolerance);
    compare(w, &how, &a, expected, 1e-9);
    free(expected);
    how.estimator = "h-star";
    expected = symo_dense_lyapunov(n, a.ct, a.cross, a.tolerance);
    compare(w, &how, &a, expected, 1e-9);
    free(expected);
    drop_averages(&a);
  }
}

Test(scaling_estimates, estimators_equal_the_dense_formulas) {
  for_each_layout(3, check_estimators);
}

static void check_mean(symo_world *w) {
  symo_plan *plan = symo_world_plan(w, SYMO_F64, SYMO_COUPLED, false);
  symo_test_batch x = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 2);
  double *found = symo_dense_new(w->n, 1), *expected = scaling_mean(w->layout, x.flat);
  cr_ok(w->context, symo_plan_mean(plan, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], found);
  cr_assert(symo_test_rel(found, expected, w->n) <= 1e-13, "%s", w->text);
  free(found);
  free(expected);
  symo_test_batch_free(&x);
  symo_plan_destroy(plan);
}

Test(scaling_estimates, orbit_means) { for_each_layout(4, check_mean); }

static void check_reynolds(symo_world *w) {
  size_t n = w->n;
  double *a = symo_dense_new(n, n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = symo_rng_normal(w->rng);
  double *expected = scaling_average(w->layout, a, false);
  symo_plan *plan = symo_world_plan(w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h;
  cr_ok(w->context, symo_reynolds(plan, a, &h));
  double *found = symo_dense_of(h);
  cr_assert(symo_test_rel(found, expected, n * n) <= 1e-12, "%s", w->text);
  free(a);
  free(expected);
  free(found);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
}

Test(scaling_estimates, averages_of_hessians) { for_each_layout(5, check_reynolds); }

/* ---- sampling ---- */

static void check_sampling(symo_world *w) {
  enum { SAMPLES = 3000 };
  size_t n = w->n;
  symo_test_case how = {.estimator = "covariance", .dtype = SYMO_F64};
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 2);
  symo_test_batch one = {1, g.n, g.flat, &g.vectors[0], &g.in[0]};
  double *closed = symo_world_dense(w, &how, &one, NULL), *x = symo_dense_new(n, 1);
  double *sum = symo_dense_new(n, n), *squares = symo_dense_new(n, n);
  symo_element *e;
  cr_ok(w->context, symo_element_create(w->layout, &e));
  for (int k = 0; k < SAMPLES; k++) {
    cr_ok(w->context, symo_element_sample(e, w->rng));
    cr_ok(w->context, symo_element_act_dual(e, g.in[0], symo_test_out(&g.vectors[1])));
    symo_test_vector_get(&g.vectors[1], x);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        sum[i * n + j] += x[i] * x[j];
        squares[i * n + j] += x[i] * x[j] * x[i] * x[j];
      }
  }
  for (size_t i = 0; i < n * n; i++) {
    double mean = sum[i] / SAMPLES, variance = squares[i] / SAMPLES - mean * mean;
    double error = sqrt(fmax(variance, 0) / SAMPLES) + 1e-12 * symo_dense_norm(n, closed);
    cr_assert(fabs(mean - closed[i]) <= 5.5 * error, "%g, not %g (+- %g): %s", mean, closed[i],
              error, w->text);
  }
  symo_element_destroy(e);
  symo_test_batch_free(&g);
  free(closed);
  free(x);
  free(sum);
  free(squares);
}

Test(scaling_estimates, covariance_is_the_average_of_samples) {
  for_each_layout(6, check_sampling);
}

/* Orthogonal groups beside scaling cannot be enumerated. */
Test(scaling_estimates, beside_an_orthogonal_group) {
  symo_world w;
  symo_world_open(&w, 7);
  symo_world_parse(&w, "o: orthogonal 3; h: scaling(0.6, permute) 3; w[h,o] v[o,h*] b[h]");
  check_sampling(&w);
  symo_world_parse(&w, "o: orthogonal 2; h: scaling(0.6, signs) 3; w[h,o,h*] v[o,h*] b[h]");
  check_sampling(&w);
  symo_world_close(&w);
}

/* ---- refusals and failures ---- */

Test(scaling_estimates, too_many_axes_are_refused) {
  symo_world w;
  symo_world_open(&w, 13);
  symo_plan *plan;
  symo_world_parse(&w, "h: scaling(1, permute) 2; in: identity 2; w[h,in,h*,h]");
  cr_fails(w.context, SYMO_E_UNSUPPORTED, "tensor w: space h stands on 3 axes",
           symo_plan_create(w.layout, NULL, &plan));
  symo_world_parse(&w, "h: scaling(1, signs) 2; w[h,h,h*,h]");
  cr_fails(w.context, SYMO_E_UNSUPPORTED, "tensor w: space h stands on 4 axes",
           symo_plan_create(w.layout, NULL, &plan));
  symo_world_parse(&w, "h: scaling(0.3) 2; w[h,h,h*,h] b[h]");
  check_covariance(&w);
  symo_world_close(&w);
}

typedef struct attempt {
  symo_layout *layout;
  symo_const_vector grad, param;
  bool centered;
} attempt;

static symo_status estimate_once(void *self) {
  attempt *a = self;
  symo_plan_spec spec = {SYMO_F64, SYMO_COUPLED, a->centered};
  symo_estimate_spec how = {symo_estimator_find("h-pd"), 0.1, false};
  symo_plan *plan = NULL;
  symo_hessian *h = NULL;
  symo_status status = symo_plan_create(a->layout, &spec, &plan);
  if (status == SYMO_OK) status = symo_estimate(plan, &how, 1, &a->grad, &a->param, &h);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  return status;
}

Test(scaling_estimates, every_allocation_may_fail) {
  symo_world w;
  symo_world_open(&w, 14);
  symo_world_parse(&w, "h: scaling(1, permute) 2; g: scaling(1) 2; w[h,g*] r[h,h*] b[h]");
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  attempt a = {w.layout, x.in[0], x.in[1], true};
  cr_assert(symo_test_allocations(estimate_once, &a) >= 10);
  symo_test_batch_free(&x);
  symo_world_close(&w);
}

Test(scaling_estimates, nan_is_found) {
  symo_world w;
  symo_world_open(&w, 15);
  symo_world_parse(&w, "in: identity 2; h: scaling 2; w[h,in] v[in,h*]");
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
  x.flat[5] = (double)NAN;
  symo_test_vector_set(&x.vectors[0], x.flat);
  symo_test_case how = {.estimator = "h-g", .dtype = SYMO_F64};
  symo_plan *plan;
  symo_hessian *h = NULL;
  cr_fails(w.context, SYMO_E_NONFINITE, "gradient 0: tensor v",
           symo_world_try(&w, &how, &x, NULL, &plan, &h));
  symo_plan_destroy(plan);
  symo_test_batch_free(&x);
  symo_world_close(&w);
}

/* The trace of r[s, s*] does not move at all: its centred averages are rounding alone. */
Test(scaling_estimates, what_does_not_move_has_no_estimate) {
  static const char *const names[] = {"h-pd", "h-star", "h-g"};
  symo_world w;
  symo_world_open(&w, 432);
  symo_world_parse(&w, "s: scaling(1, signs, permute) 3; t[s,s*]");
  for (int k = 0; k < 30; k++) {
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
    symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
    symo_test_case how = {names[k % 3], SYMO_F64, true, false, 0};
    symo_plan *plan;
    symo_hessian *h = symo_world_estimate(&w, &how, &g, k % 3 < 2 ? &t : NULL, &plan);
    cr_assert_str_eq(symo_plan_label(plan, 0).name, "trivial");
    cr_assert(*(const double *)symo_hessian_blocks(h, 0) == 0, "%s: %g", names[k % 3],
              *(const double *)symo_hessian_blocks(h, 0));
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
  }
  symo_world_close(&w);
}
