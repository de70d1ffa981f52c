/* Low rank plus symmetry against dense matrices, and its estimates from products. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/operators.h"
#include "tests/support/world.h"

enum { LAYOUTS = 12, PARAMETERS = 30 };

typedef struct kit {
  symo_world *w;
  symo_plan *plan;
  symo_hessian *rest;
  symo_lowrank *h;
  symo_dtype dtype;
  size_t n, k;
  double *dense; /* [n, n], what h should be */
  double values[3];
  bool centered, definite;
  double tolerance;
} kit;

/* Orthonormal rows by Gram-Schmidt, twice. */
static void orthonormal(symo_rng *rng, size_t k, size_t n, double *u) {
  symo_test_randn(rng, u, k * n);
  for (size_t i = 0; i < k; i++) {
    double norm = 0;
    for (int pass = 0; pass < 2; pass++)
      for (size_t j = 0; j < i; j++) {
        double dot = 0;
        for (size_t a = 0; a < n; a++) dot += u[i * n + a] * u[j * n + a];
        for (size_t a = 0; a < n; a++) u[i * n + a] -= dot * u[j * n + a];
      }
    for (size_t a = 0; a < n; a++) norm = hypot(norm, u[i * n + a]);
    for (size_t a = 0; a < n; a++) u[i * n + a] /= norm;
  }
}

/* U' diag(values) U + Q S Q, and Q itself. */
static double *compose(size_t n, size_t k, const double *values, const double *u, const double *s,
                       double *q) {
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++) {
      q[a * n + b] = a == b;
      for (size_t i = 0; i < k; i++) q[a * n + b] -= u[i * n + a] * u[i * n + b];
    }
  double *h = symo_dense_sandwich(n, q, s);
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++)
      for (size_t i = 0; i < k; i++) h[a * n + b] += values[i] * u[i * n + a] * u[i * n + b];
  return h;
}

static void make(kit *t) {
  size_t n = t->n, k = t->k < n ? t->k : n;
  double *u = symo_dense_new(3, n), *q = symo_dense_new(n, n), *packed = symo_dense_new(3, n);
  t->k = k;
  t->values[0] = 7;
  t->values[1] = t->definite ? 3 : -4;
  t->values[2] = 0.5;
  t->rest = (t->definite ? symo_world_definite : symo_world_indefinite)(t->w, t->plan);
  orthonormal(t->w->rng, k, n, u);
  symo_test_pack(t->dtype, u, packed, k * n);
  symo_test_unpack(t->dtype, packed, u, k * n);
  double *s = symo_dense_of(t->rest);
  t->dense = compose(n, k, t->values, u, s, q);
  cr_ok(t->w->context, symo_lowrank_create(t->rest, k, t->values, packed, &t->h));
  free(u);
  free(q);
  free(packed);
  free(s);
}

static void for_each_case(uint64_t seed, void (*check)(kit *t)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int i = 0; i < LAYOUTS; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    for (int option = 0; option < 8; option++) {
      kit t = {.w = &w, .n = w.n, .k = (size_t)(i + option) % 4, .definite = option & 1};
      t.centered = option & 2;
      t.dtype = option & 4 ? SYMO_F32 : SYMO_F64;
      t.tolerance = option & 4 ? 2e-4 : 1e-10;
      t.plan = symo_world_plan(&w, t.dtype, i % 3 == 0 ? SYMO_BLOCKED : SYMO_COUPLED, t.centered);
      make(&t);
      check(&t);
      free(t.dense);
      symo_lowrank_destroy(t.h);
      symo_hessian_destroy(t.rest);
      symo_plan_destroy(t.plan);
    }
  }
  symo_world_close(&w);
}

static void same(const kit *t, const char *what, const double *a, const double *b, size_t n) {
  double scale = fmax(1, symo_test_max(b, n));
  for (size_t i = 0; i < n; i++)
    cr_assert(fabs(a[i] - b[i]) <= t->tolerance * scale, "%s%s, rank %zu: number %zu: %g, %g: %s",
              what, t->centered ? ", centred" : "", t->k, i, a[i], b[i], t->w->text);
}

static void check_entries(kit *t) {
  const size_t n = t->n;
  double *found = symo_dense_new(n, n), *expected = symo_dense_new(1, n), trace = 0;
  symo_test_batch x = symo_test_batch_make(t->w->layout, t->dtype, t->w->rng, 2);
  cr_ok(t->w->context, symo_lowrank_dense(t->h, found));
  same(t, "dense", found, t->dense, n * n);
  for (size_t i = 0; i < n * n; i++) cr_assert(found[i] == found[i % n * n + i / n]);
  for (size_t i = 0; i < n; i++) trace += expected[i] = t->dense[i * n + i];
  cr_ok(t->w->context, symo_lowrank_diagonal(t->h, symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], found);
  same(t, "diagonal", found, expected, n);
  found[0] = symo_lowrank_trace(t->h);
  same(t, "trace", found, &trace, 1);
  expected[0] = symo_dense_norm(n, t->dense);
  found[0] = symo_lowrank_frobenius(t->h);
  same(t, "frobenius", found, expected, 1);
  cr_ok(t->w->context, symo_lowrank_matvec(t->h, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], found);
  symo_dense_matvec(n, t->dense, x.flat, expected);
  same(t, "matvec", found, expected, n);
  cr_assert_eq(symo_lowrank_rank(t->h), t->k);
  for (size_t i = 0; i < t->k; i++) cr_assert(symo_lowrank_values(t->h)[i] == t->values[i]);
  symo_test_batch_free(&x);
  free(found);
  free(expected);
}

Test(lowrank, entries_products_and_norms) { for_each_case(61, check_entries); }

static size_t solved; /* cases of check_indefinite that are no refusals */

static double *shifted(const kit *t, const double *dense, double damping) {
  double *a = symo_dense_new(t->n, t->n);
  memcpy(a, dense, t->n * t->n * sizeof *a);
  for (size_t i = 0; i < t->n; i++) a[i * t->n + i] += damping;
  return a;
}

/* One power of |H| + damping on a random vector, and the log determinant. */
static void check_power(kit *t, const symo_lowrank *h, const double *dense, double p,
                        double damping) {
  const size_t n = t->n;
  double *a = shifted(t, dense, damping), *power = symo_dense_power(n, a, p, 0);
  double *found = symo_dense_new(1, n), *expected = symo_dense_new(1, n);
  symo_test_batch x = symo_test_batch_make(t->w->layout, t->dtype, t->w->rng, 2);
  char what[64];
  (void)snprintf(what, sizeof what, "power %g, damping %g", p, damping);
  symo_dense_matvec(n, power, x.flat, expected);
  cr_ok(t->w->context, symo_lowrank_power(h, p, damping, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], found);
  same(t, what, found, expected, n);
  if (p == -1) {
    cr_ok(t->w->context, symo_lowrank_solve(h, damping, x.in[0], symo_test_out(&x.vectors[1])));
    symo_test_vector_get(&x.vectors[1], found);
    same(t, "solve", found, expected, n);
  }
  symo_test_batch_free(&x);
  free(a);
  free(power);
  free(found);
  free(expected);
}

static void check_logdet(kit *t, const symo_lowrank *h, const double *dense, double damping) {
  double *a = shifted(t, dense, damping), *w = symo_dense_new(1, t->n),
         *v = symo_dense_new(t->n, t->n), sum = 0, found = 0;
  symo_dense_eigen(t->n, a, w, v);
  for (size_t i = 0; i < t->n; i++) sum += log(w[i]);
  cr_ok(t->w->context, symo_lowrank_logdet(h, damping, &found));
  cr_assert(fabs(found - sum) <= t->tolerance * (double)t->n, "logdet %g for %g: %s", found, sum,
            t->w->text);
  free(a);
  free(w);
  free(v);
}

static void check_functions(kit *t) {
  static const double powers[] = {-1, -0.5, 0.5, 1, 0, 2, -2, 0.3, -0.3, -0.9, 1.9, -1.25};
  const double damping = t->definite && !t->centered ? 0 : 0.25;
  symo_lowrank *h = t->h;
  if (!t->definite) cr_ok(t->w->context, symo_lowrank_abs(t->h, &h));
  double *dense = symo_dense_new(t->n, t->n);
  cr_ok(t->w->context, symo_lowrank_dense(h, dense));
  for (size_t i = 0; i < sizeof powers / sizeof *powers; i++)
    check_power(t, h, dense, powers[i], damping);
  check_logdet(t, h, dense, damping);
  if (h != t->h) symo_lowrank_destroy(h);
  free(dense);
}

Test(lowrank, powers_solutions_and_determinants) { for_each_case(62, check_functions); }

/* |values| and |S|. */
static void check_abs(kit *t) {
  symo_lowrank *h;
  symo_hessian *rest;
  cr_ok(t->w->context, symo_lowrank_abs(t->h, &h));
  cr_ok(t->w->context, symo_hessian_abs(t->rest, &rest));
  double *a = symo_dense_of(rest), *b = symo_dense_of(symo_lowrank_rest(h));
  same(t, "absolute rest", b, a, t->n * t->n);
  for (size_t i = 0; i < t->k; i++) cr_assert(symo_lowrank_values(h)[i] == fabs(t->values[i]));
  free(a);
  free(b);
  symo_hessian_destroy(rest);
  symo_lowrank_destroy(h);
}

Test(lowrank, absolute_value) { for_each_case(63, check_abs); }

/* x'(H + d) x of a sample x has the mean P and, as a chi-squared number, the variance 2 P. */
/* (H + damping I)^-1 of an operator with eigenvalues of both signs, where none is near zero. */
static void check_indefinite(kit *t) {
  enum { WELL = 50 };
  const double damping = 0.1;
  const size_t n = t->n;
  if (t->definite) return;
  double *a = shifted(t, t->dense, damping), *w = symo_dense_new(1, n), *v = symo_dense_new(n, n);
  double *found = symo_dense_new(1, n), *expected = symo_dense_new(1, n), least = INFINITY;
  symo_dense_eigen(n, a, w, v);
  for (size_t i = 0; i < n; i++) least = fmin(least, fabs(w[i]));
  symo_test_batch x = symo_test_batch_make(t->w->layout, t->dtype, t->w->rng, 2);
  if (symo_test_max(w, n) <= WELL * least && w[0] < 0) {
    for (size_t k = 0; k < n; k++) {
      double dot = 0;
      for (size_t i = 0; i < n; i++) dot += v[i * n + k] * x.flat[i];
      for (size_t i = 0; i < n; i++) expected[i] += v[i * n + k] * dot / w[k];
    }
    cr_ok(t->w->context, symo_lowrank_solve(t->h, damping, x.in[0], symo_test_out(&x.vectors[1])));
    symo_test_vector_get(&x.vectors[1], found);
    same(t, "solve of an indefinite operator", found, expected, n);
    solved++;
  }
  symo_test_batch_free(&x);
  free(a);
  free(w);
  free(v);
  free(found);
  free(expected);
}

Test(lowrank, solutions_with_indefinite_operators) {
  for_each_case(67, check_indefinite);
  cr_assert(solved >= 8, "only %zu cases are well conditioned", solved);
}

Test(lowrank, samples) {
  symo_world w;
  symo_world_open(&w, 64);
  symo_world_parse(&w, "i: identity 2; h: signed-permutation 5; w[h,i] b[h]");
  enum { SAMPLES = 400 };
  kit t = {.w = &w, .n = w.n, .k = 2, .definite = true, .dtype = SYMO_F64};
  t.plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  make(&t);
  double *a = shifted(&t, t.dense, 0.5), x[15], y[15], mean = 0;
  symo_test_vector out = symo_test_vector_make(w.layout, SYMO_F64, w.rng);
  for (int s = 0; s < SAMPLES; s++) {
    cr_ok(w.context, symo_lowrank_sample(t.h, 0.5, w.rng, symo_test_out(&out)));
    symo_test_vector_get(&out, x);
    symo_dense_matvec(t.n, a, x, y);
    for (size_t i = 0; i < t.n; i++) mean += x[i] * y[i] / SAMPLES;
  }
  double p = (double)t.n;
  cr_assert(fabs(mean - p) <= 5 * sqrt(2 * p / SAMPLES), "%g for %g", mean, p);
  symo_test_vector_free(&out);
  free(a);
  free(t.dense);
  symo_lowrank_destroy(t.h);
  symo_hessian_destroy(t.rest);
  symo_plan_destroy(t.plan);
  symo_world_close(&w);
}

/* What has no inverse, no root, or no determinant says so. */
Test(lowrank, refusals) {
  symo_world w;
  symo_world_open(&w, 65);
  symo_world_parse(&w, "i: identity 2; h: signed-permutation 4; w[h,i] b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *zero, *negative;
  symo_lowrank *h;
  double u[24] = {0}, values[2] = {1, -2}, logdet;
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  u[0] = u[13] = 1;
  cr_ok(w.context, symo_hessian_identity(plan, 0, &zero));
  cr_ok(w.context, symo_hessian_identity(plan, -1, &negative));
  cr_ok(w.context, symo_lowrank_create(zero, 1, values, u, &h));
  symo_vector y = symo_test_out(&x.vectors[1]);
  cr_fails(w.context, SYMO_SINGULAR, "lowrank_solve", symo_lowrank_solve(h, 0, x.in[0], y));
  cr_fails(w.context, SYMO_SINGULAR, "lowrank_power", symo_lowrank_power(h, -0.5, 0, x.in[0], y));
  cr_fails(w.context, SYMO_SINGULAR, "lowrank_logdet", symo_lowrank_logdet(h, 0, &logdet));
  cr_ok(w.context, symo_lowrank_power(h, 0.5, 0, x.in[0], y));
  symo_lowrank_destroy(h);
  cr_ok(w.context, symo_lowrank_create(negative, 1, values, u, &h));
  cr_fails(w.context, SYMO_INDEFINITE, "the rest has a negative eigenvalue",
           symo_lowrank_power(h, 0.5, 0, x.in[0], y));
  cr_fails(w.context, SYMO_SINGULAR, "", symo_lowrank_logdet(h, 0.5, &logdet));
  symo_lowrank_destroy(h);
  cr_ok(w.context, symo_lowrank_create(zero, 2, values, u, &h));
  cr_fails(w.context, SYMO_INDEFINITE, "the eigenvalue -2",
           symo_lowrank_power(h, 0.5, 0.5, x.in[0], y));
  symo_lowrank_destroy(h);
  symo_test_batch_free(&x);
  symo_hessian_destroy(zero);
  symo_hessian_destroy(negative);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* A large block of float32 without full rank: 10 m eps of its largest eigenvalue is more than the
 * damping, which is what makes the matrix regular. */
Test(lowrank, small_damping_of_a_singular_rest) {
  symo_world w;
  symo_world_open(&w, 69);
  symo_world_parse(&w, "i: identity 300; w[i]");
  enum { M = 300 };
  symo_plan *plan = symo_world_plan(&w, SYMO_F32, SYMO_COUPLED, false);
  float *m = calloc(M * M, sizeof *m), u[M] = {0}, x[M], y[M], back[M];
  const void *blocks[1] = {m}, *in[1] = {x};
  void *out[1] = {y}, *again[1] = {back};
  const double value = 5, damping = 1e-5;
  double logdet = 0, exact = log(5 + damping) + log(1 + damping) + (M - 2) * log(damping);
  symo_hessian *rest;
  symo_lowrank *h;
  m[0] = 1;
  u[7] = 1;
  for (size_t i = 0; i < M; i++) x[i] = (float)symo_rng_normal(w.rng);
  cr_ok(w.context, symo_hessian_from_blocks(plan, blocks, &rest));
  cr_ok(w.context, symo_lowrank_create(rest, 1, &value, u, &h));
  cr_ok(w.context, symo_lowrank_solve(h, damping, symo_const_vector_of(SYMO_F32, in),
                                      symo_vector_of(SYMO_F32, out)));
  cr_ok(w.context, symo_lowrank_matvec(h, symo_const_vector_of(SYMO_F32, (const void *const *)out),
                                       symo_vector_of(SYMO_F32, again)));
  for (size_t i = 0; i < M; i++) {
    double residual = (double)back[i] + damping * (double)y[i] - (double)x[i];
    cr_assert(fabs(residual) <= 1e-4, "%zu: %g", i, residual);
  }
  cr_ok(w.context, symo_lowrank_power(h, -0.5, damping, symo_const_vector_of(SYMO_F32, in),
                                      symo_vector_of(SYMO_F32, out)));
  cr_assert(fabs((double)y[9] * sqrt(damping) - (double)x[9]) <= 1e-4);
  cr_ok(w.context, symo_lowrank_logdet(h, damping, &logdet));
  cr_assert(fabs(logdet - exact) <= 1e-3, "%g for %g", logdet, exact);
  cr_fails(w.context, SYMO_SINGULAR, "add damping", symo_lowrank_logdet(h, 0, &logdet));
  free(m);
  symo_lowrank_destroy(h);
  symo_hessian_destroy(rest);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* ---- estimates ---- */

static void random_matrix(symo_rng *rng, size_t n, double *a) {
  symo_test_randn(rng, a, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i];
}

/* |(R - S) Q|_F with R = Q A Q. */
static double left_over(size_t n, const double *a, const double *s, const double *q) {
  double *r = symo_dense_sandwich(n, q, a);
  for (size_t i = 0; i < n * n; i++) r[i] -= s[i];
  double *d = symo_dense_product(n, r, q), norm = symo_dense_norm(n, d);
  free(r);
  free(d);
  return norm;
}

/* With as many products as parameters nothing is left to chance: exact eigenpairs, and no other
 * structured matrix is nearer on the rest, such as the Reynolds average. */
Test(lowrank, whole_space_is_exact) {
  symo_world w;
  symo_world_open(&w, 66);
  for (int trial = 0; trial < 20; trial++) {
    symo_world_random(&w, SYMO_TEST_FINITE, 400, 24);
    const size_t n = w.n, k = n < 3 ? n : 3;
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    symo_test_matrix m = {.n = n, .dtype = SYMO_F64, .a = symo_dense_new(n, n)};
    random_matrix(w.rng, n, m.a);
    symo_operator a = symo_test_operator(&m);
    symo_lowrank_spec spec = {.products = n + 4, .rank = k, .probes = 4};
    symo_lowrank_cost cost;
    symo_lowrank *h;
    symo_hessian *average;
    cr_ok(w.context, symo_lowrank_estimate(plan, &a, &spec, w.rng, &h, &cost));
    cr_assert(m.products == n && cost.products == n && cost.rank == k);
    double *q = symo_dense_new(n, n), *s = symo_dense_of(symo_lowrank_rest(h)), zero[3] = {0};
    double *values = symo_dense_new(1, n), *v = symo_dense_new(n, n);
    double *r, *none = compose(n, k, zero, symo_lowrank_vectors(h), s, q);
    symo_dense_eigen(n, m.a, values, v);
    for (size_t i = 0; i < k; i++) {
      double nearest = INFINITY;
      for (size_t j = 0; j < n; j++)
        nearest = fmin(nearest, fabs(values[j] - symo_lowrank_values(h)[i]));
      cr_assert(nearest <= symo_test_bound(SYMO_F64, n, 10));
    }
    r = symo_dense_sandwich(n, q, m.a);
    cr_ok(w.context, symo_reynolds(plan, r, &average));
    double *other = symo_dense_of(average);
    double mine = left_over(n, m.a, s, q), theirs = left_over(n, m.a, other, q);
    cr_assert(mine <= theirs * (1 + 1e-9) + 1e-9, "%g, %g: %s", mine, theirs, w.text);
    free(q), free(s), free(values), free(v), free(none), free(r), free(other);
    symo_hessian_destroy(average);
    symo_lowrank_destroy(h);
    symo_test_matrix_drop(&m);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* A few large eigenvalues on a structured matrix: a budget far below P finds both. */
Test(lowrank, budget_below_the_size) {
  symo_world w;
  symo_world_open(&w, 67);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_world_parse(&w, "i: identity 3; h: signed-permutation 40; w[h,i] b[h]");
    const size_t n = w.n;
    symo_plan *plan = symo_world_plan(&w, (symo_dtype)dtype, SYMO_COUPLED, false);
    symo_hessian *rest = symo_world_definite(&w, plan);
    double *s = symo_dense_of(rest), *u = symo_dense_new(3, n), *q = symo_dense_new(n, n);
    const double values[3] = {300, -200, 100};
    orthonormal(w.rng, 3, n, u);
    symo_test_matrix m = {.n = n, .dtype = (symo_dtype)dtype};
    m.a = compose(n, 3, values, u, s, q);
    symo_operator a = symo_test_operator(&m);
    symo_lowrank_spec spec = {.products = 30, .rank = 3};
    symo_lowrank *h;
    symo_lowrank_cost cost, said;
    cr_ok(w.context, symo_lowrank_plan(plan, &spec, &said));
    cr_ok(w.context, symo_lowrank_estimate(plan, &a, &spec, w.rng, &h, &cost));
    cr_assert(m.products == 30 && cost.products == 30 && said.products == 30);
    cr_assert(cost.probes == said.probes && cost.iteration + cost.probes == 30);
    double *found = symo_dense_new(n, n);
    cr_ok(w.context, symo_lowrank_dense(h, found));
    cr_assert(symo_test_rel(found, m.a, n * n) <= 0.01, "%g", symo_test_rel(found, m.a, n * n));
    double *mine = symo_dense_of(symo_lowrank_rest(h)), error = symo_test_rel(mine, s, n * n);
    cr_assert(error <= 0.25, "rest: %g", error);
    free(mine), free(found), free(s), free(u), free(q);
    symo_lowrank_destroy(h);
    symo_test_matrix_drop(&m);
    symo_hessian_destroy(rest);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

typedef struct attempt {
  symo_world *w;
  symo_plan *plan;
  symo_operator a;
} attempt;

static symo_status try_estimate(void *self) {
  attempt *t = self;
  symo_lowrank *h = NULL;
  double out;
  const symo_lowrank_spec spec = {.products = 8, .rank = 2, .absolute = true};
  symo_status status = symo_lowrank_estimate(t->plan, &t->a, &spec, t->w->rng, &h, NULL);
  if (status == SYMO_OK) status = symo_lowrank_logdet(h, 1, &out);
  symo_test_vector y = {0};
  if (status == SYMO_OK) {
    y = symo_test_vector_make(t->w->layout, SYMO_F64, NULL);
    status = symo_lowrank_sample(h, 1, t->w->rng, symo_test_out(&y));
    if (status == SYMO_OK) status = symo_lowrank_diagonal(h, symo_test_out(&y));
    symo_test_vector_free(&y);
  }
  symo_lowrank_destroy(h);
  return status;
}

Test(lowrank, failures) {
  symo_world w;
  symo_world_open(&w, 68);
  symo_world_parse(&w, "i: identity 2; h: permutation 4; w[h,i] b[h]");
  double spectrum[12];
  for (size_t i = 0; i < 12; i++) spectrum[i] = (double)(i + 1);
  attempt t = {.w = &w, .plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false)};
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, 12, spectrum);
  t.a = symo_test_operator(&m);
  cr_assert(symo_test_allocations(try_estimate, &t) > 0);
  m.later = SYMO_E_IO;
  for (m.fail_after = m.products + 3; m.fail_after < m.products + 8; m.fail_after++) {
    const size_t before = m.products;
    cr_fails(w.context, SYMO_E_IO, "the product of matrix ended", try_estimate(&t));
    m.fail_after += m.products - before;
  }
  symo_test_matrix_drop(&m);
  symo_plan_destroy(t.plan);
  symo_world_close(&w);
}
