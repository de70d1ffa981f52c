/* Inverses of both factors of a site, for factored damping: the step is Y = G_+^-1 X A_+^-1 with
 * A_+ = A + s pi I and G_+ = G + s / pi I (hessian/pair.c), two products of matrices where
 * eigenbases take four, by Cholesky factors for a ninth of what an eigendecomposition costs.
 *
 * What is kept is u_a A_+^-1 and u_g G_+^-1, u the mean eigenvalue of each, so that all numbers are
 * of the size of a condition number, and both u.  Of a table A is a diagonal, and so is what is kept
 * of it.
 *
 * Check value: A = (3), G = (2), eps 1: shifts sqrt(3 / 2) and sqrt(2 / 3), x / 11.9. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/kfac/kfac.h"

/* A diagonal sum is not kept as the matrix that it is. */
static double mean_of(const kfac_curvature *c, const kfac_side *s, void *const *state) {
  double sum = 0;
  const size_t step = s->identity ? 1 : s->n + 1;
  for (size_t i = 0; i < s->n; i++) sum += symo_get(c->dtype, state[s->sum], i * step);
  return sum / (double)s->n;
}

/* The largest sum of absolute values of a row. */
static double one_norm(symo_dtype dtype, size_t n, const void *full) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    if (dtype == SYMO_F32)
      for (size_t j = 0; j < n; j++) sum += (double)fabsf(((const float *)full)[i * n + j]);
    else
      for (size_t j = 0; j < n; j++) sum += fabs(((const double *)full)[i * n + j]);
    most = fmax(most, sum);
  }
  return most;
}

enum { ATTEMPTS = 4 };

/* out := the factor of (C + shift) / unit, both triangles: C + shift is positive definite, but for
 * rounding, which a little more on the diagonal makes up for.  rank: tr^2 / |C|^2. */
static symo_status factorise(const kfac_curvature *c, const kfac_side *s, void *const *state,
                             double unit, double shift, void *out, double *norm, double *rank) {
  const symo_dtype t = c->dtype;
  const size_t n = s->n;
  double more = 0;
  symo_status status = SYMO_INDEFINITE;
  for (int k = 0; k < ATTEMPTS && status == SYMO_INDEFINITE; k++) {
    memcpy(out, state[s->sum], n * n * symo_dtype_size(t));
    symo_symmetrize(t, n, out);
    *rank = pow(symo_trace(t, n, out) / symo_nrm2(t, n * n, out), 2);
    symo_scal(t, n * n, 1 / unit, out);
    symo_add_diagonal(t, n, shift / unit + more, out);
    *norm = one_norm(t, n, out);
    more = fmax(100 * more, symo_rank_tolerance(t, n) * *norm);
    status = symo_cholesky(t, n, out, NULL, NULL);
  }
  return status;
}

size_t symo_kfac_inverse_work(const kfac_curvature *c, const kfac_block *b) {
  const size_t n = b->a.identity || b->g.n > b->a.n ? b->g.n : b->a.n;
  return symo_padded(n * n * symo_dtype_size(c->dtype));
}

/* The inverse of a side, which takes the place of the one before when it is whole. */
static symo_status invert(const kfac_curvature *c, const kfac_side *s, void *const *state,
                          double unit, double shift, curvature_report *report, void *out) {
  const symo_dtype t = c->dtype;
  const size_t n = s->n;
  double norm = NAN, rank = NAN;
  symo_status status = factorise(c, s, state, unit, shift, out, &norm, &rank);
  if (status == SYMO_OK) status = symo_cholesky_invert(t, n, out);
  if (status < 0) return status;
  if (status == SYMO_OK) symo_symmetrize(t, n, out);
  if (status != SYMO_OK || !symo_all_finite(t, n * n, out)) return SYMO_NO_CONVERGENCE;
  memcpy(state[s->basis], out, n * n * symo_dtype_size(t));
  report->condition = fmax(report->condition, norm * one_norm(t, n, out));
  if (isfinite(rank) && !(report->effective_rank <= rank)) report->effective_rank = fmax(rank, 1);
  return SYMO_OK;
}

static void invert_diagonal(const kfac_curvature *c, const kfac_side *s, void *const *state,
                            double unit, double shift) {
  double *values = state[s->values];
  for (size_t i = 0; i < s->n; i++) {
    const double value = fmax(symo_get(c->dtype, state[s->sum], i), 0) + shift;
    values[i] = value > 0 ? unit / value : 0;
  }
}

symo_status symo_kfac_refresh_inverses(const kfac_curvature *c, const kfac_block *b,
                                       void *const *state, double lambda, curvature_report *report,
                                       char *work) {
  const kfac_side *sides[] = {&b->a, &b->g};
  const double means[] = {mean_of(c, &b->a, state), mean_of(c, &b->g, state)};
  double shifts[2];
  if (!isfinite(means[0] * means[1])) return SYMO_NO_CONVERGENCE;
  symo_pair_shifts(means[0], means[1], (pair_function){c->damping, lambda, -1}, &shifts[0],
                   &shifts[1]);
  for (int k = 0; k < 2; k++) {
    const kfac_side *s = sides[k];
    double *numbers = symo_kfac_numbers(s, state);
    const double unit = means[k] + shifts[k] > 0 ? means[k] + shifts[k] : 1;
    symo_status status = SYMO_OK;
    if (s->identity)
      invert_diagonal(c, s, state, unit, shifts[k]);
    else
      status = invert(c, s, state, unit, shifts[k], report, work);
    if (status != SYMO_OK) return status;
    numbers[KFAC_UNIT] = unit;
    numbers[KFAC_TAKEN] = 1;
  }
  return SYMO_OK;
}

void symo_kfac_apply_inverses(const kfac_curvature *c, const kfac_block *b, void *const *state,
                              const void *x, void *y, void *work) {
  const symo_dtype t = c->dtype;
  const size_t gn = b->g.n, an = b->a.n;
  const double units =
      symo_kfac_numbers(&b->a, state)[KFAC_UNIT] * symo_kfac_numbers(&b->g, state)[KFAC_UNIT];
  const symo_mat from = symo_mat_dense((void *)(uintptr_t)x, gn, an);
  const symo_mat between = symo_mat_dense(work, gn, an);
  if (b->a.identity) {
    const double *values = state[b->a.values];
    for (size_t i = 0; i < gn * an; i++) symo_put(t, work, i, symo_get(t, x, i) * values[i % an]);
  } else {
    symo_gemm(t, 1, from, symo_mat_dense(state[b->a.basis], an, an), 0, between);
  }
  symo_gemm(t, 1 / units, symo_mat_dense(state[b->g.basis], gn, gn), between, 0,
            symo_mat_dense(y, gn, an));
}
