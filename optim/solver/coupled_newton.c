/* Powers -1/p, p whole, by the coupled Newton iteration (Guo and Higham 2006; Anil and others
 * 2020): with A = C + eps I and z = (p + 1) / (2 |A|_F),
 *     X_0 = z^{1/p} I ,  M_0 = z A ,  T = ((p + 1) I - M) / p ,  X <- X T ,  M <- T^p M ,
 * which keeps M = X^p A and takes M to I, so X to A^{-1/p}.  All of these are polynomials in A: one
 * triangle of every product is enough.
 *
 * It stops at |M - I|_F / sqrt(n) <= tolerance, or where rounding lets it come no closer although
 * that is below 1e-3.  The eigenvalues of M rise by at most ((p + 1) / p)^p < e a step, so a
 * condition number kappa takes some ln(sqrt(n) kappa) steps before the fast ones.  Not found
 * (SYMO_NO_CONVERGENCE): steps ran out, the error rose by a fifth, or X^p A v is off v by more than
 * a tenth for a vector v, which tells that rounding has let X and M drift apart.  A singular C
 * without eps is therefore not found.  X is good to u times the condition number.
 *
 * Check: C = (16), p = 4 gives (1/2). */
#include <math.h>
#include <string.h>

#include "optim/solver/scaled.h"

enum { MOST_ROOT = 64, MOST_STEPS = 100 };

static const char *refuse(double power) {
  double p = power < 0 ? -1 / power : 0;
  bool whole = p >= 1 - 1e-9 && p <= MOST_ROOT && fabs(p - nearbyint(p)) <= 1e-9 * p;
  return whole ? NULL : "coupled-newton gives the powers -1/p only, p whole and at most 64";
}

static size_t root_work(symo_dtype dtype, size_t m) { return 5 * symo_piece_bytes(dtype, m * m); }

/* c := a b of commuting symmetric matrices, both triangles; a a where b is a. */
static void multiply(symo_dtype t, symo_mat a, symo_mat b, symo_mat c) {
  if (a.p == b.p)
    symo_syrk(t, 1, a, 0, c);
  else
    symo_gemm_lower(t, a, b, c);
  symo_symmetrize(t, c.rows, c.p);
}

static void exchange(symo_mat *a, symo_mat *b) {
  symo_mat c = *a;
  *a = *b;
  *b = c;
}

typedef struct newton {
  symo_dtype dtype;
  size_t n;
  int p;
  symo_mat x, m, t, r, s;
} newton;

/* |M - I|_F / sqrt(n), from the lower triangle. */
static double error_of(const newton *w) {
  double squares = 0;
  for (size_t i = 0; i < w->n; i++) {
    const void *row = symo_at(w->dtype, w->m.p, (ptrdiff_t)(i * w->n));
    double d = symo_get(w->dtype, row, i) - 1;
    squares += d * d + 2 * symo_dot(w->dtype, i, row, row);
  }
  return sqrt(squares / (double)w->n);
}

/* One step: X T, and T^p M by repeated squaring. */
static void step(newton *w) {
  size_t bytes = w->n * w->n * symo_dtype_size(w->dtype);
  double p = w->p;
  memcpy(w->t.p, w->m.p, bytes);
  symo_scal(w->dtype, w->n * w->n, -1 / p, w->t.p);
  symo_add_diagonal(w->dtype, w->n, (p + 1) / p, w->t.p);
  multiply(w->dtype, w->x, w->t, w->s);
  exchange(&w->x, &w->s);
  for (int e = w->p; e > 0; e >>= 1) {
    if (e & 1) {
      multiply(w->dtype, w->m, w->t, w->s);
      exchange(&w->m, &w->s);
    }
    if (e > 1) {
      multiply(w->dtype, w->t, w->t, w->r);
      exchange(&w->t, &w->r);
    }
  }
}

/* |X^p A v - v| <= |v| / 10; not if NaN.  Vectors stand in t, with what rounds it up. */
static bool holds(const newton *w, symo_mat a) {
  const ptrdiff_t n = (ptrdiff_t)w->n;
  symo_mat v[] = {symo_mat_dense(w->t.p, w->n, 1),
                  symo_mat_dense(symo_at(w->dtype, w->t.p, n), w->n, 1),
                  symo_mat_dense(symo_at(w->dtype, w->t.p, 2 * n), w->n, 1)};
  for (size_t i = 0; i < w->n; i++) symo_put(w->dtype, v[0].p, i, cos((double)i * (double)i));
  symo_gemm(w->dtype, 1, a, v[0], 0, v[1]);
  for (int k = 0; k < w->p; k++) {
    symo_gemm(w->dtype, 1, w->x, v[1], 0, v[2]);
    exchange(&v[1], &v[2]);
  }
  symo_axpy(w->dtype, w->n, -1, v[0].p, v[1].p);
  double off = symo_nrm2(w->dtype, w->n, v[1].p);
  return off <= 0.1 * symo_nrm2(w->dtype, w->n, v[0].p);
}

/* Steps taken, or -1: not found. */
static int iterate(newton *w, int most, double tolerance) {
  double best = error_of(w);
  if (best <= tolerance) return 0;
  for (int k = 1; k <= most; k++) {
    step(w);
    double error = error_of(w);
    if (error <= tolerance || (best <= 1e-3 && error >= 0.5 * best && error <= 1e-3)) return k;
    if (!(error <= 1.2 * best)) return -1;
    best = fmin(best, error);
  }
  return -1;
}

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
  symo_symmetrize(t, m, c);
  symo_mat piece[5], a = symo_mat_dense(c, m, m);
  for (int i = 0; i < 5; i++)
    piece[i] = symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(t, m * m)), m, m);
  newton w = {t,        m,       (int)nearbyint(-1 / o->power), piece[0], piece[1], piece[2],
              piece[3], piece[4]};
  double z = (w.p + 1) / (2 * symo_nrm2(t, m * m, c));
  symo_mat_zero(t, m * m, w.x.p);
  symo_add_diagonal(t, m, pow(z, 1.0 / w.p), w.x.p);
  memcpy(w.m.p, c, m * m * symo_dtype_size(t));
  symo_scal(t, m * m, z, w.m.p);
  report->iterations =
      iterate(&w, o->steps > 0 ? o->steps : MOST_STEPS, o->tolerance > 0 ? o->tolerance : 1e-6);
  if (report->iterations < 0 || !holds(&w, a)) return SYMO_NO_CONVERGENCE;
  memcpy(out, w.x.p, m * m * symo_dtype_size(t));
  symo_scal(t, m * m, pow(unit, -o->power), out);
  return SYMO_OK;
}

/* For p = 4, where the number of steps is not known beforehand for twenty. */
static double root_flops(size_t m, int steps) {
  double n = (double)m;
  int count = steps > 0 && steps < 20 ? steps : 20;
  return count * (2 * symo_gemm_lower_flops(m) + 2 * n * n * n);
}

static size_t polar_work(symo_dtype dtype, size_t rows, size_t cols) {
  return symo_polar_by_root_work(&symo_solver_coupled_newton, dtype, rows, cols);
}

static symo_status polar(const solver_options *o, symo_mat x, void *y, solver_report *report,
                         void *work) {
  return symo_polar_by_root(&symo_solver_coupled_newton, o, x, y, report, work);
}

static double polar_flops(size_t rows, size_t cols, int steps) {
  return symo_polar_by_root_flops(&symo_solver_coupled_newton, rows, cols, steps);
}

const symo_solver symo_solver_coupled_newton = {
    .name = "coupled-newton",
    .default_steps = 100,
    .summary =
        "powers -1/p by the iteration of Distributed Shampoo; not for singular C without eps",
    .refuse = refuse,
    .root_work = root_work,
    .root = root,
    .polar_work = polar_work,
    .polar = polar,
    .root_flops = root_flops,
    .polar_flops = polar_flops,
};
