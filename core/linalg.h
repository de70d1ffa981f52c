#ifndef SYMO_CORE_LINALG_H
#define SYMO_CORE_LINALG_H

#include <stdbool.h>
#include <stdint.h>
#include <symo/types.h>

/* The only caller of BLAS and LAPACK.  Everything is dispatched on dtype here; nothing allocates;
 * no dimension or leading dimension may exceed 2^31 - 1 (plans check that). */

/* A matrix view: entry (i, j) at p[i rs + j cs].  One of rs, cs must be 1, unless that dimension is
 * 1 long. */
typedef struct symo_mat {
  void *p;
  size_t rows, cols;
  ptrdiff_t rs, cs;
} symo_mat;

static inline symo_mat symo_mat_dense(void *p, size_t rows, size_t cols) {
  return (symo_mat){p, rows, cols, (ptrdiff_t)cols, 1};
}
static inline symo_mat symo_mat_t(symo_mat a) {
  return (symo_mat){a.p, a.cols, a.rows, a.cs, a.rs};
}
/* Columns [first, first + n). */
symo_mat symo_mat_cols(symo_dtype dtype, symo_mat a, size_t first, size_t n);
symo_mat symo_mat_rows(symo_dtype dtype, symo_mat a, size_t first, size_t n);

/* p advanced by n elements. */
static inline void *symo_at(symo_dtype dtype, const void *p, ptrdiff_t n) {
  return (void *)((uintptr_t)p + (uintptr_t)(n * (ptrdiff_t)symo_dtype_size(dtype)));
}

/* C = alpha A B + beta C.  beta 0 does not read C. */
void symo_gemm(symo_dtype dtype, double alpha, symo_mat a, symo_mat b, double beta, symo_mat c);

/* y = alpha A x + beta y, x and y contiguous: reads A once, where symo_gemm of one row copies
 * it. */
void symo_gemv(symo_dtype dtype, double alpha, symo_mat a, const void *x, double beta, void *y);

/* Lower triangle of C = alpha A'A + beta C;  alpha (A'B + B'A) + beta C.  C is dense or a block of
 * a row-major matrix (cs = 1). */
void symo_syrk(symo_dtype dtype, double alpha, symo_mat a, double beta, symo_mat c);
void symo_syr2k(symo_dtype dtype, double alpha, symo_mat a, symo_mat b, double beta, symo_mat c);

/* Lower triangle of C = A B for square A and B whose product is symmetric, such as two polynomials
 * of one symmetric matrix.  C shares no memory with A or B; its upper triangle is undefined.
 * Computed in panels of rows, at the cost of symo_gemm_lower_flops(n), little more than half a gemm
 * for large n. */
void symo_gemm_lower(symo_dtype dtype, symo_mat a, symo_mat b, symo_mat c);
double symo_gemm_lower_flops(size_t n);

/* Level 1 on dense vectors of n numbers. */
double symo_dot(symo_dtype dtype, size_t n, const void *x, const void *y);
double symo_nrm2(symo_dtype dtype, size_t n, const void *x);
void symo_axpy(symo_dtype dtype, size_t n, double alpha, const void *x, void *y);
void symo_scal(symo_dtype dtype, size_t n, double alpha, void *x);

/* Square row-major [n, n] matrices: upper := lower transposed;  A += alpha on the diagonal;  trace.
 */
void symo_symmetrize(symo_dtype dtype, size_t n, void *a);
void symo_add_diagonal(symo_dtype dtype, size_t n, double alpha, void *a);
double symo_trace(symo_dtype dtype, size_t n, const void *a);

/* Numbers of any dtype as double. */
double symo_get(symo_dtype dtype, const void *p, size_t index);
void symo_put(symo_dtype dtype, void *p, size_t index, double value);
bool symo_all_finite(symo_dtype dtype, size_t n, const void *x);
double symo_epsilon(symo_dtype dtype);
double symo_largest(symo_dtype dtype); /* finite number */

/* 10 n eps: the relative tolerance below which an eigenvalue of a computed [n, n] matrix counts as
 * zero.  Rounding errors of Gram matrices come close to n eps; the factor 10 is a margin. */
double symo_rank_tolerance(symo_dtype dtype, size_t n);

/* The work space of xSYEVD, 2 n^2 numbers, must be counted in 32 bits. */
enum { SYMO_EIGH_MAX = 32000 };

/* Symmetric eigendecomposition by divide and conquer (xSYEVD) of the lower triangle of a row-major
 * [n, n]: eigenvalues ascending in w (always double), and A overwritten by V, whose ROW k is the
 * eigenvector of w[k], so A = V' diag(w) V.  work: symo_eigh_work(dtype, n) bytes.
 * SYMO_NO_CONVERGENCE, SYMO_E_SIZE for n > SYMO_EIGH_MAX, or SYMO_E_NUMERIC for anything else (A is
 * then spoilt).  9 n^3 flops or so.
 */
size_t symo_eigh_work(symo_dtype dtype, size_t n);
symo_status symo_eigh(symo_dtype dtype, size_t n, void *a, double *w, void *work);

/* The eigenvalues alone; A is destroyed. */
symo_status symo_eigvalsh(symo_dtype dtype, size_t n, void *a, double *w, void *work);

/* C = V' diag(f) V, [n, n] row-major, both triangles; scratch: n*n numbers.  V is kept. */
void symo_from_eigh(symo_dtype dtype, size_t n, const void *v, const double *f, void *scratch,
                    void *c);

/* Cholesky A = L L' in the lower triangle of a row-major [n, n].  SYMO_INDEFINITE if it fails.
 * *rcond (unless NULL) estimates 1 / cond_1(A); work as for symo_eigh. */
symo_status symo_cholesky(symo_dtype dtype, size_t n, void *a, double *rcond, void *work);

/* A := A^-1 (lower triangle) from the factor that symo_cholesky left in it. */
symo_status symo_cholesky_invert(symo_dtype dtype, size_t n, void *a);

/* Singular values, descending, of a row-major float64 [rows, cols] by divide and conquer (xGESDD),
 * n = min(rows, cols).  A is overwritten by the large factor, `small` [n, n] gets the other one:
 *     A = small diag(w) A'   (rows <= cols) ,   A = A' diag(w) small   (rows > cols) .
 * work: symo_svd_work(rows, cols) bytes.  SYMO_NO_CONVERGENCE; SYMO_E_SIZE if n > SYMO_SVD_MAX. */
enum { SYMO_SVD_MAX = 16000 };
size_t symo_svd_work(size_t rows, size_t cols);
symo_status symo_svd(size_t rows, size_t cols, double *a, double *w, double *small, void *work);

/* With L from symo_cholesky.  B: [n, cols] view, overwritten.
 * trsm: B := L^-1 B or L^-T B.   trmm: B := L B or L' B. */
void symo_trsm(symo_dtype dtype, size_t n, const void *l, bool transpose, symo_mat b);
void symo_trmm(symo_dtype dtype, size_t n, const void *l, bool transpose, symo_mat b);

/* Orthonormalises the columns of a row-major square [n, n] by Householder QR with the signs that
 * make it a Haar sample when the entries are independent normals (Mezzadri 2007).  tau: n numbers;
 * work as for symo_eigh.  float64 only. */
symo_status symo_haar_orthogonal(size_t n, double *a, double *tau, void *work, size_t work_bytes);

/* The rows of a row-major square [n, n] become orthonormal by Householder QR: row k in the span of
 * rows 0 .. k as they were, up to sign; dependent rows are completed.  work as for symo_eigh.
 * SYMO_E_NUMERIC. */
symo_status symo_orthonormal_rows(symo_dtype dtype, size_t n, void *a, void *work);

/* The configuration of BLAS, and the kernels that it chose for this processor ("Zen"). */
/* The same of a row-major [k, n], k <= n; work: symo_orthonormal_panel_work bytes. */
size_t symo_orthonormal_panel_work(symo_dtype dtype, size_t k);
symo_status symo_orthonormal_panel(symo_dtype dtype, size_t k, size_t n, void *a, void *work);

const char *symo_linalg_info(void);
const char *symo_linalg_kernels(void);

#endif
