/* Structured estimates from pairs (v, A v), against sums over the group. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

/* products := A v, packed. */
static symo_test_batch multiply(symo_world *w, const double *a, const symo_test_batch *v) {
  symo_test_batch out = symo_test_batch_make(w->layout, v->vectors[0].dtype, NULL, v->count);
  double *flat = symo_dense_new(1, w->n);
  for (size_t i = 0; i < v->count; i++) {
    symo_dense_matvec(w->n, a, v->flat + i * w->n, flat);
    symo_test_vector_set(&out.vectors[i], flat);
    memcpy(out.flat + i * w->n, flat, w->n * sizeof *flat);
  }
  free(flat);
  return out;
}

static double *random_symmetric(symo_rng *rng, size_t n) {
  double *a = symo_dense_new(n, n);
  symo_test_randn(rng, a, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i];
  return a;
}

/* A matrix that commutes with the group comes back, from as many probes as determine it. */
Test(probes, structured_matrices_come_back) {
  symo_world w;
  symo_world_open(&w, 71);
  for (int i = 0; i < 40; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 30);
    const symo_dtype dtype = i % 4 == 3 ? SYMO_F32 : SYMO_F64;
    const symo_coupling coupling = i % 3 == 0 ? SYMO_BLOCKED : SYMO_COUPLED;
    symo_plan *plan = symo_world_plan(&w, dtype, coupling, i % 5 == 4);
    symo_hessian *h = symo_world_indefinite(&w, plan), *found;
    double *a = symo_dense_of(h);
    symo_test_batch v = symo_test_batch_make(w.layout, dtype, w.rng, 3 * w.n);
    symo_test_batch av = multiply(&w, a, &v);
    cr_ok(w.context, symo_estimate_probes(plan, SYMO_LEAST_SQUARES, v.count, v.in, av.in, &found));
    cr_assert_str_eq(symo_hessian_name(found), "probes");
    double *b = symo_dense_of(found);
    cr_assert(symo_test_rel(b, a, w.n * w.n) <= symo_test_bound(dtype, w.n, 20), "%g: %s",
              symo_test_rel(b, a, w.n * w.n), w.text);
    free(a), free(b);
    symo_test_batch_free(&v);
    symo_test_batch_free(&av);
    symo_hessian_destroy(h);
    symo_hessian_destroy(found);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* The average is the mean over the group and the probes of the symmetrised A v v'; the least squares
 * solve C M + M C = B with the averages of v v' and of that. */
Test(probes, sums_over_the_group) {
  symo_world w;
  symo_world_open(&w, 72);
  for (int i = 0; i < 25; i++) {
    symo_world_random(&w, SYMO_TEST_FINITE, 400, 16);
    const size_t n = w.n, count = (size_t)(1 + i % 4);
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    double *a = random_symmetric(w.rng, n);
    symo_test_batch v = symo_test_batch_make(w.layout, SYMO_F64, w.rng, count);
    symo_test_batch av = multiply(&w, a, &v);
    double *outer = symo_dense_outer(n, count, av.flat, v.flat),
           *cross = symo_dense_average(w.layout, outer), *twice = symo_dense_new(n, n);
    double *square = symo_dense_outer(n, count, v.flat, v.flat),
           *c = symo_dense_average(w.layout, square);
    symo_hessian *mean, *fit;
    cr_ok(w.context, symo_estimate_probes(plan, SYMO_AVERAGE, count, v.in, av.in, &mean));
    cr_ok(w.context, symo_estimate_probes(plan, SYMO_LEAST_SQUARES, count, v.in, av.in, &fit));
    double *found = symo_dense_of(mean);
    for (size_t j = 0; j < n * n; j++) {
      twice[j] = 2 * cross[j];
      cross[j] /= (double)count;
    }
    cr_assert(symo_test_rel(found, cross, n * n) <= symo_test_bound(SYMO_F64, n, 1), "%s", w.text);
    double *expected = symo_dense_lyapunov(n, c, twice, 1e-10), *other = symo_dense_of(fit);
    double condition = symo_dense_condition(n, c, 1e-10);
    cr_assert(symo_test_rel(other, expected, n * n) <= symo_test_bound(SYMO_F64, n, condition),
              "%g: %s", symo_test_rel(other, expected, n * n), w.text);
    free(a), free(outer), free(cross), free(twice), free(square), free(c), free(found);
    free(expected), free(other);
    symo_test_batch_free(&v);
    symo_test_batch_free(&av);
    symo_hessian_destroy(mean);
    symo_hessian_destroy(fit);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* The average over cyclic shifts. */
static double *shifted(size_t n, const double *a) {
  double *out = symo_dense_new(n, n);
  for (size_t g = 0; g < n; g++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) out[i * n + j] += a[(i + g) % n * n + (j + g) % n] / (double)n;
  return out;
}

/* Every entry of the mean of many estimates is within 5 standard errors of the Reynolds average. */
static void unbiased(symo_world *w, symo_probe_method method, size_t count, bool cyclic) {
  enum { DRAWS = 600 };
  const size_t n = w->n;
  symo_plan *plan = symo_world_plan(w, SYMO_F64, SYMO_COUPLED, false);
  double *a = random_symmetric(w->rng, n),
         *exact = cyclic ? shifted(n, a) : symo_dense_average(w->layout, a);
  double *mean = symo_dense_new(n, n), *squares = symo_dense_new(n, n);
  for (int d = 0; d < DRAWS; d++) {
    symo_hessian *h;
    symo_test_batch v = symo_test_batch_make(w->layout, SYMO_F64, w->rng, count);
    symo_test_batch av = multiply(w, a, &v);
    cr_ok(w->context, symo_estimate_probes(plan, method, count, v.in, av.in, &h));
    double *b = symo_dense_of(h);
    for (size_t i = 0; i < n * n; i++) {
      mean[i] += b[i] / DRAWS;
      squares[i] += b[i] * b[i] / DRAWS;
    }
    free(b);
    symo_hessian_destroy(h);
    symo_test_batch_free(&v);
    symo_test_batch_free(&av);
  }
  for (size_t i = 0; i < n * n; i++) {
    double error = sqrt(fmax(squares[i] - mean[i] * mean[i], 0) / (DRAWS - 1));
    cr_assert(fabs(mean[i] - exact[i]) <= 5 * error + 1e-12,
              "method %d: entry %zu: %g for %g +- %g", (int)method, i, mean[i], exact[i], error);
  }
  free(a), free(exact), free(mean), free(squares);
  symo_plan_destroy(plan);
}

Test(probes, both_methods_are_unbiased) {
  symo_world w;
  symo_world_open(&w, 73);
  static const char *const texts[] = {"i: identity 2; h: signed-permutation 3; w[h,i] b[h]",
                                      "h: permutation 3; o: identity 1; w[h,h] c[o]",
                                      "p: cyclic 4; w[p]"};
  for (size_t i = 0; i < 3; i++) {
    symo_world_parse(&w, texts[i]);
    unbiased(&w, SYMO_AVERAGE, 2, i == 2);
    unbiased(&w, SYMO_LEAST_SQUARES, 8, i == 2);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* Powers of two go through, as far as the type reaches. */
Test(probes, scales) {
  symo_world w;
  symo_world_open(&w, 74);
  symo_world_parse(&w, "i: identity 2; h: signed-permutation 5; w[h,i] b[h]");
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (int method = SYMO_LEAST_SQUARES; method <= SYMO_AVERAGE; method++) {
      symo_plan *plan = symo_world_plan(&w, (symo_dtype)dtype, SYMO_COUPLED, false);
      double *a = random_symmetric(w.rng, w.n), factor = dtype == SYMO_F32 ? 0x1p90 : 0x1p800;
      symo_test_batch v = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 4);
      symo_test_batch av = multiply(&w, a, &v);
      symo_hessian *h, *large;
      cr_ok(w.context, symo_estimate_probes(plan, (symo_probe_method)method, 4, v.in, av.in, &h));
      symo_test_batch_scale(&av, factor);
      cr_ok(w.context,
            symo_estimate_probes(plan, (symo_probe_method)method, 4, v.in, av.in, &large));
      double *b = symo_dense_of(h), *c = symo_dense_of(large);
      for (size_t i = 0; i < w.n * w.n; i++) b[i] *= factor;
      cr_assert(symo_test_rel(c, b, w.n * w.n) <= symo_test_bound((symo_dtype)dtype, w.n, 10));
      free(a), free(b), free(c);
      symo_hessian_destroy(h);
      symo_hessian_destroy(large);
      symo_test_batch_free(&v);
      symo_test_batch_free(&av);
      symo_plan_destroy(plan);
    }
  symo_world_close(&w);
}
