/* Linear algebra against naive loops: both types, dense and transposed views, sizes 0, 1, odd. */
#include "core/linalg.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/testing.h"

enum { MOST = 80, GUARD = 7777 };

typedef struct kit {
  symo_rng *rng;
  symo_dtype dtype;
  double tolerance;
} kit;

static void for_each_case(uint64_t seed, int rounds, void (*check)(kit *k)) {
  symo_context *context = symo_test_context();
  kit k = {.rng = symo_test_rng(context, seed)};
  for (int i = 0; i < rounds; i++) {
    k.dtype = i % 2 ? SYMO_F32 : SYMO_F64;
    k.tolerance = i % 2 ? 2e-5 : 1e-13;
    check(&k);
  }
  symo_rng_destroy(k.rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

static double at(const kit *k, symo_mat a, size_t i, size_t j) {
  return symo_get(k->dtype, symo_at(k->dtype, a.p, (ptrdiff_t)i * a.rs + (ptrdiff_t)j * a.cs), 0);
}

static void put(const kit *k, symo_mat a, size_t i, size_t j, double x) {
  symo_put(k->dtype, symo_at(k->dtype, a.p, (ptrdiff_t)i * a.rs + (ptrdiff_t)j * a.cs), 0, x);
}

/* A random matrix in rows or columns, with a leading dimension that may be larger than needed; what
 * lies between is GUARD.  Freed through *memory. */
static symo_mat draw(const kit *k, size_t rows, size_t cols, bool row_major, void **memory) {
  size_t outer = row_major ? rows : cols, inner = row_major ? cols : rows;
  size_t ld = inner + (size_t)symo_rng_below(k->rng, 3), size = outer * ld + 1;
  if (ld == 0) ld = 1;
  *memory = malloc(size * sizeof(double) + 8);
  cr_assert(*memory != NULL);
  for (size_t i = 0; i < size; i++) symo_put(k->dtype, *memory, i, GUARD);
  symo_mat a = {*memory, rows, cols, row_major ? (ptrdiff_t)ld : 1, row_major ? 1 : (ptrdiff_t)ld};
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) put(k, a, i, j, symo_rng_normal(k->rng));
  return a;
}

static double *copy_of(const kit *k, symo_mat a) {
  double *out = malloc((a.rows * a.cols + 1) * sizeof *out);
  for (size_t i = 0; i < a.rows * a.cols; i++) out[i] = at(k, a, i / a.cols, i % a.cols);
  return out;
}

static void same(const kit *k, const char *what, symo_mat a, const double *wanted, bool lower) {
  for (size_t i = 0; i < a.rows; i++)
    for (size_t j = 0; j < (lower ? i + 1 : a.cols); j++) {
      double x = at(k, a, i, j), y = wanted[i * a.cols + j];
      cr_assert(fabs(x - y) <= k->tolerance * 10 * (1 + fabs(y)), "%s %zux%zu (%zu, %zu): %g, %g",
                what, a.rows, a.cols, i, j, x, y);
    }
}

static size_t size_of(const kit *k) {
  const size_t sizes[] = {1, 1, 2, 3, 5, 8, 17, 33};
  return sizes[symo_rng_below(k->rng, 8)];
}

static void check_gemm(kit *k) {
  void *ma, *mb, *mc;
  size_t m = size_of(k), n = size_of(k), p = symo_rng_below(k->rng, 9) ? size_of(k) : 0;
  const double betas[] = {0, 1, -0.5};
  double alpha = symo_rng_normal(k->rng), beta = betas[symo_rng_below(k->rng, 3)];
  symo_mat a = draw(k, m, p, symo_rng_below(k->rng, 2), &ma);
  symo_mat b = draw(k, p, n, symo_rng_below(k->rng, 2), &mb);
  symo_mat c = draw(k, m, n, symo_rng_below(k->rng, 2), &mc);
  double *wanted = copy_of(k, c);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      wanted[i * n + j] *= beta;
      for (size_t l = 0; l < p; l++) wanted[i * n + j] += alpha * at(k, a, i, l) * at(k, b, l, j);
      if (beta == 0) put(k, c, i, j, (double)NAN); /* is not read */
    }
  symo_gemm(k->dtype, alpha, a, b, beta, c);
  same(k, "gemm", c, wanted, false);
  free(ma);
  free(mb);
  free(mc);
  free(wanted);
}

Test(linalg, gemm) { for_each_case(181, 600, check_gemm); }

static void check_gemv(kit *k) {
  void *ma, *mx, *my;
  const size_t m = size_of(k), n = size_of(k);
  const double betas[] = {0, 1, -0.5};
  const double alpha = symo_rng_normal(k->rng), beta = betas[symo_rng_below(k->rng, 3)];
  const symo_mat a = draw(k, m, n, symo_rng_below(k->rng, 2), &ma);
  const symo_mat x = draw(k, 1, n, true, &mx), y = draw(k, 1, m, true, &my);
  double *wanted = copy_of(k, y);
  for (size_t i = 0; i < m; i++) {
    wanted[i] *= beta;
    for (size_t l = 0; l < n; l++) wanted[i] += alpha * at(k, a, i, l) * at(k, x, 0, l);
    if (beta == 0) put(k, y, 0, i, (double)NAN); /* is not read */
  }
  symo_gemv(k->dtype, alpha, a, x.p, beta, y.p);
  same(k, "gemv", y, wanted, false);
  free(ma);
  free(mx);
  free(my);
  free(wanted);
}

Test(linalg, gemv) { for_each_case(187, 600, check_gemv); }

/* syrk and syr2k into a block of a row-major matrix; only its lower triangle counts. */
static void check_syrk(kit *k) {
  void *ma, *mb, *mc;
  size_t m = size_of(k), n = size_of(k);
  const double betas[] = {0, 1, -0.5};
  double alpha = symo_rng_normal(k->rng), beta = betas[symo_rng_below(k->rng, 3)];
  bool two = symo_rng_below(k->rng, 2);
  symo_mat a = draw(k, m, n, symo_rng_below(k->rng, 2), &ma);
  symo_mat b = draw(k, m, n, symo_rng_below(k->rng, 2), &mb);
  symo_mat c = draw(k, n, n, true, &mc);
  double *wanted = copy_of(k, c);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      wanted[i * n + j] *= beta;
      for (size_t l = 0; l < m; l++)
        wanted[i * n + j] +=
            alpha * (two ? at(k, a, l, i) * at(k, b, l, j) + at(k, b, l, i) * at(k, a, l, j)
                         : at(k, a, l, i) * at(k, a, l, j));
      if (beta == 0) put(k, c, i, j, (double)NAN);
    }
  if (two)
    symo_syr2k(k->dtype, alpha, a, b, beta, c);
  else
    symo_syrk(k->dtype, alpha, a, beta, c);
  same(k, two ? "syr2k" : "syrk", c, wanted, true);
  free(ma);
  free(mb);
  free(mc);
  free(wanted);
}

Test(linalg, syrk_and_syr2k) { for_each_case(182, 600, check_syrk); }

static void check_vectors(kit *k) {
  double x[MOST], y[MOST], sum = 0, norm = 0, alpha = symo_rng_normal(k->rng);
  size_t n = (size_t)symo_rng_below(k->rng, MOST);
  for (size_t i = 0; i < MOST; i++) {
    symo_put(k->dtype, x, i, symo_rng_normal(k->rng));
    symo_put(k->dtype, y, i, symo_rng_normal(k->rng));
  }
  double wanted[MOST];
  for (size_t i = 0; i < n; i++) {
    double a = symo_get(k->dtype, x, i), b = symo_get(k->dtype, y, i);
    sum += a * b;
    norm += a * a;
    wanted[i] = b + alpha * a;
  }
  cr_assert(fabs(symo_dot(k->dtype, n, x, y) - sum) <= 10 * k->tolerance);
  cr_assert(fabs(symo_nrm2(k->dtype, n, x) - sqrt(norm)) <= 10 * k->tolerance);
  double guard = symo_get(k->dtype, y, n);
  symo_axpy(k->dtype, n, alpha, x, y);
  for (size_t i = 0; i < n; i++)
    cr_assert(fabs(symo_get(k->dtype, y, i) - wanted[i]) <= 10 * k->tolerance);
  symo_scal(k->dtype, n, -2, y);
  for (size_t i = 0; i < n; i++)
    cr_assert(fabs(symo_get(k->dtype, y, i) + 2 * wanted[i]) <= 20 * k->tolerance);
  cr_assert(symo_get(k->dtype, y, n) == guard);
}

Test(linalg, vectors) {
  for_each_case(183, 200, check_vectors);
  const float large[] = {3e30f, 4e30f};
  cr_assert(fabs(symo_nrm2(SYMO_F32, 2, large) / 5e30 - 1) <= 1e-6);
}

static void check_small(kit *k) {
  size_t n = (size_t)symo_rng_below(k->rng, MOST);
  void *memory;
  symo_mat a = draw(k, n, n, true, &memory);
  symo_mat dense = symo_mat_dense(memory, n, n);
  for (size_t i = 0; i < n * n; i++) symo_put(k->dtype, memory, i, symo_rng_normal(k->rng));
  a = dense;
  double *before = copy_of(k, a), trace = 0;
  symo_symmetrize(k->dtype, n, memory);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      cr_assert(at(k, a, i, j) == before[i >= j ? i * n + j : j * n + i], "%zu, %zu", i, j);
  for (size_t i = 0; i < n; i++) trace += before[i * n + i];
  symo_add_diagonal(k->dtype, n, 2, memory);
  cr_assert(fabs(symo_trace(k->dtype, n, memory) - trace - 2 * (double)n) <=
            100 * k->tolerance * (1 + (double)n));
  cr_assert(symo_all_finite(k->dtype, n * n, memory));
  if (n > 0) {
    symo_put(k->dtype, memory, n * n - 1, (double)NAN);
    cr_assert_not(symo_all_finite(k->dtype, n * n, memory));
    symo_put(k->dtype, memory, n * n - 1, -(double)INFINITY);
    cr_assert_not(symo_all_finite(k->dtype, n * n, memory));
    symo_mat rows = symo_mat_rows(k->dtype, a, n - 1, 1),
             cols = symo_mat_cols(k->dtype, a, n - 1, 1);
    cr_assert(rows.rows == 1 && rows.cols == n && cols.rows == n && cols.cols == 1);
    cr_assert(isinf(at(k, rows, 0, n - 1)) && isinf(at(k, cols, n - 1, 0)));
  }
  free(before);
  free(memory);
}

Test(linalg, small_things) {
  for_each_case(184, 100, check_small);
  cr_assert(symo_epsilon(SYMO_F32) == (double)FLT_EPSILON && symo_epsilon(SYMO_F64) == DBL_EPSILON);
  cr_assert(strlen(symo_linalg_info()) > 0);
}

/* ---- decompositions ---------------------------------------------------------------------------
 */

/* A random symmetric matrix (lower triangle; the upper one is GUARD), or one of the given rank. */
static double *draw_symmetric(kit *k, size_t n, size_t rank, void **memory) {
  double *a = calloc(n * n + 1, sizeof *a), *r = calloc(n * n + 1, sizeof *r);
  *memory = malloc((n * n + 1) * sizeof(double));
  symo_test_randn(k->rng, r, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = rank == 0 ? r[i * n + j] : 0;
      for (size_t l = 0; l < rank && l < n; l++) sum += r[l * n + i] * r[l * n + j] / (double)n;
      symo_put(k->dtype, *memory, i * n + j, sum);
      symo_put(k->dtype, *memory, j * n + i, i == j ? sum : GUARD);
      a[i * n + j] = a[j * n + i] = symo_get(k->dtype, *memory, i * n + j);
    }
  free(r);
  return a;
}

static void check_eigh(kit *k) {
  size_t n = 1 + (size_t)symo_rng_below(k->rng, MOST),
         rank = (size_t)symo_rng_below(k->rng, 2) * (n / 2);
  void *v, *again, *work = malloc(symo_eigh_work(k->dtype, n)), *c = malloc(n * n * sizeof(double));
  void *scratch = malloc(n * n * sizeof(double));
  double *a = draw_symmetric(k, n, rank, &v), *w = malloc(n * sizeof *w),
         *w2 = malloc(n * sizeof *w2);
  double limit = 20 * k->tolerance * sqrt((double)n);
  again = malloc(n * n * sizeof(double));
  memcpy(again, v, n * n * symo_dtype_size(k->dtype));
  cr_assert_eq(symo_eigh(k->dtype, n, v, w, work), SYMO_OK);
  cr_assert_eq(symo_eigvalsh(k->dtype, n, again, w2, work), SYMO_OK);
  double largest = fmax(fabs(w[0]), fabs(w[n - 1]));
  for (size_t i = 0; i < n; i++) {
    cr_assert(i == 0 || w[i - 1] <= w[i]);
    cr_assert(fabs(w[i] - w2[i]) <= limit * largest);
    for (size_t j = 0; j < n; j++) { /* rows are eigenvectors, orthonormal */
      double dot = 0, av = 0;
      for (size_t l = 0; l < n; l++) {
        dot += symo_get(k->dtype, v, i * n + l) * symo_get(k->dtype, v, j * n + l);
        av += a[j * n + l] * symo_get(k->dtype, v, i * n + l);
      }
      cr_assert(fabs(dot - (i == j)) <= limit, "%zu, %zu: %g", i, j, dot);
      cr_assert(fabs(av - w[i] * symo_get(k->dtype, v, i * n + j)) <= limit * (1 + largest));
    }
  }
  symo_mat out = symo_mat_dense(c, n, n);
  for (int sign = 0; sign < 2; sign++) { /* f = w, and f = |w| with every third zero */
    double *f = malloc(n * sizeof *f), *wanted = calloc(n * n, sizeof *wanted);
    for (size_t i = 0; i < n; i++) f[i] = sign ? (i % 3 ? fabs(w[i]) : 0) : w[i];
    for (size_t i = 0; i < n * n; i++)
      for (size_t l = 0; l < n; l++)
        wanted[i] +=
            f[l] * symo_get(k->dtype, v, l * n + i / n) * symo_get(k->dtype, v, l * n + i % n);
    symo_from_eigh(k->dtype, n, v, f, scratch, c);
    for (size_t i = 0; i < n * n; i++) {
      cr_assert(fabs(symo_get(k->dtype, c, i) - wanted[i]) <= limit * (1 + largest));
      cr_assert(at(k, out, i / n, i % n) == at(k, out, i % n, i / n));
      if (!sign) cr_assert(fabs(wanted[i] - a[i]) <= 10 * limit * (1 + largest));
    }
    free(f);
    free(wanted);
  }
  free(a);
  free(v);
  free(w);
  free(w2);
  free(work);
  free(scratch);
  free(c);
  free(again);
}

Test(linalg, eigenvalues_and_vectors) { for_each_case(185, 60, check_eigh); }

Test(linalg, eigh_of_nothing_and_of_infinity) {
  double a[1] = {3}, w[1] = {0}, work[200];
  cr_assert(symo_eigh_work(SYMO_F64, 1) <= sizeof work);
  cr_assert_eq(symo_eigh(SYMO_F64, 0, a, w, work), SYMO_OK);
  cr_assert_eq(symo_eigvalsh(SYMO_F64, 0, a, w, work), SYMO_OK);
  cr_assert_eq(symo_eigh(SYMO_F64, 1, a, w, work), SYMO_OK);
  cr_assert(w[0] == 3 && a[0] == 1);
  a[0] = (double)NAN;
  cr_assert_eq(symo_eigh(SYMO_F64, 1, a, w, work), SYMO_E_NUMERIC);
  double zero[4] = {1, 1, 1, 1}, f[2] = {0, 0}, scratch[4], c[4] = {5, 5, 5, 5};
  symo_from_eigh(SYMO_F64, 2, zero, f, scratch, c);
  for (int i = 0; i < 4; i++) cr_assert(c[i] == 0);
}

/* Cholesky factor, its condition, and products and solves with it from both sides. */
static void check_cholesky(kit *k) {
  size_t n = 1 + (size_t)symo_rng_below(k->rng, 40), cols = size_of(k);
  void *l, *mb, *work = malloc(symo_eigh_work(k->dtype, n));
  double *a = draw_symmetric(k, n, n, &l), rcond = -1, limit = 100 * k->tolerance * (double)n;
  for (size_t i = 0; i < n; i++) a[i * n + i] += 1;
  symo_add_diagonal(k->dtype, n, 1, l);
  cr_assert_eq(symo_cholesky(k->dtype, n, l, &rcond, work), SYMO_OK);
  cr_assert(rcond > 1e-3 && rcond <= 1 + 1e-5, "%g", rcond);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = 0;
      for (size_t p = 0; p <= j; p++)
        sum += symo_get(k->dtype, l, i * n + p) * symo_get(k->dtype, l, j * n + p);
      cr_assert(fabs(sum - a[i * n + j]) <= limit, "%zu, %zu: %g, %g", i, j, sum, a[i * n + j]);
    }
  for (int way = 0; way < 4; way++) {
    bool transpose = way & 1;
    symo_mat b = draw(k, n, cols, way & 2, &mb);
    double *before = copy_of(k, b), *wanted = calloc(n * cols, sizeof *wanted);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < cols; j++)
        for (size_t p = 0; p < n; p++) {
          size_t r = transpose ? p : i, c = transpose ? i : p;
          if (c <= r)
            wanted[i * cols + j] += symo_get(k->dtype, l, r * n + c) * before[p * cols + j];
        }
    symo_trmm(k->dtype, n, l, transpose, b);
    same(k, "trmm", b, wanted, false);
    double kept = k->tolerance;
    k->tolerance = limit;
    symo_trsm(k->dtype, n, l, transpose, b);
    same(k, "trsm", b, before, false);
    k->tolerance = kept;
    free(mb);
    free(before);
    free(wanted);
  }
  free(a);
  free(l);
  free(work);
}

Test(linalg, cholesky_and_triangles) { for_each_case(186, 200, check_cholesky); }

/* One row or one column stored in every way that a view of it can have. */
Test(linalg, triangles_on_thin_views) {
  double l1[1] = {2}, b[6] = {2, 4, 6, 8, 10, 12}, l2[4] = {2, GUARD, 1, 4}, c[2] = {4, 10};
  symo_trsm(SYMO_F64, 1, l1, false, symo_mat_t(symo_mat_dense(b, 6, 1)));
  for (int i = 0; i < 6; i++) cr_assert(b[i] == i + 1);
  symo_trsm(SYMO_F64, 1, l1, true, symo_mat_dense(b, 1, 6));
  for (int i = 0; i < 6; i++) cr_assert(b[i] == (i + 1) / 2.0);
  symo_trmm(SYMO_F64, 1, l1, true, (symo_mat){b, 1, 3, 1, 2});
  cr_assert(b[0] == 1 && b[1] == 1 && b[2] == 3 && b[3] == 2 && b[4] == 5 && b[5] == 3);
  symo_trsm(SYMO_F64, 2, l2, false, symo_mat_t(symo_mat_dense(c, 1, 2)));
  cr_assert(c[0] == 2 && c[1] == 2);
  symo_trmm(SYMO_F64, 2, l2, false, symo_mat_dense(c, 2, 1));
  cr_assert(c[0] == 4 && c[1] == 10);
}

Test(linalg, cholesky_refuses_what_is_not_definite) {
  double a[4] = {1, GUARD, 2, 1}, work[400];
  cr_assert_eq(symo_cholesky(SYMO_F64, 2, a, NULL, work), SYMO_INDEFINITE);
  float f[4] = {0, GUARD, 0, 1};
  cr_assert_eq(symo_cholesky(SYMO_F32, 2, f, NULL, work), SYMO_INDEFINITE);
  double fine[4] = {4, GUARD, 2, 5};
  cr_assert_eq(symo_cholesky(SYMO_F64, 2, fine, NULL, work), SYMO_OK);
  cr_assert(fine[0] == 2 && fine[2] == 1 && fine[3] == 2);
}

Test(linalg, haar_matrices_are_orthogonal) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 187);
  for (size_t n = 1; n <= 70; n += n < 6 ? 1 : 13) {
    size_t bytes = symo_eigh_work(SYMO_F64, n);
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b),
           *tau = malloc(n * sizeof *tau);
    void *work = malloc(bytes);
    symo_test_randn(rng, a, n * n);
    memcpy(b, a, n * n * sizeof *a);
    cr_assert_eq(symo_haar_orthogonal(n, a, tau, work, bytes), SYMO_OK);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double dot = 0, r = 0;
        for (size_t l = 0; l < n; l++) {
          dot += a[i * n + l] * a[j * n + l];
          r +=
              a[i * n + l] * b[j * n + l]; /* Q'B in columns: upper triangular, positive diagonal */
        }
        cr_assert(fabs(dot - (i == j)) <= 1e-13 * (double)n);
        if (i == j) cr_assert(r > 0, "n = %zu: R_%zu%zu = %g", n, i, i, r);
        if (i > j) cr_assert(fabs(r) <= 1e-12 * (double)n);
      }
    free(a);
    free(b);
    free(tau);
    free(work);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
