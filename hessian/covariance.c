/* M = C_g, the orbit average of g g': the empirical Fisher matrix of one gradient. */
#include "hessian/estimator.h"

static symo_status apply(estimate_block *b) {
  symo_symmetrize(b->dtype, b->m, b->average);
  return SYMO_OK;
}

const symo_estimator symo_estimator_covariance = {
    .name = "covariance",
    .summary = "C_g, the orbit average of g g'",
    .help = "the averaged outer product C_g of the gradient",
    .target = ESTIMATE_FISHER,
    .curve = {"blue", 3, 2, 1.5},
    .eigh = EIGH_NEVER,
    .coupling = SYMO_COUPLED,
    .grad_power = 2,
    .apply = apply,
};
