/* BLAS and LAPACK behind one door: views in, dtype dispatched here, errors translated here.
 * LAPACK sees column-major memory, so a row-major lower triangle is its upper one. */
#include "core/linalg.h"

#include <assert.h>
#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>

#include "core/nd.h"
#include "core/reserve.h"
#include "core/transpose.h"
#include "core/vector.h"

#include <symo/status.h>

typedef struct blas_view { /* a symo_mat as BLAS names it, row-major */
  CBLAS_TRANSPOSE trans;
  int ld;
} blas_view;

static blas_view view_of(symo_mat a) {
  if (a.cols == 1 && a.rs >= 1) return (blas_view){CblasNoTrans, (int)a.rs};
  if (a.cs == 1) {
    ptrdiff_t ld = a.rows <= 1 ? (ptrdiff_t)a.cols : a.rs;
    return (blas_view){CblasNoTrans, (int)(ld < 1 ? 1 : ld)};
  }
  assert(a.rs == 1 || a.rows == 1);
  return (blas_view){CblasTrans, (int)a.cs};
}

symo_mat symo_mat_cols(symo_dtype dtype, symo_mat a, size_t first, size_t n) {
  a.p = symo_at(dtype, a.p, (ptrdiff_t)first * a.cs);
  a.cols = n;
  return a;
}

symo_mat symo_mat_rows(symo_dtype dtype, symo_mat a, size_t first, size_t n) {
  a.p = symo_at(dtype, a.p, (ptrdiff_t)first * a.rs);
  a.rows = n;
  return a;
}

void symo_gemm(symo_dtype dtype, double alpha, symo_mat a, symo_mat b, double beta, symo_mat c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows);
  if (c.cs != 1 && c.cols > 1) { /* column-major C: compute C' = B'A' */
    symo_mat at = symo_mat_t(a);
    a = symo_mat_t(b);
    b = at;
    c = symo_mat_t(c);
  }
  if (c.rows == 0 || c.cols == 0) return;
  blas_view va = view_of(a), vb = view_of(b);
  int m = (int)c.rows, n = (int)c.cols, k = (int)a.cols;
  int ldc = (int)(c.rows == 1 && c.rs < (ptrdiff_t)c.cols ? (ptrdiff_t)c.cols : c.rs);
  if (dtype == SYMO_F32)
    cblas_sgemm(CblasRowMajor, va.trans, vb.trans, m, n, k, (float)alpha, a.p, va.ld, b.p, vb.ld,
                (float)beta, c.p, ldc);
  else
    cblas_dgemm(CblasRowMajor, va.trans, vb.trans, m, n, k, alpha, a.p, va.ld, b.p, vb.ld, beta,
                c.p, ldc);
}

void symo_gemv(symo_dtype dtype, double alpha, symo_mat a, const void *x, double beta, void *y) {
  if (a.rows == 0) return;
  const blas_view v = view_of(a);
  const bool plain = v.trans == CblasNoTrans;
  const int m = (int)(plain ? a.rows : a.cols), n = (int)(plain ? a.cols : a.rows);
  if (dtype == SYMO_F32)
    cblas_sgemv(CblasRowMajor, v.trans, m, n, (float)alpha, a.p, v.ld, x, 1, (float)beta, y, 1);
  else
    cblas_dgemv(CblasRowMajor, v.trans, m, n, alpha, a.p, v.ld, x, 1, beta, y, 1);
}

/* x'y of two columns; float32 is summed in float64. */
static double column_dot(symo_dtype dtype, symo_mat x, symo_mat y) {
  int n = (int)x.rows, sx = (int)x.rs, sy = (int)y.rs;
  return dtype == SYMO_F32 ? cblas_dsdot(n, x.p, sx, y.p, sy) : cblas_ddot(n, x.p, sx, y.p, sy);
}

void symo_syrk(symo_dtype dtype, double alpha, symo_mat a, double beta, symo_mat c) {
  assert(a.cols == c.rows && c.rows == c.cols);
  if (c.rows == 0) return; /* BLAS would print that the rows are too near */
  if (c.rows == 1) {       /* xGEMM is slow at this */
    double old = beta == 0 ? 0 : beta * symo_get(dtype, c.p, 0);
    symo_put(dtype, c.p, 0, old + alpha * column_dot(dtype, a, a));
    return;
  }
  if (a.rows == 1) { /* an outer product */
    symo_gemm(dtype, alpha, symo_mat_t(a), a, beta, c);
    return;
  }
  blas_view v = view_of(a); /* op(A) of syrk is A' where A is stored as it stands */
  CBLAS_TRANSPOSE trans = v.trans == CblasNoTrans ? CblasTrans : CblasNoTrans;
  int n = (int)a.cols, k = (int)a.rows, ldc = (int)c.rs;
  if (dtype == SYMO_F32)
    cblas_ssyrk(CblasRowMajor, CblasLower, trans, n, k, (float)alpha, a.p, v.ld, (float)beta, c.p,
                ldc);
  else
    cblas_dsyrk(CblasRowMajor, CblasLower, trans, n, k, alpha, a.p, v.ld, beta, c.p, ldc);
}

void symo_syr2k(symo_dtype dtype, double alpha, symo_mat a, symo_mat b, double beta, symo_mat c) {
  assert(a.cols == c.rows && b.cols == c.rows && a.rows == b.rows);
  if (c.rows == 0) return;
  blas_view va = view_of(a), vb = view_of(b);
  if (va.trans != vb.trans || c.rows == 1 || a.rows == 1) {
    symo_gemm(dtype, alpha, symo_mat_t(a), b, beta, c);
    symo_gemm(dtype, alpha, symo_mat_t(b), a, 1, c);
    return;
  }
  CBLAS_TRANSPOSE trans = va.trans == CblasNoTrans ? CblasTrans : CblasNoTrans;
  int n = (int)a.cols, k = (int)a.rows, ldc = (int)c.rs;
  if (dtype == SYMO_F32)
    cblas_ssyr2k(CblasRowMajor, CblasLower, trans, n, k, (float)alpha, a.p, va.ld, b.p, vb.ld,
                 (float)beta, c.p, ldc);
  else
    cblas_dsyr2k(CblasRowMajor, CblasLower, trans, n, k, alpha, a.p, va.ld, b.p, vb.ld, beta, c.p,
                 ldc);
}

/* Panels wide enough for full speed, at least four of them where that pays at all. */
static size_t panel_rows(size_t n) { return n < 128 ? n : n < 512 ? (n + 3) / 4 : 128; }

void symo_gemm_lower(symo_dtype dtype, symo_mat a, symo_mat b, symo_mat c) {
  size_t n = c.rows, panel = panel_rows(n);
  assert(c.cols == n && a.rows == n && b.cols == n);
  for (size_t i = 0; i < n; i += panel) {
    size_t rows = i + panel <= n ? panel : n - i;
    symo_mat to = symo_mat_cols(dtype, symo_mat_rows(dtype, c, i, rows), 0, i + rows);
    symo_gemm(dtype, 1, symo_mat_rows(dtype, a, i, rows), symo_mat_cols(dtype, b, 0, i + rows), 0,
              to);
  }
}

double symo_gemm_lower_flops(size_t n) {
  double size = (double)n, panel = (double)panel_rows(n);
  return size * size * (size + panel);
}

/* ---- level 1 ---- */

enum { STRIP = 1 << 30 }; /* BLAS integers are 32 bits wide: longer vectors go in strips */

static int strip(size_t n, size_t done) { return n - done > STRIP ? STRIP : (int)(n - done); }

double symo_dot(symo_dtype dtype, size_t n, const void *x, const void *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i += STRIP) {
    int k = strip(n, i);
    const void *a = symo_at(dtype, x, (ptrdiff_t)i), *b = symo_at(dtype, y, (ptrdiff_t)i);
    sum += dtype == SYMO_F32 ? cblas_dsdot(k, a, 1, b, 1) : cblas_ddot(k, a, 1, b, 1);
  }
  return sum;
}

double symo_nrm2(symo_dtype dtype, size_t n, const void *x) {
  double norm = 0;
  for (size_t i = 0; i < n; i += STRIP) {
    int k = strip(n, i);
    const void *a = symo_at(dtype, x, (ptrdiff_t)i);
    double part = dtype == SYMO_F32 ? (double)cblas_snrm2(k, a, 1) : cblas_dnrm2(k, a, 1);
    norm = hypot(norm, part);
  }
  return norm;
}

void symo_axpy(symo_dtype dtype, size_t n, double alpha, const void *x, void *y) {
  for (size_t i = 0; i < n; i += STRIP) {
    int k = strip(n, i);
    const void *a = symo_at(dtype, x, (ptrdiff_t)i);
    void *b = symo_at(dtype, y, (ptrdiff_t)i);
    if (dtype == SYMO_F32)
      cblas_saxpy(k, (float)alpha, a, 1, b, 1);
    else
      cblas_daxpy(k, alpha, a, 1, b, 1);
  }
}

void symo_scal(symo_dtype dtype, size_t n, double alpha, void *x) {
  for (size_t i = 0; i < n; i += STRIP) {
    int k = strip(n, i);
    void *a = symo_at(dtype, x, (ptrdiff_t)i);
    if (dtype == SYMO_F32)
      cblas_sscal(k, (float)alpha, a, 1);
    else
      cblas_dscal(k, alpha, a, 1);
  }
}

double symo_get(symo_dtype dtype, const void *p, size_t index) {
  return dtype == SYMO_F32 ? (double)((const float *)p)[index] : ((const double *)p)[index];
}

void symo_put(symo_dtype dtype, void *p, size_t index, double value) {
  if (dtype == SYMO_F32)
    ((float *)p)[index] = (float)value;
  else
    ((double *)p)[index] = value;
}

double symo_epsilon(symo_dtype dtype) {
  return dtype == SYMO_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}

double symo_largest(symo_dtype dtype) { return dtype == SYMO_F32 ? (double)FLT_MAX : DBL_MAX; }

double symo_rank_tolerance(symo_dtype dtype, size_t n) {
  return 10 * (double)n * symo_epsilon(dtype);
}

/* x * 0 is NaN where x is not finite: in lanes, so that sums are wide ones, all else being zero. */
enum { ZERO_LANES = 64 };

#define SYMO_KERNELS "core/linalg_kernels.inc"
#include "core/real.h"

bool symo_all_finite(symo_dtype dtype, size_t n, const void *x) {
  return SYMO_BY_TYPE(dtype, all_finite, n, x);
}

void symo_symmetrize(symo_dtype dtype, size_t n, void *a) { SYMO_BY_TYPE(dtype, mirror, n, a); }

void symo_add_diagonal(symo_dtype dtype, size_t n, double alpha, void *a) {
  for (size_t i = 0; i < n; i++)
    symo_put(dtype, a, i * n + i, symo_get(dtype, a, i * n + i) + alpha);
}

double symo_trace(symo_dtype dtype, size_t n, const void *a) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += symo_get(dtype, a, i * n + i);
  return sum;
}

/* ---- eigendecomposition ---- */

/* xSYEVD with vectors: 1 + 6n + 2n^2 numbers and 3 + 5n integers; xPOCON, xGEQRF and the float
 * eigenvalues need less. */
static size_t eigh_numbers(size_t n) { return 1 + 6 * n + 2 * n * n + (n < 64 ? 64 * n : 0); }

size_t symo_eigh_work(symo_dtype dtype, size_t n) {
  return (eigh_numbers(n) + n + 8) * symo_dtype_size(dtype) + (3 + 5 * n) * sizeof(lapack_int);
}

static symo_status eigen(symo_dtype dtype, char job, size_t n, void *a, double *w, void *work) {
  if (n == 0) return SYMO_OK;
  if (n > SYMO_EIGH_MAX) return SYMO_E_SIZE;
  if (n == 1) {
    w[0] = symo_get(dtype, a, 0);
    symo_put(dtype, a, 0, 1);
    return isfinite(w[0]) ? SYMO_OK : SYMO_E_NUMERIC;
  }
  lapack_int order = (lapack_int)n, lwork = (lapack_int)eigh_numbers(n);
  lapack_int liwork = (lapack_int)(3 + 5 * n), info;
  void *values = symo_at(dtype, work, (ptrdiff_t)eigh_numbers(n));
  lapack_int *iwork = (lapack_int *)((char *)values + (n + 8) * symo_dtype_size(dtype));
  iwork = (lapack_int *)((uintptr_t)iwork / sizeof(double) * sizeof(double));
  if (dtype == SYMO_F32) {
    info = LAPACKE_ssyevd_work(LAPACK_COL_MAJOR, job, 'U', order, a, order, values, work, lwork,
                               iwork, liwork);
    for (size_t i = 0; i < n; i++) w[i] = (double)((float *)values)[i];
  } else {
    info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, job, 'U', order, a, order, w, work, lwork, iwork,
                               liwork);
  }
  if (info > 0) return SYMO_NO_CONVERGENCE;
  return info < 0 || !isfinite(w[0]) || !isfinite(w[n - 1]) ? SYMO_E_NUMERIC : SYMO_OK;
}

symo_status symo_eigh(symo_dtype dtype, size_t n, void *a, double *w, void *work) {
  return eigen(dtype, 'V', n, a, w, work);
}

symo_status symo_eigvalsh(symo_dtype dtype, size_t n, void *a, double *w, void *work) {
  return eigen(dtype, 'N', n, a, w, work);
}

/* One sign of f: C = (sqrt|f| V)'(sqrt|f| V) is one syrk, half of a gemm.  Both signs: a gemm. */
void symo_from_eigh(symo_dtype dtype, size_t n, const void *v, const double *f, void *scratch,
                    void *c) {
  bool one_sign = true;
  for (size_t i = 0; i < n; i++) one_sign = one_sign && f[i] >= 0;
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    if (f[i] == 0) continue;
    double scale = one_sign ? sqrt(f[i]) : f[i];
    const void *row = symo_at(dtype, v, (ptrdiff_t)(i * n));
    void *to = symo_at(dtype, scratch, (ptrdiff_t)((one_sign ? kept : i) * n));
    for (size_t j = 0; j < n; j++) {
      if (dtype == SYMO_F32)
        ((float *)to)[j] = (float)scale * ((const float *)row)[j];
      else
        ((double *)to)[j] = scale * ((const double *)row)[j];
    }
    kept++;
  }
  symo_mat out = symo_mat_dense(c, n, n);
  if (one_sign) {
    if (kept == 0) {
      for (size_t i = 0; i < n * n; i++) symo_put(dtype, c, i, 0);
      return;
    }
    symo_syrk(dtype, 1, symo_mat_dense(scratch, kept, n), 0, out);
  } else {
    for (size_t i = 0; i < n; i++)
      if (f[i] == 0)
        for (size_t j = 0; j < n; j++) symo_put(dtype, scratch, i * n + j, 0);
    symo_mat left = symo_mat_t(symo_mat_dense((void *)(uintptr_t)v, n, n));
    symo_gemm(dtype, 1, left, symo_mat_dense(scratch, n, n), 0, out);
  }
  symo_symmetrize(dtype, n, c);
}

/* ---- Cholesky ---- */

symo_status symo_cholesky(symo_dtype dtype, size_t n, void *a, double *rcond, void *work) {
  lapack_int order = (lapack_int)n, info;
  double anorm = 0;
  for (size_t i = 0; rcond != NULL && i < n; i++) { /* 1-norm from the lower triangle */
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += fabs(symo_get(dtype, a, j <= i ? i * n + j : j * n + i));
    anorm = fmax(anorm, sum);
  }
  if (dtype == SYMO_F32)
    info = LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', order, a, order);
  else
    info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', order, a, order);
  if (info > 0) return SYMO_INDEFINITE;
  if (info < 0) return SYMO_E_NUMERIC;
  if (rcond == NULL) return SYMO_OK;
  lapack_int *iwork = (lapack_int *)((char *)work + 4 * n * symo_dtype_size(dtype));
  if (dtype == SYMO_F32) {
    float estimate = 0;
    info = LAPACKE_spocon_work(LAPACK_COL_MAJOR, 'U', order, a, order, (float)anorm, &estimate,
                               work, iwork);
    *rcond = (double)estimate;
  } else {
    info = LAPACKE_dpocon_work(LAPACK_COL_MAJOR, 'U', order, a, order, anorm, rcond, work, iwork);
  }
  return info == 0 ? SYMO_OK : SYMO_E_NUMERIC;
}

symo_status symo_cholesky_invert(symo_dtype dtype, size_t n, void *a) {
  lapack_int order = (lapack_int)n, info;
  if (dtype == SYMO_F32)
    info = LAPACKE_spotri_work(LAPACK_COL_MAJOR, 'U', order, a, order);
  else
    info = LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', order, a, order);
  return info == 0 ? SYMO_OK : info > 0 ? SYMO_SINGULAR : SYMO_E_NUMERIC;
}

/* ---- singular values ---- */

/* xGESDD with one factor written over A: 5 n^2 + 7 n + m numbers, and some to work in blocks. */
static size_t svd_numbers(size_t n, size_t m) { return 5 * n * n + 7 * n + m + 64 * (n + m); }

size_t symo_svd_work(size_t rows, size_t cols) {
  size_t n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;
  return svd_numbers(n, m) * sizeof(double) + (8 * n + 2) * sizeof(lapack_int);
}

/* LAPACK sees A', [cols, rows].  Its left vectors are the right ones of A. */
symo_status symo_svd(size_t rows, size_t cols, double *a, double *w, double *small, void *work) {
  size_t n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;
  if (n > SYMO_SVD_MAX) return SYMO_E_SIZE;
  size_t numbers = svd_numbers(n, m);
  lapack_int first = (lapack_int)cols, second = (lapack_int)rows, side = (lapack_int)n;
  lapack_int lwork = (lapack_int)numbers, *iwork = (lapack_int *)((double *)work + numbers);
  double none = 0;
  bool wide = rows <= cols;
  lapack_int info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'O', first, second, a, first, w,
                                        wide ? &none : small, wide ? 1 : side, wide ? small : &none,
                                        wide ? side : 1, work, lwork, iwork);
  if (info > 0) return SYMO_NO_CONVERGENCE;
  return info < 0 || !isfinite(w[0]) ? SYMO_E_NUMERIC : SYMO_OK;
}

typedef enum triangular { SOLVE, MULTIPLY } triangular;

static void triangular_apply(symo_dtype dtype, triangular what, size_t n, const void *l,
                             bool transpose, symo_mat b) {
  assert(b.rows == n);
  CBLAS_SIDE side = CblasLeft;
  CBLAS_TRANSPOSE trans = transpose ? CblasTrans : CblasNoTrans;
  if (b.cs != 1 && b.cols > 1) { /* column-major B: act on B' from the right */
    b = symo_mat_t(b);
    side = CblasRight;
    trans = transpose ? CblasNoTrans : CblasTrans;
  }
  int rows = (int)b.rows, cols = (int)b.cols, ld = (int)n;
  int ldb = b.rows == 1 && b.rs < (ptrdiff_t)b.cols ? cols : (int)b.rs;
  if (dtype == SYMO_F32) {
    if (what == SOLVE)
      cblas_strsm(CblasRowMajor, side, CblasLower, trans, CblasNonUnit, rows, cols, 1, l, ld, b.p,
                  ldb);
    else
      cblas_strmm(CblasRowMajor, side, CblasLower, trans, CblasNonUnit, rows, cols, 1, l, ld, b.p,
                  ldb);
  } else {
    if (what == SOLVE)
      cblas_dtrsm(CblasRowMajor, side, CblasLower, trans, CblasNonUnit, rows, cols, 1, l, ld, b.p,
                  ldb);
    else
      cblas_dtrmm(CblasRowMajor, side, CblasLower, trans, CblasNonUnit, rows, cols, 1, l, ld, b.p,
                  ldb);
  }
}

void symo_trsm(symo_dtype dtype, size_t n, const void *l, bool transpose, symo_mat b) {
  triangular_apply(dtype, SOLVE, n, l, transpose, b);
}

void symo_trmm(symo_dtype dtype, size_t n, const void *l, bool transpose, symo_mat b) {
  triangular_apply(dtype, MULTIPLY, n, l, transpose, b);
}

symo_status symo_haar_orthogonal(size_t n, double *a, double *tau, void *work, size_t work_bytes) {
  lapack_int order = (lapack_int)n, lwork = (lapack_int)(work_bytes / sizeof(double));
  lapack_int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, a, order, tau, work, lwork);
  if (info != 0) return SYMO_E_NUMERIC;
  double *signs = work; /* of R's diagonal: making it positive makes Q unique, hence Haar */
  double *rest = signs + n;
  for (size_t i = 0; i < n; i++) signs[i] = a[i * n + i] < 0 ? -1 : 1;
  info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, order, order, order, a, order, tau, rest,
                             lwork - order);
  if (info != 0) return SYMO_E_NUMERIC;
  for (size_t j = 0; j < n; j++) cblas_dscal(order, signs[j], a + j * n, 1);
  return SYMO_OK;
}

symo_status symo_orthonormal_rows(symo_dtype dtype, size_t n, void *a, void *work) {
  lapack_int order = (lapack_int)n, lwork = (lapack_int)(eigh_numbers(n) - n), info;
  void *rest = symo_at(dtype, work, (ptrdiff_t)n); /* behind the factors of the reflections */
  if (n > SYMO_EIGH_MAX) return SYMO_E_SIZE;
  if (dtype == SYMO_F32) {
    info = LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, order, order, a, order, work, rest, lwork);
    if (info == 0)
      info =
          LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, order, order, order, a, order, work, rest, lwork);
  } else {
    info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, a, order, work, rest, lwork);
    if (info == 0)
      info =
          LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, order, order, order, a, order, work, rest, lwork);
  }
  return info == 0 ? SYMO_OK : SYMO_E_NUMERIC;
}

enum { PANEL_COLUMNS = 64 }; /* that reflections are applied together */

size_t symo_orthonormal_panel_work(symo_dtype dtype, size_t k) {
  return k * (1 + PANEL_COLUMNS) * symo_dtype_size(dtype);
}

symo_status symo_orthonormal_panel(symo_dtype dtype, size_t k, size_t n, void *a, void *work) {
  if (k > n || n > SYMO_EIGH_MAX) return SYMO_E_SIZE;
  lapack_int m = (lapack_int)n, columns = (lapack_int)k, info;
  const lapack_int lwork = (lapack_int)(k * PANEL_COLUMNS);
  void *rest = symo_at(dtype, work, (ptrdiff_t)k);
  if (dtype == SYMO_F32) {
    info = LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, m, columns, a, m, work, rest, lwork);
    if (info == 0)
      info = LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, m, columns, columns, a, m, work, rest, lwork);
  } else {
    info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, m, columns, a, m, work, rest, lwork);
    if (info == 0)
      info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, m, columns, columns, a, m, work, rest, lwork);
  }
  return info == 0 ? SYMO_OK : SYMO_E_NUMERIC;
}

int symo_get_threads(void) { return openblas_get_num_threads(); }

symo_status symo_set_threads(int n) {
  if (n < 1) return SYMO_E_ARGUMENT;
  if (symo_blas_reserve_workers(n) != SYMO_OK) return SYMO_E_MEMORY;
  openblas_set_num_threads(n);
  return SYMO_OK;
}

const char *symo_linalg_info(void) { return openblas_get_config(); }

const char *symo_linalg_kernels(void) { return openblas_get_corename(); }
