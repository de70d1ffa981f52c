/* Estimates from few pairs that are drawn to a prior, and how far an estimate is from its matrix. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/operators.h"
#include "tests/support/world.h"

static symo_test_batch multiply(symo_world *w, const double *a, const symo_test_batch *v) {
  symo_test_batch out = symo_test_batch_make(w->layout, v->vectors[0].dtype, NULL, v->count);
  for (size_t i = 0; i < v->count; i++) {
    symo_dense_matvec(w->n, a, v->flat + i * w->n, out.flat + i * w->n);
    symo_test_vector_set(&out.vectors[i], out.flat + i * w->n);
  }
  return out;
}

/* One probe says by what multiple of the prior a structured matrix is off, if it is one; and from
 * many, which determine it, the prior takes nothing away. */
Test(prior, multiples_come_back) {
  symo_world w;
  symo_world_open(&w, 81);
  for (int i = 0; i < 40; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 30);
    const symo_dtype dtype = i % 4 == 3 ? SYMO_F32 : SYMO_F64;
    symo_plan *plan =
        symo_world_plan(&w, dtype, i % 3 == 0 ? SYMO_BLOCKED : SYMO_COUPLED, i % 5 == 4);
    symo_hessian *h = symo_world_indefinite(&w, plan), *prior, *found;
    double *a = symo_dense_of(h), scale;
    cr_ok(w.context, symo_hessian_scale(-0.4, h, &prior));
    symo_test_batch v = symo_test_batch_make(w.layout, dtype, w.rng, 1), av = multiply(&w, a, &v);
    cr_ok(w.context, symo_estimate_probes_near(prior, 3, 1, v.in, av.in, &scale, &found));
    double *b = symo_dense_of(found), norm = symo_dense_norm(w.n, a);
    const double bound = symo_test_bound(dtype, w.n, 20);
    cr_assert(norm == 0 || fabs(scale + 2.5) <= 2.5 * bound, "%g: %s", scale, w.text);
    cr_assert(symo_test_rel(b, a, w.n * w.n) <= bound, "%g: %s", symo_test_rel(b, a, w.n * w.n),
              w.text);
    free(a), free(b);
    symo_test_batch_free(&v);
    symo_test_batch_free(&av);
    symo_hessian_destroy(h);
    symo_hessian_destroy(prior);
    symo_hessian_destroy(found);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* The definition: (C + s I) D + D (C + s I) = B of what is left of the pairs, with averages that are
 * sums over the group. */
Test(prior, sums_over_the_group) {
  symo_world w;
  symo_world_open(&w, 82);
  for (int i = 0; i < 25; i++) {
    symo_world_random(&w, SYMO_TEST_FINITE, 400, 16);
    const size_t n = w.n, count = (size_t)(1 + i % 4);
    const double strength = 0.3 + i % 3;
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    symo_hessian *prior = symo_world_indefinite(&w, plan), *found;
    double *a = symo_dense_new(n, n), *p = symo_dense_of(prior), scale, above = 0, below = 0;
    symo_test_randn(w.rng, a, n * n);
    for (size_t j = 0; j < n; j++)
      for (size_t k = 0; k < j; k++) a[j * n + k] = a[k * n + j];
    symo_test_batch v = symo_test_batch_make(w.layout, SYMO_F64, w.rng, count),
                    av = multiply(&w, a, &v), pv = multiply(&w, p, &v);
    for (size_t j = 0; j < count * n; j++)
      above += av.flat[j] * pv.flat[j], below += pv.flat[j] * pv.flat[j];
    cr_ok(w.context,
          symo_estimate_probes_near(prior, strength, count, v.in, av.in, &scale, &found));
    cr_assert(fabs(scale - above / below) <= 1e-12 * (1 + fabs(scale)), "%s", w.text);
    double whole = 0, left = 0; /* what is subtracted may nearly be all of it */
    for (size_t j = 0; j < count * n; j++) {
      whole += pow(fabs(av.flat[j]) + fabs(scale * pv.flat[j]), 2);
      av.flat[j] -= scale * pv.flat[j];
      left += pow(av.flat[j], 2);
    }
    double *outer = symo_dense_outer(n, count, av.flat, v.flat),
           *square = symo_dense_outer(n, count, v.flat, v.flat),
           *cross = symo_dense_average(w.layout, outer), *c = symo_dense_average(w.layout, square);
    for (size_t j = 0; j < n * n; j++) cross[j] *= 2;
    for (size_t j = 0; j < n; j++) c[j * n + j] += strength;
    double *expected = symo_dense_lyapunov(n, c, cross, 0), *mine = symo_dense_of(found);
    const double rest = symo_dense_norm(n, expected);
    for (size_t j = 0; j < n * n; j++) expected[j] += scale * p[j];
    const double condition = (symo_dense_condition(n, c, 0) * sqrt(whole / left) * rest +
                              fabs(scale) * symo_dense_norm(n, p)) /
                             symo_dense_norm(n, expected);
    cr_assert(symo_test_rel(mine, expected, n * n) <= symo_test_bound(SYMO_F64, n, condition),
              "%g: %s", symo_test_rel(mine, expected, n * n), w.text);
    free(a), free(p), free(outer), free(square), free(cross), free(c), free(expected), free(mine);
    symo_test_batch_free(&v);
    symo_test_batch_free(&av);
    symo_test_batch_free(&pv);
    symo_hessian_destroy(prior);
    symo_hessian_destroy(found);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* |found - s| over |s|, of the rest of an estimate of s + noise. */
static double error_of(symo_world *w, const symo_plan *plan, const symo_operator *a,
                       const double *s, double strength) {
  const size_t n = w->n;
  const symo_lowrank_spec spec = {.products = 12, .rank = 2, .probes = 10, .strength = strength};
  symo_lowrank *h;
  cr_ok(w->context, symo_lowrank_estimate(plan, a, &spec, w->rng, &h, NULL));
  double *found = symo_dense_new(n, n);
  cr_ok(w->context, symo_lowrank_dense(h, found));
  const double error = symo_test_rel(found, s, n * n);
  free(found);
  symo_lowrank_destroy(h);
  return error;
}

/* The prior, here zero, is worth `strength` probes: of A = a I on n numbers that one block covers and k
 * probes z of covariance near I, sum |a z - S z|^2 + strength |S|^2 is least at S = a C / (C + strength / k)
 * with C = sum |z|^2 / (k n), which is 1 but for sqrt(2 / (k n)), and for 1 / n, what the eigenpair takes. */
Test(prior, strength_is_a_number_of_probes) {
  const double a = -3, strength = 1.5;
  symo_world w;
  symo_world_open(&w, 84);
  symo_world_parse(&w, "h: orthogonal 300; b[h]");
  const size_t n = w.n;
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_test_matrix m = {.n = n, .dtype = SYMO_F64, .a = symo_dense_new(n, n)};
  for (size_t i = 0; i < n; i++) m.a[i * n + i] = a;
  symo_operator op = symo_test_operator(&m);
  for (size_t probes = 1; probes <= 16; probes *= 2) {
    const symo_lowrank_spec spec = {
        .products = probes + 1, .rank = 1, .probes = probes, .strength = strength};
    symo_lowrank *h;
    cr_ok(w.context, symo_lowrank_estimate(plan, &op, &spec, w.rng, &h, NULL));
    const double *found = symo_hessian_blocks(symo_lowrank_rest(h), 0);
    /* Five standard errors of C times the derivative at C = 1. */
    const double off = 5 * sqrt(2 / (double)(n * probes)) + 1 / (double)n;
    const double share = strength / (double)probes, error = off * share / pow(1 + share, 2);
    cr_assert(fabs(found[0] / a - 1 / (1 + share)) <= error, "%zu probes: %g", probes,
              found[0] / a);
    symo_lowrank_destroy(h);
  }
  symo_test_matrix_drop(&m);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* Of a structured matrix that is c times the prior nothing is left to find, whatever the eigenpairs, the
 * probes and the strength: the rest is the matrix, and the prior's scale c. */
Test(prior, a_multiple_of_the_prior_comes_back_beside_eigenpairs) {
  const double c = -2.5;
  symo_world w;
  symo_world_open(&w, 85);
  for (int i = 0; i < 24; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 30);
    const symo_dtype dtype = i % 4 == 3 ? SYMO_F32 : SYMO_F64;
    const size_t n = w.n, rank = (size_t)(1 + i % 3), probes = (size_t)(1 + i % 2);
    symo_plan *plan = symo_world_plan(&w, dtype, SYMO_COUPLED, false);
    symo_hessian *p = symo_world_indefinite(&w, plan);
    symo_test_matrix m = {.n = n, .dtype = dtype, .a = symo_dense_of(p)};
    for (size_t k = 0; k < n * n; k++) m.a[k] *= c;
    symo_operator a = symo_test_operator(&m);
    const symo_lowrank_spec spec = {.products = rank + probes,
                                    .rank = rank,
                                    .probes = probes,
                                    .prior = p,
                                    .strength = i % 2 ? 0.1 : 20};
    symo_lowrank *h;
    symo_lowrank_cost cost;
    if (n > rank) { /* else there is nothing beside the eigenpairs */
      cr_ok(w.context, symo_lowrank_estimate(plan, &a, &spec, w.rng, &h, &cost));
      double *rest = symo_dense_of(symo_lowrank_rest(h));
      const double bound = symo_test_bound(dtype, n, 100);
      cr_assert(fabs(cost.prior_scale / c - 1) <= bound, "%g: %s", cost.prior_scale, w.text);
      cr_assert(symo_test_rel(rest, m.a, n * n) <= bound, "%g: %s", symo_test_rel(rest, m.a, n * n),
                w.text);
      free(rest);
      symo_lowrank_destroy(h);
    }
    symo_test_matrix_drop(&m);
    symo_hessian_destroy(p);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* As many rows of probes as the multiplicity of a label: least squares alone are at the mercy of the
 * least eigenvalue of C, now and then by factors; a weak prior is not, and costs next to nothing. */
Test(prior, least_squares_without_one_are_fragile) {
  symo_world w;
  symo_world_open(&w, 83);
  symo_world_parse(&w, "i: identity 10; h: signed-permutation 8; b[i] w[h,i]");
  const size_t n = w.n;
  enum { TRIALS = 60 };
  double alone[TRIALS], drawn[TRIALS];
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&w, plan);
  symo_test_matrix m = {.n = n, .dtype = SYMO_F64, .a = symo_dense_of(h)};
  double *s = symo_dense_of(h), size = symo_dense_norm(n, s) / (double)n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      m.a[i * n + j] += size * symo_rng_normal(w.rng);
      m.a[j * n + i] = m.a[i * n + j];
    }
  symo_operator a = symo_test_operator(&m);
  for (int t = 0; t < TRIALS; t++) {
    alone[t] = error_of(&w, plan, &a, m.a, 0);
    drawn[t] = error_of(&w, plan, &a, m.a, 0.1);
  }
  qsort(alone, TRIALS, sizeof *alone, ascending);
  qsort(drawn, TRIALS, sizeof *drawn, ascending);
  cr_assert(drawn[TRIALS / 2] <= 1.05 * alone[TRIALS / 2], "medians %g, %g", drawn[TRIALS / 2],
            alone[TRIALS / 2]);
  cr_assert(drawn[TRIALS - 1] <= 0.7 * alone[TRIALS - 1], "largest %g, %g", drawn[TRIALS - 1],
            alone[TRIALS - 1]);
  free(s);
  symo_test_matrix_drop(&m);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* ---- how good an estimate is ---- */

static double distance(size_t n, const double *a, const double *b) {
  double *d = symo_dense_new(n, n), norm;
  for (size_t i = 0; i < n * n; i++) d[i] = a[i] - b[i];
  norm = symo_dense_norm(n, d);
  free(d);
  return norm;
}

/* Both squares are unbiased, and the error that is said is about that of the ratio. */
Test(measure, squares_are_unbiased) {
  symo_world w;
  symo_world_open(&w, 84);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_world_parse(&w, "i: identity 3; h: signed-permutation 8; w[h,i] b[h]");
    enum { CALLS = 200, PROBES = 6 };
    const size_t n = w.n;
    symo_plan *plan = symo_world_plan(&w, (symo_dtype)dtype, SYMO_COUPLED, false);
    double spectrum[32], mean[2] = {0}, squares[2] = {0}, said = 0, ratio[2] = {0}, exact[2];
    for (size_t i = 0; i < n; i++) spectrum[i] = (i % 3 ? 1 : -1) * pow(0.8, (double)i);
    symo_test_matrix m = symo_test_matrix_of(w.rng, (symo_dtype)dtype, n, spectrum);
    symo_operator a = symo_test_operator(&m);
    const symo_lowrank_spec spec = {.products = 12, .strength = 0.1};
    symo_lowrank *h;
    cr_ok(w.context, symo_lowrank_estimate(plan, &a, &spec, w.rng, &h, NULL));
    double *dense = symo_dense_new(n, n);
    cr_ok(w.context, symo_lowrank_dense(h, dense));
    exact[0] = distance(n, m.a, dense), exact[1] = symo_dense_norm(n, m.a);
    for (int i = 0; i < CALLS; i++) {
      symo_lowrank_quality q;
      const size_t before = m.products;
      cr_ok(w.context, symo_lowrank_measure(h, &a, PROBES, w.rng, &q));
      cr_assert_eq(m.products - before, (size_t)PROBES);
      const double x[2] = {pow(q.relative * q.norm, 2), pow(q.norm, 2)};
      for (int k = 0; k < 2; k++) mean[k] += x[k] / CALLS, squares[k] += x[k] * x[k] / CALLS;
      said += q.error / CALLS;
      ratio[0] += q.relative / CALLS, ratio[1] += q.relative * q.relative / CALLS;
    }
    for (int k = 0; k < 2; k++) {
      const double error = sqrt((squares[k] - mean[k] * mean[k]) / CALLS);
      cr_assert(fabs(mean[k] - exact[k] * exact[k]) <= 5 * error, "%d: %g for %g +- %g", k, mean[k],
                exact[k] * exact[k], error);
    }
    const double spread = sqrt(ratio[1] - ratio[0] * ratio[0]);
    cr_assert(said >= 0.6 * spread && said <= 1.5 * spread, "%g for %g", said, spread);
    free(dense);
    symo_lowrank_destroy(h);
    symo_test_matrix_drop(&m);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* An estimate that is worse than zero: H = c A is at |1 - c| |A|, and one without any of A in it
 * at sqrt(|A|^2 + |H|^2). */
Test(measure, what_is_worse_than_zero) {
  static const double factors[] = {-20, -2, -0.5, 0.25, 1.5, 3, 20};
  enum { COUNT = sizeof factors / sizeof *factors };
  symo_world w;
  symo_world_open(&w, 87);
  symo_world_parse(&w, "i: identity 2; h: permutation 5; w[h,i] b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *s = symo_world_indefinite(&w, plan), *one;
  symo_test_matrix m = {.n = w.n, .dtype = SYMO_F64, .a = symo_dense_of(s)};
  symo_operator a = symo_test_operator(&m);
  symo_lowrank *h;
  symo_lowrank_quality q;
  cr_ok(w.context, symo_lowrank_create(s, 0, NULL, NULL, &h));
  for (int i = 0; i < COUNT; i++) {
    for (size_t k = 0; k < w.n * w.n; k++) m.a[k] /= factors[i]; /* H = factor A */
    cr_ok(w.context, symo_lowrank_measure(h, &a, 8, w.rng, &q));
    const double exact = fabs(1 - factors[i]);
    cr_assert(fabs(q.relative - exact) <= 5 * q.error + 1e-12 * exact, "%g: %g +- %g", factors[i],
              q.relative, q.error);
    cr_assert(q.error <= 0.5 * exact, "%g: +- %g", factors[i], q.error);
    for (size_t k = 0; k < w.n * w.n; k++) m.a[k] *= factors[i];
  }
  symo_lowrank_destroy(h);
  for (size_t k = 0; k < w.n * w.n; k++) m.a[k] = 0;
  cr_ok(w.context, symo_hessian_identity(plan, 1, &one));
  cr_ok(w.context, symo_lowrank_create(one, 0, NULL, NULL, &h));
  cr_ok(w.context, symo_lowrank_measure(h, &a, 3, w.rng, &q));
  cr_assert(isinf(q.relative) && q.norm == 0, "%g of zero", q.relative);
  /* A small matrix beside it: its norm does not drown in the trace. */
  for (size_t k = 0; k < w.n; k++) m.a[k * w.n + k] = (k % 2 ? 1e-3 : -1e-3);
  cr_ok(w.context, symo_lowrank_measure(h, &a, 40, w.rng, &q));
  cr_assert(fabs(q.norm / (1e-3 * sqrt((double)w.n)) - 1) <= 0.25, "|A| %g", q.norm);
  cr_assert(fabs(q.relative - 1e3) <= 5 * q.error + 1, "%g +- %g", q.relative, q.error);
  symo_lowrank_destroy(h);
  symo_hessian_destroy(one);
  symo_hessian_destroy(s);
  symo_test_matrix_drop(&m);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* Nothing is left of a matrix that has the form; one probe has no error; zero has no direction. */
Test(measure, what_is_exact) {
  symo_world w;
  symo_world_open(&w, 85);
  symo_world_parse(&w, "i: identity 2; h: permutation 5; w[h,i] b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *s = symo_world_indefinite(&w, plan), *zero;
  symo_test_matrix m = {.n = w.n, .dtype = SYMO_F64, .a = symo_dense_of(s)};
  symo_operator a = symo_test_operator(&m);
  symo_lowrank *h, *none;
  symo_lowrank_quality q;
  cr_ok(w.context, symo_hessian_identity(plan, 0, &zero));
  cr_ok(w.context, symo_lowrank_create(s, 0, NULL, NULL, &h));
  cr_ok(w.context, symo_lowrank_create(zero, 0, NULL, NULL, &none));
  cr_ok(w.context, symo_lowrank_measure(h, &a, 1, w.rng, &q));
  cr_assert(q.relative <= symo_test_bound(SYMO_F64, w.n, 1) && isnan(q.error));
  cr_assert(fabs(q.norm / symo_dense_norm(w.n, m.a) - 1) <= symo_test_bound(SYMO_F64, w.n, 1));
  cr_ok(w.context, symo_lowrank_measure(none, &a, 4, w.rng, &q));
  cr_assert(fabs(q.relative - 1) <= 1e-12 && q.error <= 1e-12, "%g +- %g", q.relative, q.error);
  for (size_t i = 0; i < w.n * w.n; i++) m.a[i] = 0;
  cr_ok(w.context, symo_lowrank_measure(none, &a, 4, w.rng, &q));
  cr_assert(q.relative == 0 && q.error == 0 && q.norm == 0);
  symo_lowrank_destroy(h);
  symo_lowrank_destroy(none);
  symo_hessian_destroy(s);
  symo_hessian_destroy(zero);
  symo_test_matrix_drop(&m);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* All Ritz vectors are kept unless a rank is given, and the plan says so; from all of the space the
 * matrix comes back. */
Test(measure, all_pairs_are_kept) {
  symo_world w;
  symo_world_open(&w, 86);
  symo_world_parse(&w, "i: identity 3; h: signed-permutation 8; w[h,i] b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  double spectrum[32];
  for (size_t i = 0; i < w.n; i++) spectrum[i] = (i % 2 ? 1 : -1) * (double)(i + 1);
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, w.n, spectrum);
  symo_operator a = symo_test_operator(&m);
  double last = INFINITY;
  for (size_t products = 8; products <= 40; products += 8) {
    const symo_lowrank_spec spec = {.products = products, .strength = 0.1};
    symo_lowrank_cost said, cost;
    symo_lowrank_quality q;
    symo_lowrank *h;
    cr_ok(w.context, symo_lowrank_plan(plan, &spec, &said));
    cr_ok(w.context, symo_lowrank_estimate(plan, &a, &spec, w.rng, &h, &cost));
    cr_assert(cost.rank == cost.iteration && said.rank == cost.rank &&
              symo_lowrank_rank(h) == cost.rank);
    cr_assert_eq(said.stored_numbers,
                 symo_plan_cost_of(plan).stored_numbers + (double)cost.rank * ((double)w.n + 1));
    cr_ok(w.context, symo_lowrank_measure(h, &a, 40, w.rng, &q));
    cr_assert(q.relative <= last, "%zu products: %g after %g", products, q.relative, last);
    last = q.relative;
    symo_lowrank_destroy(h);
  }
  cr_assert(last <= 1e-12, "%g", last);
  symo_plan *blocked = symo_world_plan(&w, SYMO_F64, SYMO_BLOCKED, false);
  symo_hessian *other;
  symo_lowrank_cost cost;
  cr_ok(w.context, symo_hessian_identity(blocked, 1, &other));
  const symo_lowrank_spec foreign = {.products = 8, .strength = 0.1, .prior = other};
  cr_fails(w.context, SYMO_E_SHAPE, "the prior is of another plan",
           symo_lowrank_plan(plan, &foreign, &cost));
  symo_hessian_destroy(other);
  symo_plan_destroy(blocked);
  symo_test_matrix_drop(&m);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}
