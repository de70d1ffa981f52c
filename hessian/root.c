/* M = C_g^{1/2}: the geometric mean of C_t^{-1} and C_g with C_t taken as the identity, so that one
 * gradient alone gives the estimate.  With `scale`, C_t is taken as (tr C_t / m) I instead and M is
 * divided by its square root (zero parameters give the pseudo-inverse, zero).
 *
 * C_g has no eigenvalue below zero but for rounding; those are set to zero. */
#include <math.h>

#include "hessian/estimator.h"

static symo_status apply(estimate_block *b) {
  symo_status status = symo_eigh(b->dtype, b->m, b->average, b->w, b->work);
  if (status != SYMO_OK) return status;
  double divisor = 1;
  if (b->scale) {
    double t = symo_trace(b->dtype, b->m, b->params) / (double)b->m + b->damping;
    divisor = t > 0 ? sqrt(t) : (double)INFINITY;
  }
  for (size_t i = 0; i < b->m; i++) b->w[i] = b->w[i] > 0 ? sqrt(b->w[i]) / divisor : 0;
  symo_from_eigh(b->dtype, b->m, b->average, b->w, b->work, b->average);
  return SYMO_OK;
}

const symo_estimator symo_estimator_h_g = {
    .name = "h-g",
    .summary = "C_g^{1/2}: positive semi-definite, from the gradient alone",
    .coupling = SYMO_COUPLED,
    .can_scale = true,
    .grad_power = 1,
    .apply = apply,
};

const symo_estimator symo_estimator_h_g_bd = {
    .name = "h-g-bd",
    .summary = "as h-g, without curvature between tensors: the cheapest",
    .coupling = SYMO_BLOCKED,
    .can_scale = true,
    .grad_power = 1,
    .apply = apply,
};
