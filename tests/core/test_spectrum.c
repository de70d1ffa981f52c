/* Functions of eigenvalues, against their definitions and the identities of the matrices they make.
 */
#include "core/spectrum.h"

#include <math.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "tests/support/testing.h"

enum { N = 24, CASES = 40 };

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};

typedef struct fixture {
  symo_rng *rng;
  double x[N * N], c[N * N], w[N], f[N], v[N * N]; /* room for either dtype */
  double product[N * N], other[N * N], root[N * N];
  char *work;
} fixture;

static symo_context *open(fixture *k, uint64_t seed) {
  symo_context *context = symo_test_context();
  cr_ok(context, symo_rng_create(context, seed, &k->rng));
  k->work = symo_malloc(symo_eigh_work(SYMO_F64, N));
  return context;
}

static void done(fixture *k, symo_context *context) {
  symo_free(k->work);
  symo_rng_destroy(k->rng);
  symo_free(k);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* C = scale X'X with X [rank, n] standard normal. */
static void draw(fixture *k, symo_dtype t, size_t rank, size_t n, double scale) {
  for (size_t i = 0; i < rank * n; i++) symo_put(t, k->x, i, symo_rng_normal(k->rng));
  symo_syrk(t, scale, symo_mat_dense(k->x, rank, n), 0, symo_mat_dense(k->c, n, n));
  symo_symmetrize(t, n, k->c);
}

/* out = C^power by eigendecomposition of a copy. */
static void raise(fixture *k, symo_dtype t, size_t n, const void *c, double power, void *out) {
  const symo_spectrum s = {.power = power, .tolerance = symo_rank_tolerance(t, n)};
  memcpy(k->v, c, n * n * symo_dtype_size(t));
  cr_assert_eq(symo_eigh(t, n, k->v, k->w, k->work), SYMO_OK);
  symo_spectrum_power(&s, n, k->w, k->f, NULL);
  symo_from_eigh(t, n, k->v, k->f, k->work, out);
}

/* |a - b|_F / |b|_F */
static double distance(symo_dtype t, size_t n, const void *a, const void *b) {
  double d = 0, all = 0;
  for (size_t i = 0; i < n * n; i++) {
    double x = symo_get(t, a, i), y = symo_get(t, b, i);
    d += (x - y) * (x - y), all += y * y;
  }
  return sqrt(d / all);
}

static size_t number_above_zero(size_t n, const double *f) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += f[i] > 0;
  return count;
}

/* The root squared is C, and C C^-1 C is C, of any rank and size; exactly `rank` eigenvalues count.
 */
Test(spectrum, powers_of_matrices_of_any_rank) {
  static const double scales[] = {1, 1e-30};
  fixture *k = symo_calloc(1, sizeof *k);
  symo_context *context = open(k, 20);
  for (size_t i = 0; i < 4 * CASES; i++) {
    symo_dtype t = dtypes[i % 2];
    size_t n = 3 + i % (N - 2), rank = i / 2 % 2 == 0 ? (n + 2) / 3 : n / 2 + 1;
    double u = symo_epsilon(t);
    draw(k, t, rank, n, scales[i / 4 % 2]);
    symo_mat c = symo_mat_dense(k->c, n, n), r = symo_mat_dense(k->root, n, n);
    symo_mat product = symo_mat_dense(k->product, n, n), other = symo_mat_dense(k->other, n, n);
    raise(k, t, n, k->c, 0.5, k->root);
    cr_assert_eq(number_above_zero(n, k->f), rank, "n %zu", n);
    symo_gemm(t, 1, r, r, 0, product);
    cr_assert(distance(t, n, k->product, k->c) <= 10 * (double)n * u);
    /* The condition of the part that counts. */
    double least = INFINITY, most = symo_spectrum_largest(n, k->w);
    for (size_t j = 0; j < n; j++)
      if (k->f[j] > 0) least = fmin(least, k->w[j]);
    raise(k, t, n, k->c, -1, k->root);
    cr_assert_eq(number_above_zero(n, k->f), rank);
    symo_gemm(t, 1, r, c, 0, product);
    symo_gemm(t, 1, c, product, 0, other);
    cr_assert(distance(t, n, k->other, k->c) <= 10 * (double)n * u * most / least);
  }
  done(k, context);
}

/* Gram matrices of one vector: rounding stays below the tolerance, 10 n eps of the largest. */
Test(spectrum, rounding_does_not_pass_for_rank) {
  fixture *k = symo_calloc(1, sizeof *k);
  symo_context *context = open(k, 21);
  for (size_t i = 0; i < 2000; i++) {
    symo_dtype t = dtypes[i % 2];
    size_t n = 2 + i % 8;
    draw(k, t, 1, n, 1);
    raise(k, t, n, k->c, 0.25, k->root);
    cr_assert_eq(number_above_zero(n, k->f), 1, "case %zu, n %zu, %s", i, n, symo_dtype_name(t));
  }
  done(k, context);
}

/* A running average b C + (1 - b) x x' of one x has rank one.  A step rounds an entry by eps at
 * most, so rounding adds up to eps / (1 - b) = 20 eps of |C|, which is within 10 n eps from n = 2
 * on.  It is often more than n eps: with that as the tolerance it would pass for rank.  Plain loops
 * round alike whatever BLAS there is. */
Test(spectrum, rounding_of_a_running_average_does_not_pass_for_rank) {
  enum { STEPS = 200 };
  const double b = 0.95;
  size_t above[2] = {0, 0};
  fixture *k = symo_calloc(1, sizeof *k);
  symo_context *context = open(k, 22);
  for (size_t i = 0; i < 2000; i++) {
    const symo_dtype t = dtypes[i % 2];
    const size_t n = 2 + i / 2 % 3;
    draw(k, t, 1, n, 0);
    for (size_t j = 0; j < STEPS * n * n; j++) {
      const size_t at = j % (n * n);
      const double square = symo_get(t, k->x, at / n) * symo_get(t, k->x, at % n);
      symo_put(t, k->c, at, b * symo_get(t, k->c, at));
      symo_put(t, k->c, at, symo_get(t, k->c, at) + (1 - b) * square);
    }
    raise(k, t, n, k->c, 0.5, k->root);
    cr_assert_eq(number_above_zero(n, k->f), 1, "case %zu, n %zu, %s", i, n, symo_dtype_name(t));
    const double zero = symo_spectrum_zero(n, k->w, (double)n * symo_epsilon(t));
    for (size_t j = 0; j + 1 < n; j++) above[i % 2] += k->w[j] > zero;
  }
  cr_assert(above[0] > 0 && above[1] > 0, "no case tells n eps from 10 n eps");
  done(k, context);
}

/* ---- the rule itself ---- */

Test(spectrum, one_rule_for_zero) {
  const double w[] = {-4, -1e-9, 0, 1e-9, 2};
  cr_assert(symo_spectrum_largest(5, w) == 4 && symo_spectrum_zero(5, w, 0.25) == 1);
  double f[5];
  symo_spectrum s = {.power = -0.5, .tolerance = 1e-8};
  symo_spectrum_power(&s, 5, w, f, NULL);
  cr_assert(f[0] == 0 && f[1] == 0 && f[2] == 0 && f[3] == 0 && f[4] == pow(2, -0.5));
  s.tolerance = 0; /* nothing above zero is lost */
  symo_spectrum_power(&s, 5, w, f, NULL);
  cr_assert(f[2] == 0 && f[3] == pow(1e-9, -0.5));
  s.power = 0;
  symo_spectrum_power(&s, 5, w, f, NULL);
  for (int i = 0; i < 5; i++) cr_assert(f[i] == 1);
}

Test(spectrum, zero_is_zero_and_has_no_condition) {
  const double powers[] = {0.5, 1, -0.25, -1};
  double w[3] = {0, -0.0, 0}, f[3];
  symo_spectrum_report report;
  for (int p = 0; p < 4; p++) {
    symo_spectrum s = {.power = powers[p], .tolerance = 1e-14};
    symo_spectrum_power(&s, 3, w, f, &report);
    for (int i = 0; i < 3; i++) cr_assert(f[i] == 0 && !signbit(f[i]));
    cr_assert(isnan(report.condition) && isnan(report.effective_rank));
  }
  symo_spectrum damped = {.power = -1, .eps = 0.5};
  symo_spectrum_power(&damped, 3, w, f, &report);
  cr_assert(f[0] == 2 && f[2] == 2 && report.condition == 1);
  symo_spectrum_power(&damped, 0, NULL, NULL, &report); /* none at all */
}

Test(spectrum, an_eps_below_rounding_does_not_blow_rounding_up) {
  double w[] = {-1e-17, 1e-18, 1}, f[3];
  symo_spectrum s = {.power = -1, .eps = 1e-30, .floor = 1e-10};
  symo_spectrum_report report;
  symo_spectrum_power(&s, 3, w, f, &report);
  cr_assert(f[0] == 1e10 && f[1] == 1e10 && f[2] == 1);
  cr_assert(fabs(report.condition * 1e-10 - 1) <= 1e-15);
  cr_assert(fabs(report.effective_rank - 1) <= 1e-15);
  s.floor = 0;
  symo_spectrum_power(&s, 3, w, f, NULL);
  cr_assert(fabs(f[0] * 1e-30 - 1) <= 1e-15 && f[2] == 1);
}

/* Wherever it stands, before or behind the largest. */
Test(spectrum, a_nan_stays_one) {
  for (int at = 0; at < 4; at++)
    for (int damped = 0; damped < 2; damped++) {
      double w[] = {1, 3, 2, (double)INFINITY}, f[4];
      symo_spectrum_report report;
      w[at] = NAN;
      cr_assert(isnan(symo_spectrum_largest(4, w)) && isnan(symo_spectrum_zero(4, w, 0.1)));
      symo_spectrum s = {.power = -0.5, .eps = damped, .tolerance = 0.1, .floor = 0.1};
      symo_spectrum_power(&s, 4, w, f, &report);
      cr_assert(isnan(f[at]));
      cr_assert(isnan(report.condition) && isnan(report.effective_rank));
    }
}
