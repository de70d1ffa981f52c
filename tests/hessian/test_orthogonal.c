/* The orthogonal group, whose elements cannot be listed: against the signed permutations on one
 * axis, exact projectors on two, and Haar sampling. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/world.h"

/* One axis of each tensor: the average over O(d) is that over B_d. */
Test(orthogonal, one_axis_is_as_for_signed_permutations) {
  static const char *const layouts[] = {
      "h: %s 4; i: identity 3; w[h,i] b[h] c[i]",
      "h: %s 3; k: %s 2; i: identity 2; w[h,k] v[k,i,h] b[h] c[k] s[]",
      "h: %s 5; p: permutation 3; w[h,p] v[p] u[p,p] b[h]"};
  symo_world o, b;
  for (int k = 0; k < 3; k++)
    for (size_t e = 0; e < symo_estimator_count(); e++) {
      char text[200];
      symo_test_case how = {symo_estimator_name(symo_estimator_at(e)), SYMO_F64, k == 1, false, 0};
      symo_world_open(&o, 91);
      symo_world_open(&b, 91);
      snprintf(text, sizeof text, layouts[k], "orthogonal", "orthogonal");
      symo_world_parse(&o, text);
      snprintf(text, sizeof text, layouts[k], "signed-permutation", "signed-permutation");
      symo_world_parse(&b, text);
      symo_test_batch g = symo_test_batch_make(o.layout, SYMO_F64, o.rng, 2 * o.n);
      symo_test_batch t = symo_test_batch_make(o.layout, SYMO_F64, o.rng, 2 * o.n);
      double *x = symo_world_dense(&o, &how, &g, &t), *y = symo_world_dense(&b, &how, &g, &t);
      cr_assert(symo_test_rel(x, y, o.n * o.n) <= symo_test_bound(SYMO_F64, o.n, 1), "%s: %s",
                how.estimator, text);
      free(x);
      free(y);
      symo_test_batch_free(&g);
      symo_test_batch_free(&t);
      symo_world_drop(&o);
      symo_world_drop(&b);
      symo_rng_destroy(o.rng);
      symo_rng_destroy(b.rng);
      symo_context_destroy(o.context);
      symo_context_destroy(b.context);
    }
  cr_no_leaks();
}

/* R^d (x) R^d = trace + traceless symmetric + antisymmetric: for one tensor [d, d] the average of x
 * x' is sum_k |P_k x|^2 / dim_k P_k with the three projectors written out. */
static void check_projectors(symo_world *w, size_t d) {
  size_t n = d * d;
  char text[64];
  snprintf(text, sizeof text, "h: orthogonal %zu; w[h,h]", d);
  symo_world_parse(w, text);
  double *p[3], *expected = symo_dense_new(n, n), *px = symo_dense_new(1, n);
  for (int k = 0; k < 3; k++) p[k] = symo_dense_new(n, n);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      size_t at = (i * d + j) * n;
      p[1][at + i * d + j] += 0.5;
      p[1][at + j * d + i] += 0.5;
      p[2][at + i * d + j] += 0.5;
      p[2][at + j * d + i] -= 0.5;
      if (i == j)
        for (size_t k = 0; k < d; k++) {
          p[0][at + k * d + k] += 1 / (double)d;
          p[1][at + k * d + k] -= 1 / (double)d;
        }
    }
  symo_test_batch x = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 1);
  const size_t dims[] = {1, d * (d + 1) / 2 - 1, d * (d - 1) / 2};
  for (int k = 0; k < 3; k++) {
    double size = 0;
    symo_dense_matvec(n, p[k], x.flat, px);
    for (size_t i = 0; i < n; i++) size += px[i] * px[i];
    for (size_t i = 0; dims[k] > 0 && i < n * n; i++)
      expected[i] += size / (double)dims[k] * p[k][i];
  }
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  double *found = symo_world_dense(w, &how, &x, NULL);
  cr_assert(symo_test_rel(found, expected, n * n) <= symo_test_bound(SYMO_F64, n, 1), "d = %zu", d);
  for (int k = 0; k < 3; k++) free(p[k]);
  free(expected);
  free(px);
  free(found);
  symo_test_batch_free(&x);
}

Test(orthogonal, two_axes_are_trace_symmetric_antisymmetric) {
  symo_world w;
  symo_world_open(&w, 92);
  for (size_t d = 1; d <= 6; d++) check_projectors(&w, d);
  symo_world_close(&w);
}

/* Moments of the quadratic forms <u, rho g> <rho g, v> for fixed probes u, v: their mean over Haar
 * samples is u' C v within 5 standard errors. */
static void check_sampling(symo_world *w, const char *text) {
  enum { SAMPLES = 4000, PROBES = 4 };
  symo_world_parse(w, text);
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 1);
  symo_test_batch u = symo_test_batch_make(w->layout, SYMO_F64, w->rng, PROBES + 1);
  symo_test_vector y = symo_test_vector_make(w->layout, SYMO_F64, NULL);
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  double *c = symo_world_dense(w, &how, &g, NULL), *flat = symo_dense_new(1, w->n);
  double sum[PROBES] = {0}, square[PROBES] = {0};
  symo_element *e;

  cr_ok(w->context, symo_element_create(w->layout, &e));
  for (int s = 0; s < SAMPLES; s++) {
    double left[PROBES + 1] = {0};
    cr_ok(w->context, symo_element_sample(e, w->rng));
    cr_ok(w->context, symo_element_act(e, g.in[0], symo_test_out(&y)));
    symo_test_vector_get(&y, flat);
    for (size_t k = 0; k <= PROBES; k++)
      for (size_t i = 0; i < w->n; i++) left[k] += u.flat[k * w->n + i] * flat[i];
    for (int k = 0; k < PROBES; k++) {
      double value = left[k] * left[k == 0 ? 0 : k + 1]; /* a square, and products */
      sum[k] += value;
      square[k] += value * value;
    }
  }
  for (size_t k = 0; k < PROBES; k++) {
    const double *v = u.flat + (k == 0 ? 0 : k + 1) * w->n;
    double mean = sum[k] / SAMPLES, expected = 0, *cv = symo_dense_new(1, w->n);
    double error = sqrt((square[k] / SAMPLES - mean * mean) / (SAMPLES - 1));
    symo_dense_matvec(w->n, c, v, cv);
    for (size_t i = 0; i < w->n; i++) expected += u.flat[k * w->n + i] * cv[i];
    cr_assert(fabs(mean - expected) <= 5 * error, "probe %zu: %g, %g +- %g: %s", k, expected, mean,
              error, text);
    free(cv);
  }
  free(c);
  free(flat);
  symo_element_destroy(e);
  symo_test_vector_free(&y);
  symo_test_batch_free(&g);
  symo_test_batch_free(&u);
}

Test(orthogonal, haar_sampling_gives_the_closed_forms) {
  static const char *const layouts[] = {
      "h: orthogonal 3; w[h,h] b[h]",
      "h: orthogonal 4; i: identity 2; w[h,i] r[h,h] b[h] c[i]",
      "h: orthogonal 3; k: orthogonal 2; w[h,k] r[h,k,h] b[k]",
      "h: orthogonal 2; k: orthogonal 3; r[h,k,k,h] w[h,k]",
      "h: orthogonal 3; p: permutation 3; r[p,h,h] w[p,p] b[p]",
      "h: orthogonal 2; s: sign-flip 3; b: signed-permutation 2; r[h,s,h] w[s,b,b] v[b]",
      "h: orthogonal 1; w[h,h] b[h]",
      "h: signed-permutation 4; p: permutation 4; w[h,p,h] r[p,p] s[h,h]"};
  symo_world w;
  symo_world_open(&w, 93);
  for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) check_sampling(&w, layouts[k]);
  symo_world_close(&w);
}

/* Reynolds averages of layouts with O(d): idempotent, trace kept, equivariant. */
Test(orthogonal, reynolds) {
  symo_world w;
  symo_world_open(&w, 94);
  for (int k = 0; k < 20; k++) {
    symo_world_random(&w, 16 | (k % 2 ? 31 : 0), 0, 40);
    size_t n = w.n;
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    double *a = symo_dense_new(n, n), trace = 0;
    symo_test_randn(w.rng, a, n * n);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i];
    for (size_t i = 0; i < n; i++) trace += a[i * n + i];
    symo_hessian *h, *again;
    cr_ok(w.context, symo_reynolds(plan, a, &h));
    cr_assert(fabs(symo_hessian_trace(h) - trace) <=
                  symo_test_bound(SYMO_F64, n, symo_dense_norm(n, a)),
              "%s", w.text);
    double *b = symo_dense_of(h);
    cr_ok(w.context, symo_reynolds(plan, b, &again));
    double *c = symo_dense_of(again);
    cr_assert(symo_test_rel(c, b, n * n) <= symo_test_bound(SYMO_F64, n, 1), "%s", w.text);
    /* Nearest: the rest is orthogonal to it. */
    double dot = 0;
    for (size_t i = 0; i < n * n; i++) dot += (a[i] - b[i]) * b[i];
    const double size = symo_dense_norm(n, a) * symo_dense_norm(n, b);
    cr_assert(fabs(dot) <= symo_test_bound(SYMO_F64, n, size), "%s", w.text);
    free(a);
    free(b);
    free(c);
    symo_hessian_destroy(h);
    symo_hessian_destroy(again);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}
