/* M = C_g^{1/2}.  This is the geometric mean of C_t^{-1} and C_g if C_t is replaced by the
 * identity, so that one gradient suffices.  With `scale`, C_t is replaced by (tr C_t / m) I, and M
 * is divided by the square root of tr C_t / m (by its pseudo-inverse: zero parameters give zero).
 *
 * By rounding, a zero eigenvalue of C_g becomes a number of size at most 10 m eps times the
 * largest, of either sign.  Its square root would be far larger, so eigenvalues of that size are
 * set to zero.  With fewer rows than columns, C_g = Z'Z, we use the smaller matrix: if Z Z' = V'
 * diag(l) V,
 *     (Z'Z)^{1/2} = Z' (Z Z')^{-1/2} Z = Y'Y ,   Y = diag(l^{-1/4}) V Z ,
 * and for one row it is x x' / |x|. */
#include <math.h>

#include "core/spectrum.h"
#include "hessian/estimator.h"

static symo_status apply(estimate_block *b) {
  double divisor = 1;
  if (b->scale) {
    double t = symo_trace(b->dtype, b->m, b->params) / (double)b->m + b->damping;
    divisor = t > 0 ? sqrt(t) : (double)INFINITY;
  }
  if (b->rank_one) {
    double norm = sqrt(symo_trace(b->dtype, b->m, b->average));
    symo_scal(b->dtype, b->m * b->m, norm > 0 ? 1 / (norm * divisor) : 0, b->average);
    symo_symmetrize(b->dtype, b->m, b->average);
    return SYMO_OK;
  }
  symo_status status = symo_eigh(b->dtype, b->m, b->average, b->w, b->work);
  if (status != SYMO_OK) return status;
  const symo_spectrum s = {.power = 0.5, .tolerance = b->tolerance};
  symo_spectrum_power(&s, b->m, b->w, b->w, NULL);
  for (size_t i = 0; i < b->m; i++) b->w[i] /= divisor;
  symo_from_eigh(b->dtype, b->m, b->average, b->w, b->work, b->average);
  return SYMO_OK;
}

static symo_status apply_stack(estimate_stack *s) {
  symo_status status = symo_eigh(s->dtype, s->rows, s->gram, s->w, s->work);
  if (status != SYMO_OK) return status;
  const symo_spectrum f = {.power = -0.25, .tolerance = s->tolerance};
  symo_spectrum_power(&f, s->rows, s->w, s->w, NULL);
  for (size_t i = 0; i < s->rows; i++)
    symo_scal(s->dtype, s->rows, s->w[i], symo_at(s->dtype, s->gram, (ptrdiff_t)(i * s->rows)));
  s->multiply(s->self, symo_mat_dense(s->gram, s->rows, s->rows), s->y);
  symo_syrk(s->dtype, 1, symo_mat_dense(s->y, s->rows, s->m), 0,
            symo_mat_dense(s->out, s->m, s->m));
  symo_symmetrize(s->dtype, s->m, s->out);
  return SYMO_OK;
}

const symo_estimator symo_estimator_h_g = {
    .name = "h-g",
    .summary = "C_g^{1/2}: positive semi-definite, from the gradient alone",
    .help = "its square root",
    .target = ESTIMATE_ABS,
    .curve = {"sky", 1, 5, 2.5},
    .eigh = EIGH_UNLESS_RANK_ONE,
    .coupling = SYMO_COUPLED,
    .can_scale = true,
    .grad_power = 1,
    .apply = apply,
    .apply_stack = apply_stack,
};

const symo_estimator symo_estimator_h_g_bd = {
    .name = "h-g-bd",
    .summary = "as h-g, without curvature between tensors: the cheapest",
    .help = "the same with blocks between tensors left out",
    .target = ESTIMATE_ABS,
    .curve = {"green", 5, 9, 2.5},
    .eigh = EIGH_UNLESS_RANK_ONE,
    .coupling = SYMO_BLOCKED,
    .can_scale = true,
    .grad_power = 1,
    .apply = apply,
    .apply_stack = apply_stack,
};
