/* The K-FAC operator against dense matrices in float64: products, damping, powers, determinants,
 * samples, low rank, second moments, files. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/dense.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

#include <symo/io.h>

/* W [3, 4] with a bias behind two parameters of no site, and a table of five entries of width 2. */
enum { SITES = 2, SIZE = 2 + 12 + 3 + 10, ROWS = 9 };
static const symo_factor_site sites[SITES] = {
    {.weight = 2, .bias = 14, .outputs = 3, .inputs = 4},
    {.weight = 17, .bias = SYMO_NONE, .outputs = 2, .inputs = 5, .table = true}};
static const double rest[2] = {0.7, 1.9};

typedef struct kfac_case {
  symo_context *context;
  symo_rng *rng;
  symo_kfac *kfac;
  double a[ROWS * 5], d[ROWS * 3], e[ROWS * 2];
  uint32_t index[ROWS];
  double factor_a[SITES][25], factor_g[SITES][9]; /* by loops */
} kfac_case;

static size_t width(size_t s) { return sites[s].inputs + (sites[s].bias != SYMO_NONE ? 1 : 0); }

static size_t place(size_t s, size_t i, size_t j) {
  if (sites[s].table) return sites[s].weight + j * sites[s].outputs + i;
  return j < sites[s].inputs ? sites[s].weight + i * sites[s].inputs + j : sites[s].bias + i;
}

static void outer(size_t n, size_t m, const double *x, double *out) {
  for (size_t i = 0; i < m * m; i++) {
    out[i] = 0;
    for (size_t r = 0; r < n; r++) out[i] += x[r * m + i / m] * x[r * m + i % m] / (double)n;
  }
}

static void set_site(kfac_case *c, size_t s, symo_dtype dtype) {
  double inputs[25] = {0}, outputs[9] = {0};
  float narrow[4][ROWS * 5];
  symo_factor_sums sums = {
      .dtype = dtype, .bias = sites[s].bias != SYMO_NONE, .inputs = inputs, .outputs = outputs};
  const double *d = s == 0 ? c->d : c->e;
  symo_factor_rows rows = {.examples = ROWS, .repeats = 1, .outputs = d};
  double plain[ROWS * 4];
  for (size_t i = 0; i < ROWS * 4; i++) plain[i] = c->a[i / 4 * 5 + i % 4];
  rows.inputs = plain;
  if (dtype == SYMO_F32) {
    sums.inputs = narrow[0], sums.outputs = narrow[1];
    symo_test_narrow(plain, narrow[2], ROWS * 4);
    symo_test_narrow(d, narrow[3], ROWS * sites[s].outputs);
    rows.inputs = narrow[2], rows.outputs = narrow[3];
  }
  if (s == 1) rows.inputs = NULL, rows.indices = c->index;
  symo_factor_sums_clear(&sites[s], &sums);
  cr_ok(c->context, symo_factor_sums_add(c->context, &sites[s], &sums, &rows));
  cr_ok(c->context, symo_kfac_set(c->kfac, s, &sums));
}

static kfac_case open_case(symo_dtype dtype) {
  kfac_case c = {.context = symo_test_context()};
  double diagonal[SIZE] = {0}, units[ROWS * 5] = {0};
  c.rng = symo_test_rng(c.context, 12);
  cr_ok(c.context, symo_kfac_create(c.context, SIZE, SITES, sites, &c.kfac));
  symo_test_randn(c.rng, c.a, ROWS * 5);
  symo_test_randn(c.rng, c.d, ROWS * 3);
  symo_test_randn(c.rng, c.e, ROWS * 2);
  for (size_t r = 0; r < ROWS; r++) {
    c.a[r * 5 + 4] = 1;
    c.index[r] = (uint32_t)(r < 5 ? r : r * r % 5);
    units[r * 5 + c.index[r]] = 1;
  }
  outer(ROWS, 5, c.a, c.factor_a[0]);
  outer(ROWS, 3, c.d, c.factor_g[0]);
  outer(ROWS, 5, units, c.factor_a[1]);
  outer(ROWS, 2, c.e, c.factor_g[1]);
  for (size_t s = 0; s < SITES; s++) set_site(&c, s, dtype);
  memcpy(diagonal, rest, sizeof rest);
  cr_ok(c.context, symo_kfac_set_diagonal(c.kfac, diagonal));
  return c;
}

static void close_case(kfac_case *c) {
  symo_kfac_destroy(c->kfac);
  symo_rng_destroy(c->rng);
  symo_context_destroy(c->context);
  cr_no_leaks();
}

static double trace(size_t n, const double *a) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i * n + i];
  return sum;
}

/* The damped matrix, by its definition. */
static double *dense_of(const kfac_case *c, symo_kfac_damping damping, double lambda) {
  double *out = symo_dense_new(SIZE, SIZE);
  for (size_t i = 0; i < 2; i++) out[i * SIZE + i] = rest[i] + lambda;
  for (size_t s = 0; s < SITES; s++) {
    const size_t m = width(s), n = sites[s].outputs;
    const double *a = c->factor_a[s], *g = c->factor_g[s], root = sqrt(lambda);
    const double pi =
        damping == SYMO_KFAC_FACTORED ? sqrt(trace(m, a) / (double)m * (double)n / trace(n, g)) : 1;
    for (size_t e = 0; e < n * m; e++)
      for (size_t f = 0; f < n * m; f++) {
        double x = g[e / m * n + f / m], y = a[e % m * m + f % m];
        if (damping != SYMO_KFAC_EXACT) {
          x += e / m == f / m ? root / pi : 0;
          y += e % m == f % m ? root * pi : 0;
        }
        out[place(s, e / m, e % m) * SIZE + place(s, f / m, f % m)] =
            x * y + (damping == SYMO_KFAC_EXACT && e == f ? lambda : 0);
      }
  }
  return out;
}

static const symo_kfac_damping dampings[] = {SYMO_KFAC_EXACT, SYMO_KFAC_FACTORED, SYMO_KFAC_PLAIN};

Test(kfac, products_and_dense) {
  for (int t = 0; t < 2; t++) {
    kfac_case c = open_case(t == 0 ? SYMO_F64 : SYMO_F32);
    double x[SIZE], y[SIZE], want[SIZE], dense[SIZE * SIZE];
    double *exact = dense_of(&c, SYMO_KFAC_EXACT, 0);
    const double bound = symo_test_bound(t == 0 ? SYMO_F64 : SYMO_F32, ROWS, 10);
    symo_test_randn(c.rng, x, SIZE);
    cr_ok(c.context, symo_kfac_matvec(c.kfac, x, y));
    symo_dense_matvec(SIZE, exact, x, want);
    cr_assert(symo_test_rel(y, want, SIZE) <= bound, "%g", symo_test_rel(y, want, SIZE));
    cr_ok(c.context, symo_kfac_dense(c.kfac, 1, SYMO_KFAC_EXACT, 0, dense));
    cr_assert(symo_test_rel(dense, exact, SIZE * SIZE) <= bound);
    cr_assert(fabs(symo_kfac_trace(c.kfac) / trace(SIZE, exact) - 1) <= bound);
    double values[SIZE], w[SIZE], v[SIZE * SIZE], squares = 0, all = 0;
    cr_ok(c.context, symo_kfac_eigenvalues(c.kfac, values));
    symo_dense_eigen(SIZE, exact, w, v);
    for (size_t i = 0; i < SIZE; i++) squares += values[i] * values[i], all += w[i] * w[i];
    cr_assert(fabs(squares / all - 1) <= bound);
    free(exact);
    close_case(&c);
  }
}

Test(kfac, damping_and_powers) {
  kfac_case c = open_case(SYMO_F64);
  static const double powers[] = {-1, -0.5, 0.5, 1, 2};
  for (size_t d = 0; d < 3; d++)
    for (size_t l = 0; l < 2; l++)
      for (size_t p = 0; p < 5; p++) {
        const double lambda = l == 0 ? 0.01 : 2;
        double *damped = dense_of(&c, dampings[d], lambda);
        double *power = symo_dense_power(SIZE, damped, powers[p], 0), x[SIZE], y[SIZE], want[SIZE];
        const double condition = symo_dense_condition(SIZE, damped, 0);
        double *dense = symo_dense_new(SIZE, SIZE);
        symo_test_randn(c.rng, x, SIZE);
        symo_dense_matvec(SIZE, power, x, want);
        cr_ok(c.context, symo_kfac_power(c.kfac, powers[p], dampings[d], lambda, x, y));
        const double error = symo_test_rel(y, want, SIZE);
        cr_assert(error <= symo_test_bound(SYMO_F64, SIZE, condition * condition), "%zu %g %g: %g",
                  d, lambda, powers[p], error);
        cr_ok(c.context, symo_kfac_dense(c.kfac, powers[p], dampings[d], lambda, dense));
        cr_assert(symo_test_rel(dense, power, SIZE * SIZE) <=
                  symo_test_bound(SYMO_F64, SIZE, condition * condition));
        free(damped), free(power), free(dense);
      }
  close_case(&c);
}

Test(kfac, determinants_solutions_and_samples) {
  enum { DRAWS = 4000 };
  kfac_case c = open_case(SYMO_F64);
  for (size_t d = 0; d < 3; d++) {
    double *damped = dense_of(&c, dampings[d], 0.3), w[SIZE], v[SIZE * SIZE], sum = 0, logdet;
    double x[SIZE], y[SIZE], back[SIZE];
    symo_dense_eigen(SIZE, damped, w, v);
    for (size_t i = 0; i < SIZE; i++) sum += log(w[i]);
    cr_ok(c.context, symo_kfac_logdet(c.kfac, dampings[d], 0.3, &logdet));
    cr_assert(fabs(logdet - sum) <= 1e-12 * SIZE, "%g %g", logdet, sum);
    symo_test_randn(c.rng, x, SIZE);
    cr_ok(c.context, symo_kfac_solve(c.kfac, dampings[d], 0.3, x, y));
    symo_dense_matvec(SIZE, damped, y, back);
    cr_assert(symo_test_rel(back, x, SIZE) <= 1e-12);
    /* The mean of (x'z)^2 is x'Ax, with a standard error of sqrt(2 / draws) of it. */
    double mean = 0, want = 0, sample[SIZE];
    for (size_t i = 0; i < SIZE; i++) want += x[i] * y[i];
    for (int k = 0; k < DRAWS; k++) {
      double dot = 0;
      cr_ok(c.context, symo_kfac_sample(c.kfac, dampings[d], 0.3, c.rng, sample));
      for (size_t i = 0; i < SIZE; i++) dot += sample[i] * x[i];
      mean += dot * dot / DRAWS;
    }
    cr_assert(fabs(mean / want - 1) <= 5 * sqrt(2.0 / DRAWS), "%g %g", mean, want);
    free(damped);
  }
  close_case(&c);
}

/* Without damping: powers on the range alone, and no determinant. */
Test(kfac, singular_matrices) {
  symo_context *context = symo_test_context();
  symo_kfac *kfac = NULL;
  double inputs[25], outputs[9], x[SIZE], y[SIZE], z[SIZE], logdet = 7;
  cr_ok(context, symo_kfac_create(context, SIZE, SITES, sites, &kfac));
  symo_factor_sums sums = {.dtype = SYMO_F64, .bias = true, .inputs = inputs, .outputs = outputs};
  const double a[] = {1, 2, -1, 0.5}, d[] = {3, 0, -2};
  const symo_factor_rows rows = {.examples = 1, .repeats = 1, .inputs = a, .outputs = d};
  symo_factor_sums_clear(&sites[0], &sums);
  cr_ok(context, symo_factor_sums_add(context, &sites[0], &sums, &rows));
  cr_ok(context, symo_kfac_set(kfac, 0, &sums));
  for (size_t i = 0; i < SIZE; i++) x[i] = 1 + (double)i;
  cr_ok(context, symo_kfac_matvec(kfac, x, y));
  cr_ok(context, symo_kfac_solve(kfac, SYMO_KFAC_EXACT, 0, y, z));
  cr_ok(context, symo_kfac_matvec(kfac, z, x));
  cr_assert(symo_test_rel(x, y, SIZE) <= 1e-12);
  cr_fails(context, SYMO_SINGULAR, "damping", symo_kfac_logdet(kfac, SYMO_KFAC_EXACT, 0, &logdet));
  cr_assert(logdet == 7);
  symo_kfac_destroy(kfac);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- low rank ---- */

/* The leading part of a factor and the mean of the rest, by GSL. */
static void truncated(size_t n, size_t k, double *a) {
  double w[5], v[25], tail = 0, out[25] = {0};
  symo_dense_eigen(n, a, w, v);
  for (size_t i = 0; i + k < n; i++) tail += w[i] / (double)(n - k);
  for (size_t i = 0; i < n * n; i++)
    for (size_t e = 0; e < n; e++)
      out[i] += v[i / n * n + e] * v[i % n * n + e] * (e + k < n ? tail : w[e]);
  memcpy(a, out, n * n * sizeof *a);
}

Test(kfac, low_rank) {
  static const struct {
    size_t rank, inputs, outputs;
  } rows[] = {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 3}, {5, 5, 3}};
  for (size_t k = 0; k < 5; k++)
    for (size_t d = 0; d < 3; d++) {
      kfac_case c = open_case(SYMO_F64);
      double x[SIZE], y[SIZE], back[SIZE], logdet, sum = 0, w[SIZE], v[SIZE * SIZE];
      cr_ok(c.context, symo_kfac_truncate(c.kfac, (double)rows[k].rank, 1));
      truncated(5, rows[k].inputs, c.factor_a[0]);
      truncated(3, rows[k].outputs, c.factor_g[0]);
      truncated(2, rows[k].outputs < 2 ? 1 : 2, c.factor_g[1]);
      double *damped = dense_of(&c, dampings[d], 0.2);
      symo_test_randn(c.rng, x, SIZE);
      cr_ok(c.context, symo_kfac_solve(c.kfac, dampings[d], 0.2, x, y));
      symo_dense_matvec(SIZE, damped, y, back);
      cr_assert(symo_test_rel(back, x, SIZE) <= 1e-12, "rank %zu, damping %zu: %g", rows[k].rank, d,
                symo_test_rel(back, x, SIZE));
      cr_ok(c.context, symo_kfac_logdet(c.kfac, dampings[d], 0.2, &logdet));
      symo_dense_eigen(SIZE, damped, w, v);
      for (size_t i = 0; i < SIZE; i++) sum += log(w[i]);
      cr_assert(fabs(logdet - sum) <= 1e-11, "%g %g", logdet, sum);
      free(damped);
      close_case(&c);
    }
}

/* A share of the trace, with a cap; a fraction of the dimension. */
Test(kfac, ranks_by_fraction_and_share) {
  kfac_case c = open_case(SYMO_F64), s = open_case(SYMO_F64);
  const double whole = symo_kfac_stored(c.kfac);
  cr_ok(c.context, symo_kfac_truncate(c.kfac, 0.4, 1)); /* 2 of 5, 2 of 3, 1 of 2 */
  cr_assert(symo_kfac_stored(c.kfac) == 2 + (12 + 1) + (8 + 1) + 5 + (3 + 1));
  cr_assert(symo_kfac_stored(c.kfac) != whole);
  cr_ok(s.context, symo_kfac_truncate(s.kfac, 5, 1e-3)); /* the first pair has more */
  cr_assert(symo_kfac_stored(s.kfac) == 2 + (6 + 1) + (4 + 1) + 5 + (3 + 1));
  cr_fails(c.context, SYMO_E_ARGUMENT, "rank", symo_kfac_truncate(c.kfac, 0, 1));
  cr_fails(c.context, SYMO_E_ARGUMENT, "share", symo_kfac_truncate(c.kfac, 1, 0));
  symo_kfac_destroy(s.kfac);
  symo_rng_destroy(s.rng);
  symo_context_destroy(s.context);
  close_case(&c);
}

/* ---- second moments ---- */

/* The diagonal, in the eigenbasis, of the mean of g g' over the examples. */
static void add_moments(kfac_case *c) {
  double moments[15], want = 0, got = 0;
  const double *u = NULL, *v = NULL;
  cr_ok(c->context, symo_kfac_basis(c->kfac, 0, &v, &u));
  symo_factor_sums sums = {
      .dtype = SYMO_F64, .bias = true, .input_basis = v, .output_basis = u, .moments = moments};
  double plain[ROWS * 4];
  for (size_t i = 0; i < ROWS * 4; i++) plain[i] = c->a[i / 4 * 5 + i % 4];
  const symo_factor_rows rows = {.examples = ROWS, .repeats = 1, .inputs = plain, .outputs = c->d};
  symo_factor_sums_clear(&sites[0], &sums);
  cr_ok(c->context, symo_factor_sums_add(c->context, &sites[0], &sums, &rows));
  cr_ok(c->context, symo_kfac_set_moments(c->kfac, 0, &sums));
  for (size_t i = 0; i < 15; i++) got += moments[i];
  for (size_t r = 0; r < ROWS; r++) {
    double a = 0, d = 0;
    for (size_t i = 0; i < 5; i++) a += c->a[r * 5 + i] * c->a[r * 5 + i];
    for (size_t i = 0; i < 3; i++) d += c->d[r * 3 + i] * c->d[r * 3 + i];
    want += a * d;
  }
  cr_assert(fabs(got / want - 1) <= 1e-13, "%g %g", got, want);
}

/* The distance of a matrix from the block of site 0 of the mean of g g'. */
static double distance(const kfac_case *c, const double *dense) {
  double sum = 0;
  for (size_t e = 0; e < 15; e++)
    for (size_t f = 0; f < 15; f++) {
      double exact = 0;
      for (size_t r = 0; r < ROWS; r++)
        exact += c->d[r * 3 + e / 5] * c->a[r * 5 + e % 5] * c->d[r * 3 + f / 5] *
                 c->a[r * 5 + f % 5] / ROWS;
      const double off = dense[place(0, e / 5, e % 5) * SIZE + place(0, f / 5, f % 5)] - exact;
      sum += off * off;
    }
  return sqrt(sum);
}

Test(kfac, moments_are_nearer_than_products) {
  kfac_case c = open_case(SYMO_F64);
  double dense[SIZE * SIZE], x[SIZE], y[SIZE], z[SIZE], more[2][SIZE * SIZE];
  cr_ok(c.context, symo_kfac_dense(c.kfac, 1, SYMO_KFAC_FACTORED, 0.1, more[0]));
  cr_ok(c.context, symo_kfac_dense(c.kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  for (size_t i = 0; i < SIZE * SIZE; i++) more[0][i] -= dense[i];
  const double before = distance(&c, dense);
  add_moments(&c);
  cr_ok(c.context, symo_kfac_dense(c.kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  const double after = distance(&c, dense);
  cr_assert(after < 0.98 * before, "%g, %g before", after, before);
  symo_test_randn(c.rng, x, SIZE);
  cr_ok(c.context, symo_kfac_solve(c.kfac, SYMO_KFAC_EXACT, 0.1, x, y));
  cr_ok(c.context, symo_kfac_matvec(c.kfac, y, z));
  for (size_t i = 0; i < SIZE; i++) z[i] += 0.1 * y[i];
  cr_assert(symo_test_rel(z, x, SIZE) <= 1e-12);
  /* Factored damping adds to moments what it adds to products. */
  cr_ok(c.context, symo_kfac_dense(c.kfac, 1, SYMO_KFAC_FACTORED, 0.1, more[1]));
  for (size_t i = 0; i < SIZE * SIZE; i++) more[1][i] -= dense[i];
  cr_assert(symo_test_rel(more[1], more[0], SIZE * SIZE) <= 1e-12);
  cr_fails(c.context, SYMO_E_UNSUPPORTED, "whole bases", symo_kfac_truncate(c.kfac, 2, 1));
  close_case(&c);
}

/* ---- files ---- */

static void same_after_file(kfac_case *c, const char *path) {
  symo_kfac *read = NULL;
  double x[SIZE], y[SIZE], z[SIZE];
  cr_ok(c->context, symo_kfac_write(c->kfac, path));
  cr_ok(c->context, symo_kfac_read(c->context, path, &read));
  symo_test_randn(c->rng, x, SIZE);
  cr_ok(c->context, symo_kfac_solve(c->kfac, SYMO_KFAC_EXACT, 0.1, x, y));
  cr_ok(c->context, symo_kfac_solve(read, SYMO_KFAC_EXACT, 0.1, x, z));
  cr_assert(memcmp(y, z, sizeof y) == 0);
  cr_assert(symo_kfac_stored(read) == symo_kfac_stored(c->kfac));
  symo_kfac_destroy(read);
}

Test(kfac, files) {
  kfac_case c = open_case(SYMO_F64);
  symo_kfac *empty = NULL, *read = NULL;
  const char *path = symo_test_path("kfac.safetensors");
  same_after_file(&c, path);
  add_moments(&c);
  same_after_file(&c, path);
  symo_kfac_destroy(c.kfac);
  cr_ok(c.context, symo_kfac_create(c.context, SIZE, SITES, sites, &c.kfac));
  same_after_file(&c, path); /* nothing is set */
  double logdet = 0;
  cr_ok(c.context, symo_kfac_logdet(c.kfac, SYMO_KFAC_EXACT, 0.3, &logdet));
  cr_assert(fabs(logdet - SIZE * log(0.3)) <= 1e-12 * SIZE, "the damping alone: %g", logdet);
  cr_fails(c.context, SYMO_E_IO, "no-such", symo_kfac_read(c.context, "no-such", &read));
  cr_ok(c.context, symo_kfac_create(c.context, 3, 0, NULL, &empty));
  cr_ok(c.context, symo_kfac_write(empty, path));
  cr_ok(c.context, symo_kfac_read(c.context, path, &read));
  cr_assert(symo_kfac_size(read) == 3);
  symo_kfac_destroy(read);
  symo_kfac_destroy(empty);
  close_case(&c);
}

/* ---- what is refused ---- */

Test(kfac, arguments) {
  kfac_case c = open_case(SYMO_F64);
  symo_factor_site wrong[SITES] = {sites[0], sites[1]};
  symo_kfac *kfac = NULL;
  double x[SIZE] = {0}, y[SIZE], inputs[25] = {0}, outputs[9] = {0};
  wrong[1].weight = 3;
  cr_fails(c.context, SYMO_E_ARGUMENT, "site 1",
           symo_kfac_create(c.context, SIZE, SITES, wrong, &kfac));
  wrong[1].weight = SIZE - 9;
  cr_fails(c.context, SYMO_E_ARGUMENT, "site 1",
           symo_kfac_create(c.context, SIZE, SITES, wrong, &kfac));
  cr_assert(kfac == NULL);
  cr_fails(c.context, SYMO_E_ARGUMENT, "damping",
           symo_kfac_solve(c.kfac, SYMO_KFAC_EXACT, -1, x, y));
  x[3] = NAN;
  cr_fails(c.context, SYMO_E_NONFINITE, "x holds", symo_kfac_matvec(c.kfac, x, y));
  symo_factor_sums sums = {.dtype = SYMO_F64, .bias = true, .inputs = inputs, .outputs = outputs};
  cr_fails(c.context, SYMO_E_ARGUMENT, "no examples", symo_kfac_set(c.kfac, 0, &sums));
  sums.input_count = sums.output_count = 1;
  cr_fails(c.context, SYMO_E_ARGUMENT, "with a bias", symo_kfac_set(c.kfac, 1, &sums));
  cr_fails(c.context, SYMO_E_ARGUMENT, "no site 2", symo_kfac_set(c.kfac, 2, &sums));
  for (size_t i = 0; i < 9; i += 4) { /* on the diagonal, and below it */
    outputs[i] = INFINITY;
    cr_fails(c.context, SYMO_E_NONFINITE, "site 0", symo_kfac_set(c.kfac, 0, &sums));
    outputs[i] = 0;
    inputs[10 + i / 4] = NAN;
    cr_fails(c.context, SYMO_E_NONFINITE, "site 0", symo_kfac_set(c.kfac, 0, &sums));
    inputs[10 + i / 4] = 0;
  }
  cr_fails(c.context, SYMO_E_ARGUMENT, "moments", symo_kfac_set_moments(c.kfac, 0, &sums));
  close_case(&c);
}
