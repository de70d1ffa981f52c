/* M = (tr C_g / m) I: the averaged outer product without its directions. */
#include "hessian/estimator.h"

static symo_status apply(estimate_block *b) {
  double mean = symo_trace(b->dtype, b->m, b->average) / (double)b->m;
  for (size_t i = 0; i < b->m; i++)
    for (size_t j = 0; j < b->m; j++)
      symo_put(b->dtype, b->average, i * b->m + j, i == j ? mean : 0);
  return SYMO_OK;
}

const symo_estimator symo_estimator_isotropic = {
    .name = "isotropic",
    .summary = "the mean of the eigenvalues of C_g times the unit matrix",
    .help = "the mean eigenvalue of C_g times the unit matrix",
    .target = ESTIMATE_FISHER,
    .curve = {"red", 2, 4, 1.5},
    .eigh = EIGH_NEVER,
    .coupling = SYMO_COUPLED,
    .grad_power = 2,
    .apply = apply,
};
