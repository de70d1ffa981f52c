/* Half products, inverses from Cholesky factors and singular values, against naive loops. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/testing.h"

enum { MOST = 150 };

static double a[MOST * MOST], b[MOST * MOST], wanted[MOST * MOST], wide[MOST * MOST];
static double x[MOST * MOST], y[MOST * MOST], z[MOST * MOST]; /* room for both types */

static void multiply(size_t n, size_t k, size_t m, const double *p, const double *q, double *out) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++) {
      out[i * m + j] = 0;
      for (size_t l = 0; l < k; l++) out[i * m + j] += p[i * k + l] * q[l * m + j];
    }
}

/* p := p p' / n + I, of normal p. */
static void definite(symo_rng *rng, size_t n, double *p) {
  symo_test_randn(rng, wide, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      p[i * n + j] = i == j;
      for (size_t l = 0; l < n; l++) p[i * n + j] += wide[i * n + l] * wide[j * n + l] / (double)n;
    }
}

static void lower_to_full(size_t n, double *p) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) p[j * n + i] = p[i * n + j];
}

static const size_t sizes[] = {1, 2, 5, 33, 127, 128, 129, MOST};

Test(linalg_factors, gemm_lower_and_inverse) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 1);
  double *work = malloc(symo_eigh_work(SYMO_F64, MOST));
  for (size_t i = 0; i < 16; i++) {
    symo_dtype t = i % 2 ? SYMO_F32 : SYMO_F64;
    size_t n = sizes[i / 2];
    double tolerance = i % 2 ? 1e-5 : 1e-13;
    definite(rng, n, a);
    multiply(n, n, n, a, a, b); /* commutes with a */
    multiply(n, n, n, a, b, wanted);
    symo_test_pack(t, a, x, n * n);
    symo_test_pack(t, b, y, n * n);
    for (size_t j = 0; j < n * n; j++) symo_put(t, z, j, NAN);
    symo_gemm_lower(t, symo_mat_dense(x, n, n), symo_mat_dense(y, n, n), symo_mat_dense(z, n, n));
    symo_test_unpack(t, z, b, n * n);
    lower_to_full(n, b);
    cr_assert(symo_test_rel(b, wanted, n * n) <= tolerance, "%zu", n);
    cr_assert(symo_gemm_lower_flops(n) <= 2.0 * (double)(n * n * n));
    double rcond = 0;
    cr_ok(context, symo_cholesky(t, n, x, &rcond, work));
    cr_ok(context, symo_cholesky_invert(t, n, x));
    symo_test_unpack(t, x, b, n * n);
    lower_to_full(n, b);
    multiply(n, n, n, a, b, wanted);
    for (size_t j = 0; j < n; j++) wanted[j * n + j] -= 1;
    cr_assert(symo_test_max(wanted, n * n) <= 100 * tolerance, "%zu", n);
  }
  free(work);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(linalg_factors, singular_values) {
  static const size_t shapes[][2] = {{1, 1},   {1, 9},   {9, 1},   {5, 5},
                                     {3, 150}, {150, 3}, {40, 30}, {30, 40}};
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 2);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    size_t rows = shapes[i][0], cols = shapes[i][1], n = rows < cols ? rows : cols;
    double w[MOST], *work = malloc(symo_svd_work(rows, cols));
    symo_test_randn(rng, a, rows * cols);
    memcpy(x, a, rows * cols * sizeof *x);
    cr_ok(context, symo_svd(rows, cols, x, w, y, work));
    for (size_t k = 0; k < n; k++) {
      cr_assert(w[k] >= 0 && (k == 0 || w[k] <= w[k - 1]));
      for (size_t j = 0; j < n; j++) z[k * n + j] = w[rows <= cols ? j : k] * y[k * n + j];
    }
    if (rows <= cols)
      multiply(rows, n, cols, z, x, wanted);
    else
      multiply(rows, n, cols, x, z, wanted);
    cr_assert(symo_test_rel(wanted, a, rows * cols) <= 1e-13, "%zux%zu", rows, cols);
    for (size_t p = 0; p < n; p++)
      for (size_t q = 0; q < n; q++) { /* both factors are orthonormal */
        double large = p == q ? -1 : 0, small = large;
        size_t m = rows <= cols ? cols : rows;
        for (size_t l = 0; l < m; l++)
          large += rows <= cols ? x[p * m + l] * x[q * m + l] : x[l * n + p] * x[l * n + q];
        for (size_t l = 0; l < n; l++) small += y[p * n + l] * y[q * n + l];
        cr_assert(fabs(large) <= 1e-13 && fabs(small) <= 1e-13);
      }
    free(work);
  }
  double w[2], work[1];
  cr_assert(symo_svd(SYMO_SVD_MAX + 1, SYMO_SVD_MAX + 1, x, w, y, work) == SYMO_E_SIZE);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
