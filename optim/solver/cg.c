/* Conjugate gradients (Hestenes and Stiefel 1952) for (A + damping I) x = b, preconditioned, as in
 * truncated Newton methods (Steihaug 1983).
 *
 * Everything is relative: done when |r| <= tolerance |b|, and r and p are kept at the scale of 1
 * (times a power of two, undone in x), so that b may be 1e-30 or 1e30.
 *
 * Directions of curvature p'(A + damping I) p at most u |p| |A p| end it.  x is then the last
 * iterate. If it is the very first direction, a start other than zero is given up and zero tried;
 * and from zero x is that direction p = M^{-1} b times r'p / (|p| |A p|), the length it would have
 * if the curvature were as large as A p says, or r'p / p'p where A p is zero: a direction of
 * descent for b'x > 0.
 *
 * r is made anew from b - (A + damping I) x every 50 iterations, because what the recurrence keeps
 * drifts away from it.
 *
 * Check: A = diag(1, 2), b = (1, 1): two iterations to (1, 1/2). */
#include <math.h>
#include <string.h>

#include "optim/solver/scaled.h"

enum { REPLACE_EVERY = 50 };

typedef struct cg_run {
  const solver_system *task;
  const void *b;
  void *x, *start, *r, *z, *p, *q;
  double unit, b_norm; /* scale of r and p; |unit b| */
} cg_run;

static size_t solve_work(symo_dtype dtype, size_t n) { return 5 * symo_piece_bytes(dtype, n); }

static size_t bytes_of(const cg_run *c) { return c->task->n * symo_dtype_size(c->task->dtype); }

/* out := (A + damping I) v. */
static symo_status product(const cg_run *c, const void *v, void *out) {
  symo_status status = c->task->multiply(c->task->self, v, out);
  if (status == SYMO_OK && c->task->damping != 0)
    symo_axpy(c->task->dtype, c->task->n, c->task->damping, v, out);
  return status;
}

/* r := unit (b - (A + damping I) x); q is spoilt. */
static symo_status residual(const cg_run *c) {
  const solver_system *t = c->task;
  memcpy(c->r, c->b, bytes_of(c));
  if (symo_mat_max_abs(t->dtype, symo_mat_dense(c->x, t->n, 1)) > 0) {
    symo_status status = product(c, c->x, c->q);
    if (status != SYMO_OK) return status;
    symo_axpy(t->dtype, t->n, -1, c->q, c->r);
  }
  symo_scal(t->dtype, t->n, c->unit, c->r);
  return SYMO_OK;
}

/* z := M^{-1} r and *rz = r'z > 0. */
static symo_status precondition(const cg_run *c, double *rz) {
  const solver_system *t = c->task;
  symo_status status = SYMO_OK;
  if (t->precondition != NULL)
    status = t->precondition(t->self, c->r, c->z);
  else
    memcpy(c->z, c->r, bytes_of(c));
  if (status != SYMO_OK) return status;
  *rz = symo_dot(t->dtype, t->n, c->r, c->z);
  if (!isfinite(*rz)) return SYMO_E_NONFINITE;
  return *rz > 0 ? SYMO_OK : SYMO_INDEFINITE;
}

/* x, from zero, along a first direction that has no positive curvature. */
static void first_direction(const cg_run *c, double rz, double p_norm, double q_norm) {
  double length = q_norm > 0 ? rz / p_norm / q_norm : rz / p_norm / p_norm;
  symo_axpy(c->task->dtype, c->task->n, length / c->unit, c->p, c->x);
}

/* From the x there is.  *at_once: the first direction had no positive curvature, x as it was. */
static symo_status iterate(const cg_run *c, solver_system_report *report, bool *at_once) {
  const solver_system *t = c->task;
  size_t n = t->n;
  int most = t->max_iterations > 0 ? t->max_iterations : (int)fmin((double)n, 1e9);
  double rz = 0, rz_last = 0;
  *at_once = false;
  symo_status status = residual(c);
  for (int k = 0; status == SYMO_OK; k++) {
    report->residual = symo_nrm2(t->dtype, n, c->r) / c->b_norm;
    if (!isfinite(report->residual)) return SYMO_E_NONFINITE;
    report->converged = report->residual <= t->tolerance;
    if (report->converged || report->residual == 0 || k == most) return SYMO_OK;
    status = precondition(c, &rz);
    if (status != SYMO_OK) return status;
    symo_scal(t->dtype, n, k == 0 ? 0 : rz / rz_last, c->p);
    symo_axpy(t->dtype, n, 1, c->z, c->p);
    rz_last = rz;
    status = product(c, c->p, c->q);
    if (status != SYMO_OK) return status;
    double curvature = symo_dot(t->dtype, n, c->p, c->q);
    double p_norm = symo_nrm2(t->dtype, n, c->p), q_norm = symo_nrm2(t->dtype, n, c->q);
    if (!isfinite(curvature) || !isfinite(q_norm)) return SYMO_E_NONFINITE;
    report->iterations++;
    if (!(curvature > symo_epsilon(t->dtype) * p_norm * q_norm)) {
      report->negative_curvature = true;
      *at_once = k == 0;
      return SYMO_OK;
    }
    symo_axpy(t->dtype, n, rz / curvature / c->unit, c->p, c->x);
    if ((k + 1) % REPLACE_EVERY == 0)
      status = residual(c);
    else
      symo_axpy(t->dtype, n, -rz / curvature, c->q, c->r);
  }
  return status;
}

static symo_status solve(const solver_system *task, const void *b, void *x,
                         solver_system_report *report, void *work) {
  symo_dtype t = task->dtype;
  double largest = symo_mat_max_abs(t, symo_mat_dense((void *)(uintptr_t)b, task->n, 1));
  double at_start = symo_mat_max_abs(t, symo_mat_dense(x, task->n, 1));
  *report = (solver_system_report){0};
  if (!isfinite(largest) || !isfinite(at_start)) return SYMO_E_NONFINITE;
  if (largest == 0) {
    symo_mat_zero(t, task->n, x);
    report->converged = true;
    return SYMO_OK;
  }
  void *v[5];
  for (int i = 0; i < 5; i++) v[i] = symo_piece_take(&work, symo_piece_bytes(t, task->n));
  cg_run c = {task, b, x, v[0], v[1], v[2], v[3], v[4], symo_unit_scale(t, largest), 0};
  memcpy(c.start, x, bytes_of(&c));
  memset(c.p, 0, bytes_of(&c));
  symo_mat_load(t, c.unit, symo_mat_dense((void *)(uintptr_t)b, task->n, 1), c.r);
  c.b_norm = symo_nrm2(t, task->n, c.r);
  bool at_once = false;
  symo_status status = iterate(&c, report, &at_once);
  if (status == SYMO_OK && at_once && at_start > 0) {
    symo_mat_zero(t, task->n, x);
    report->negative_curvature = false;
    status = iterate(&c, report, &at_once);
  }
  if (status == SYMO_OK && at_once) {
    double rz = symo_dot(t, task->n, c.r, c.z);
    first_direction(&c, rz, symo_nrm2(t, task->n, c.p), symo_nrm2(t, task->n, c.q));
  }
  if (status != SYMO_OK) memcpy(x, c.start, bytes_of(&c));
  return status;
}

const symo_solver symo_solver_cg = {
    .name = "cg",
    .summary = "conjugate gradients, ended by negative curvature; for products",
    .default_steps = 100,
    .solve_work = solve_work,
    .solve = solve,
};
