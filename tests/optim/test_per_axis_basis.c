/* Adam in the eigenbasis of per-axis factors against a dense implementation of the published rule:
 * GSL's eigensolver, Gram-Schmidt, plain loops. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/rig.h"

/* A matrix [r, c] and what the rule keeps for it; columns of q are the basis. */
typedef struct dense_soap {
  size_t r, c;
  double *l[2], *q[2], *m, *v;
} dense_soap;

static double *product(size_t n, size_t k, size_t m, const double *a, bool ta, const double *b,
                       bool tb) {
  double *out = symo_dense_new(n, m);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++)
      for (size_t p = 0; p < k; p++)
        out[i * m + j] += (ta ? a[p * n + i] : a[i * k + p]) * (tb ? b[j * k + p] : b[p * m + j]);
  return out;
}

/* Q_l' x Q_r, or Q_l x Q_r'. */
static void project(const dense_soap *s, bool back, double *x) {
  double *half = product(s->r, s->r, s->c, s->q[0], !back, x, false);
  double *all = product(s->r, s->c, s->c, half, false, s->q[1], back);
  memcpy(x, all, s->r * s->c * sizeof *x);
  free(half);
  free(all);
}

static void add_factors(dense_soap *s, double beta, const double *g) {
  double *left = product(s->r, s->c, s->r, g, false, g, true);
  double *right = product(s->c, s->r, s->c, g, true, g, false);
  for (size_t i = 0; i < s->r * s->r; i++) s->l[0][i] = beta * s->l[0][i] + (1 - beta) * left[i];
  for (size_t i = 0; i < s->c * s->c; i++) s->l[1][i] = beta * s->l[1][i] + (1 - beta) * right[i];
  free(left);
  free(right);
}

/* Columns sorted by q' L q, descending; v follows; then Q of the QR of L q. */
static void iterate(dense_soap *s, int side) {
  size_t n = side == 0 ? s->r : s->c, size = s->r * s->c;
  double *lq = product(n, n, n, s->l[side], false, s->q[side], false);
  double *value = symo_dense_new(1, n), *fresh = symo_dense_new(n, n), *v = symo_dense_new(1, size);
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < n; i++) value[k] += s->q[side][i * n + k] * lq[i * n + k];
  for (size_t k = 0; k < n; k++) {
    size_t best = 0;
    for (size_t j = 1; j < n; j++)
      if (value[j] > value[best]) best = j;
    value[best] = -INFINITY;
    for (size_t i = 0; i < n; i++) fresh[i * n + k] = lq[i * n + best];
    for (size_t i = 0; i < s->r; i++)
      for (size_t j = 0; j < s->c; j++) {
        if (side == 0 && i == k) v[i * s->c + j] = s->v[best * s->c + j];
        if (side == 1 && j == k) v[i * s->c + j] = s->v[i * s->c + best];
      }
  }
  for (int twice = 0; twice < 2; twice++)
    for (size_t k = 0; k < n; k++) {
      double norm = 0;
      for (size_t j = 0; j < k; j++) {
        double dot = 0;
        for (size_t i = 0; i < n; i++) dot += fresh[i * n + j] * fresh[i * n + k];
        for (size_t i = 0; i < n; i++) fresh[i * n + k] -= dot * fresh[i * n + j];
      }
      for (size_t i = 0; i < n; i++) norm += fresh[i * n + k] * fresh[i * n + k];
      for (size_t i = 0; i < n; i++) fresh[i * n + k] /= sqrt(norm);
    }
  memcpy(s->q[side], fresh, n * n * sizeof *fresh);
  memcpy(s->v, v, size * sizeof *v);
  free(lq);
  free(value);
  free(fresh);
  free(v);
}

/* How often factors take a gradient in, and bases are renewed. */
typedef struct cadence {
  int statistics, bases;
} cadence;

/* One call of the published optimizer, without rate and decay: direction in out. */
static void soap_step(dense_soap *s, int call, cadence every, double b1, double b2, double eps,
                      const double *g, double *out) {
  size_t n = s->r * s->c;
  int step = call - 1;
  memset(out, 0, n * sizeof *out);
  if (step == 0) {
    double *w = symo_dense_new(1, s->r + s->c);
    add_factors(s, b2, g);
    symo_dense_eigen(s->r, s->l[0], w, s->q[0]);
    symo_dense_eigen(s->c, s->l[1], w, s->q[1]);
    free(w);
    return;
  }
  double *x = symo_dense_new(1, n);
  memcpy(x, g, n * sizeof *x);
  project(s, false, x);
  for (size_t i = 0; i < n; i++) {
    s->m[i] = b1 * s->m[i] + (1 - b1) * x[i];
    s->v[i] = b2 * s->v[i] + (1 - b2) * x[i] * x[i];
    out[i] = s->m[i] / (sqrt(s->v[i]) + eps) * sqrt(1 - pow(b2, step)) / (1 - pow(b1, step));
  }
  project(s, true, out);
  project(s, true, s->m);
  if (step % every.statistics == 0) add_factors(s, b2, g);
  if (step % every.bases == 0) {
    iterate(s, 0);
    iterate(s, 1);
  }
  project(s, false, s->m);
  free(x);
}

static symo_method soap(void) {
  symo_method m = symo_rig_method();
  m.curvature = &symo_curvature_per_axis;
  m.solver = &symo_solver_auto;
  m.basis = SYMO_BASIS_ADAM;
  m.momentum = 0.95;
  m.momentum_correction = true;
  m.beta2 = 0.9;
  m.correction = true;
  m.eps = 1e-8;
  m.max_dim = 10000;
  return m;
}

static void check(size_t rows, size_t cols, cadence every, symo_dtype dtype, double limit) {
  symo_world w;
  symo_world_open(&w, 61);
  char text[96];
  snprintf(text, sizeof text, "a: identity %zu; b: identity %zu; w[a,b]", rows, cols);
  symo_world_parse(&w, text);
  symo_method method = soap();
  method.statistics_every = (uint64_t)every.statistics;
  symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, &method, dtype);
  dense_soap s = {
      rows, cols, {NULL}, {NULL}, symo_dense_new(rows, cols), symo_dense_new(rows, cols)};
  for (int k = 0; k < 2; k++) {
    size_t n = k == 0 ? rows : cols;
    s.l[k] = symo_dense_new(n, n);
    s.q[k] = symo_dense_new(n, n);
  }
  double *g = symo_dense_new(3, w.n), *found = g + w.n, *expected = found + w.n;
  for (int t = 1; t <= 20; t++) {
    symo_test_randn(w.rng, g, w.n);
    symo_rig_step(&rig, (t - 1) % every.bases == 0, g, found);
    soap_step(&s, t, every, 0.95, 0.9, 1e-8, g, expected);
    double error = symo_test_rel(found, expected, w.n);
    if (t == 1) error = symo_test_max(found, w.n);
    cr_assert(error <= limit, "%zu x %zu, step %d: %g", rows, cols, t, error);
  }
  for (int k = 0; k < 2; k++) {
    free(s.l[k]);
    free(s.q[k]);
  }
  free(s.m);
  free(s.v);
  free(g);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

/* Shapes that leave no or one dimension of a factor undecided at the start. */
Test(per_axis_basis, soap_is_the_published_rule) {
  check(4, 4, (cadence){1, 1}, SYMO_F64, 1e-8);
  check(5, 4, (cadence){1, 3}, SYMO_F64, 1e-8);
  check(3, 4, (cadence){1, 10}, SYMO_F64, 1e-8);
  check(4, 4, (cadence){1, 5}, SYMO_F32, 1e-3);
  check(4, 4, (cadence){3, 1}, SYMO_F64, 1e-8);
  check(4, 5, (cadence){2, 4}, SYMO_F64, 1e-8);
}

/* Nothing but Adam, one step late, where no axis has a factor: long axes, vectors, scalars. */
Test(per_axis_basis, with_the_identity_for_a_basis_is_adam) {
  static const char *const layouts[] = {"a: identity 5; b: identity 4; w[a,b]",
                                        "a: identity 5; w[a] s[]"};
  for (int k = 0; k < 4; k++) {
    symo_world w;
    symo_world_open(&w, 62);
    symo_world_parse(&w, layouts[k % 2]);
    symo_method method = soap();
    symo_dtype dtype = k / 2 == 0 ? SYMO_F64 : SYMO_F32;
    if (k % 2 == 0) method.max_dim = 3;
    symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, &method, dtype);
    cr_assert(symo_curvature_per_axis.num_roots(rig.self) == 0);
    double *g = symo_dense_new(4, w.n), *found = g + w.n, *m = found + w.n, *v = m + w.n;
    for (int t = 0; t <= 20; t++) {
      symo_test_randn(w.rng, g, w.n);
      symo_rig_step(&rig, true, g, found);
      for (size_t i = 0; i < w.n; i++) {
        double expected = 0;
        if (t > 0) {
          m[i] = 0.95 * m[i] + (1 - 0.95) * g[i];
          v[i] = 0.9 * v[i] + (1 - 0.9) * g[i] * g[i];
          expected = m[i] / (sqrt(v[i]) + 1e-8) * sqrt(1 - pow(0.9, t)) / (1 - pow(0.95, t));
        }
        cr_assert(fabs(found[i] - expected) <= symo_test_bound(dtype, 20, fmax(1, fabs(expected))));
      }
    }
    free(g);
    symo_rig_free(&rig);
    symo_world_close(&w);
  }
}

/* Q by QR is orthonormal, row k in the span of the first k + 1, also of dependent rows. */
Test(per_axis_basis, rows_become_orthonormal_in_order) {
  symo_world w;
  symo_world_open(&w, 66);
  for (int k = 0; k < 4; k++) {
    size_t n = k / 2 == 0 ? 7 : 70;
    symo_dtype dtype = k % 2 == 0 ? SYMO_F64 : SYMO_F32;
    double *a = symo_dense_new(n, n), *q = symo_dense_new(n, n);
    const double limit = symo_test_bound(dtype, n, 1);
    void *packed = malloc(n * n * sizeof *a), *work = malloc(symo_eigh_work(dtype, n));
    symo_test_randn(w.rng, a, n * n);
    for (size_t j = 0; j < n; j++) a[4 * n + j] = a[n + j]; /* dependent */
    symo_test_pack(dtype, a, packed, n * n);
    cr_assert(symo_orthonormal_rows(dtype, n, packed, work) == SYMO_OK);
    symo_test_unpack(dtype, packed, q, n * n);
    double *gram = product(n, n, n, q, false, q, true), *r = product(n, n, n, a, false, q, true);
    const double size = symo_dense_norm(n, a);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        cr_assert(fabs(gram[i * n + j] - (i == j ? 1 : 0)) <= limit);
        if (j > i) cr_assert(fabs(r[i * n + j]) <= limit * size);
      }
    free(a);
    free(q);
    free(packed);
    free(work);
    free(gram);
    free(r);
  }
  symo_world_close(&w);
}

static void rotate(size_t n, size_t lanes, const double *q, double *x) {
  double *y = product(n, n, lanes, q, false, x, false);
  memcpy(x, y, n * lanes * sizeof *x);
  free(y);
}

/* Rotating an axis rotates every step: order 3, all axes with factors. */
Test(per_axis_basis, steps_turn_with_an_axis) {
  symo_world w;
  symo_world_open(&w, 63);
  symo_world_parse(&w, "a: identity 4; b: identity 3; c: identity 5; w[a,b,c]");
  symo_method method = soap();
  method.eps = 0;
  symo_rig x = symo_rig_make(&w, &symo_curvature_per_axis, &method, SYMO_F64);
  symo_rig y = symo_rig_make(&w, &symo_curvature_per_axis, &method, SYMO_F64);
  double *g = symo_dense_new(3, w.n), *a = g + w.n, *b = a + w.n, value[4];
  double *random = symo_dense_new(4, 4), *q = symo_dense_new(4, 4);
  symo_test_randn(w.rng, random, 16);
  symo_dense_eigen(4, random, value, q);
  for (int t = 1; t <= 12; t++) {
    symo_test_randn(w.rng, g, w.n);
    symo_rig_step(&x, t % 2 == 0, g, a);
    rotate(4, 15, q, g);
    rotate(4, 15, q, a);
    symo_rig_step(&y, t % 2 == 0, g, b);
    if (t == 1) continue;
    double error = symo_test_rel(b, a, w.n);
    cr_assert(error <= 1e-8, "step %d: %g", t, error);
  }
  free(g);
  free(random);
  free(q);
  symo_rig_free(&x);
  symo_rig_free(&y);
  symo_world_close(&w);
}

Test(per_axis_basis, a_basis_that_serves_is_kept) {
  symo_world w;
  symo_world_open(&w, 64);
  symo_world_parse(&w, "a: identity 4; b: identity 4; w[a,b]");
  symo_method method = soap();
  method.skip_tolerance = 0.05;
  symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, &method, SYMO_F64);
  double *g = symo_dense_new(2, w.n), *found = g + w.n;
  symo_test_randn(w.rng, g, w.n);
  for (int t = 1; t <= 5; t++) { /* one gradient over and over: the basis is exact */
    symo_rig_step(&rig, true, g, found);
    cr_assert(rig.report.kept, "step %d", t);
  }
  symo_test_randn(w.rng, g, w.n);
  for (size_t i = 0; i < w.n; i++) g[i] *= 10;
  symo_rig_step(&rig, false, g, found);
  symo_rig_step(&rig, true, g, found);
  cr_assert(!rig.report.kept && rig.report.condition >= 1 && rig.report.effective_rank <= 4);
  free(g);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

Test(per_axis_basis, zero_tiny_and_large_gradients) {
  static const double sizes[] = {0, 1e-30, 1e30};
  for (int k = 0; k < 6; k++) {
    symo_world w;
    symo_world_open(&w, 65);
    symo_world_parse(&w, "a: identity 4; b: identity 3; w[a,b] v[a]");
    symo_method method = soap();
    symo_dtype dtype = k / 3 == 0 ? SYMO_F32 : SYMO_F64;
    if (k % 3 < 2) method.eps = 0;
    symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, &method, dtype);
    double *g = symo_dense_new(2, w.n), *found = g + w.n;
    symo_test_randn(w.rng, g, w.n);
    for (size_t i = 0; i < w.n; i++) g[i] *= sizes[k % 3];
    symo_test_vector x = symo_test_vector_make(w.layout, dtype, NULL);
    symo_test_vector y = symo_test_vector_make(w.layout, dtype, NULL);
    symo_test_vector_set(&x, g);
    for (int t = 1; t <= 3; t++) {
      rig.step.t = (uint64_t)t;
      symo_status status = symo_rig_refresh(&rig);
      if (status == SYMO_OK)
        status = symo_rig_apply(&rig, symo_test_in(&x), symo_test_in(&x), symo_test_out(&y));
      cr_assert(status == SYMO_OK);
      symo_test_vector_get(&y, found);
      cr_assert(isfinite(symo_test_max(found, w.n)), "case %d, step %d", k, t);
    }
    symo_test_vector_free(&x);
    symo_test_vector_free(&y);
    free(g);
    symo_rig_free(&rig);
    symo_world_close(&w);
  }
}
