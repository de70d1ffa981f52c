/* Power -1 by Cholesky factorisation: (C + eps I)^{-1} = L^{-T} L^{-1}, n^3 flops where an
 * eigendecomposition takes ten.
 *
 * There is no telling which directions are singular, so nothing is left out: a C + eps I whose
 * estimated reciprocal condition number is at most 10 u is SYMO_SINGULAR, one with a negative pivot
 * SYMO_INDEFINITE (C all zero and eps 0 gives 0).  Entries are good to u times the condition
 * number, which `condition` of the report estimates in the 1-norm (xPOCON).
 *
 * Check: C = diag(1, 3), eps 1 gives diag(1/2, 1/4). */
#include <math.h>
#include <string.h>

#include "optim/solver/scaled.h"

static const char *refuse(double power) {
  return power == -1 ? NULL : "cholesky gives the power -1 only";
}

/* xPOCON takes 3 n numbers and n integers. */
static size_t root_work(symo_dtype dtype, size_t m) { return symo_piece_bytes(SYMO_F64, 5 * m); }

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  symo_dtype t = o->dtype;
  double largest = symo_lower_max_abs(t, m, c), unit = symo_unit_scale(t, fmax(largest, o->eps));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  *report = (solver_report){NAN, symo_lower_effective_rank(t, m, c), 0};
  if (largest == 0 && o->eps == 0) {
    symo_mat_zero(t, m * m, out);
    return SYMO_OK;
  }
  symo_lower_scale(t, m, unit, o->eps * unit, c);
  double rcond = 0;
  symo_status status = symo_cholesky(t, m, c, &rcond, work);
  if (status != SYMO_OK) return status == SYMO_E_NUMERIC ? SYMO_NO_CONVERGENCE : status;
  if (!(rcond > 10 * symo_epsilon(t))) return SYMO_SINGULAR;
  report->condition = 1 / rcond;
  status = symo_cholesky_invert(t, m, c);
  if (status != SYMO_OK) return status == SYMO_E_NUMERIC ? SYMO_NO_CONVERGENCE : status;
  memcpy(out, c, m * m * symo_dtype_size(t));
  symo_lower_scale(t, m, unit, 0, out);
  symo_symmetrize(t, m, out);
  return SYMO_OK;
}

static double root_flops(size_t m, int steps) {
  double n = (double)m;
  return n * n * n;
}

static size_t polar_work(symo_dtype dtype, size_t rows, size_t cols) {
  return symo_polar_by_root_work(&symo_solver_cholesky, dtype, rows, cols);
}

static symo_status polar(const solver_options *o, symo_mat x, void *y, solver_report *report,
                         void *work) {
  return symo_polar_by_root(&symo_solver_cholesky, o, x, y, report, work);
}

static double polar_flops(size_t rows, size_t cols, int steps) {
  return symo_polar_by_root_flops(&symo_solver_cholesky, rows, cols, steps);
}

/* ---- systems: the matrix is formed in float64, whatever the type of products ---- */

enum { MOST = 4096, BLOCK = 16 };

typedef struct dense_pieces {
  double *a, *right;
  void *v, *av, *factor;
} dense_pieces;

static size_t solve_work(symo_dtype dtype, size_t n) {
  return symo_piece_bytes(SYMO_F64, n * n) + symo_piece_bytes(SYMO_F64, n) +
         2 * symo_piece_bytes(dtype, BLOCK * n) + root_work(SYMO_F64, n);
}

static dense_pieces pieces_of(symo_dtype dtype, size_t n, void *work) {
  dense_pieces p;
  p.a = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n * n));
  p.right = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n));
  p.v = symo_piece_take(&work, symo_piece_bytes(dtype, BLOCK * n));
  p.av = symo_piece_take(&work, symo_piece_bytes(dtype, BLOCK * n));
  p.factor = work;
  return p;
}

/* a := A by products with unit vectors; what is not finite is told by the largest entry. */
static symo_status form_by_products(const solver_system *t, const dense_pieces *p) {
  const size_t n = t->n;
  for (size_t first = 0; first < n; first += BLOCK) {
    const size_t k = n - first < BLOCK ? n - first : BLOCK;
    memset(p->v, 0, k * n * symo_dtype_size(t->dtype));
    for (size_t i = 0; i < k; i++) symo_put(t->dtype, p->v, i * n + first + i, 1);
    symo_status status = t->multiply_block(t->self, k, p->v, p->av);
    if (status != SYMO_OK) return status;
    for (size_t i = 0; i < k * n; i++) p->a[first * n + i] = symo_get(t->dtype, p->av, i);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) p->a[i * n + j] = 0.5 * (p->a[i * n + j] + p->a[j * n + i]);
  return SYMO_OK;
}

static symo_status form(const solver_system *t, const dense_pieces *p) {
  symo_status status = t->form != NULL ? t->form(t->self, p->a) : form_by_products(t, p);
  for (size_t i = 0; i < t->n && status == SYMO_OK; i++) p->a[i * t->n + i] += t->damping;
  return status;
}

static symo_status solve(const solver_system *t, const void *b, void *x,
                         solver_system_report *report, void *work) {
  const size_t n = t->n;
  const dense_pieces p = pieces_of(t->dtype, n, work);
  double rcond = 0;
  *report = (solver_system_report){0};
  symo_status status = form(t, &p);
  if (status != SYMO_OK) return status;
  if (!isfinite(symo_lower_max_abs(SYMO_F64, n, p.a))) return SYMO_E_NONFINITE;
  status = symo_cholesky(SYMO_F64, n, p.a, &rcond, p.factor);
  if (status != SYMO_OK) return status == SYMO_E_NUMERIC ? SYMO_NO_CONVERGENCE : status;
  if (!(rcond > 10 * symo_epsilon(SYMO_F64))) return SYMO_SINGULAR;
  for (size_t i = 0; i < n; i++) p.right[i] = symo_get(t->dtype, b, i);
  symo_trsm(SYMO_F64, n, p.a, false, symo_mat_dense(p.right, n, 1));
  symo_trsm(SYMO_F64, n, p.a, true, symo_mat_dense(p.right, n, 1));
  for (size_t i = 0; i < n; i++) symo_put(t->dtype, x, i, p.right[i]);
  report->converged = true;
  return SYMO_OK;
}

const symo_solver symo_solver_cholesky = {
    .name = "cholesky",
    .summary = "power -1, by Cholesky factorisation; not for singular C without eps; of products "
               "up to 4096 numbers",
    .refuse = refuse,
    .root_work = root_work,
    .root = root,
    .polar_work = polar_work,
    .polar = polar,
    .root_flops = root_flops,
    .polar_flops = polar_flops,
    .most = MOST,
    .solve_work = solve_work,
    .solve = solve,
};
