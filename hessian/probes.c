/* Structured estimates from pairs (v, A v).  The group acts on v and on A v alike, so the orbit
 * average of A v v' is that of A times the covariance of the orbit, and the fit over the orbit is
 * the Lyapunov equation of h-star (hessian/lyapunov.c) with v in the place of the parameters.
 *
 * Both estimates are unbiased for normal probes.  Let A = S + R with S the Reynolds average.  For
 * given C_v the fit is S plus a linear image of the orbit mean of v'Rv, over v that are moved by the
 * group; C_v is the same for all of them, and the mean over the group of rho' R rho is 0. */
#include <symo/lowrank.h>

#include "core/error.h"
#include "hessian/estimator.h"
#include "hessian/hessian.h"

/* The driver has left C_va + C_va' in the lower triangle. */
static symo_status average(estimate_block *b) {
  symo_scal(b->dtype, b->m * b->m, 0.5, b->average);
  symo_symmetrize(b->dtype, b->m, b->average);
  return SYMO_OK;
}

symo_status symo_estimate_probes(const symo_plan *plan, symo_probe_method method, size_t count,
                                 const symo_const_vector *probes, const symo_const_vector *products,
                                 symo_hessian **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (probes == NULL || products == NULL || out == NULL)
    return symo_fail_null(plan->context, "estimate_probes",
                          probes == NULL     ? "probes"
                          : products == NULL ? "products"
                                             : "out");
  if (method != SYMO_LEAST_SQUARES && method != SYMO_AVERAGE)
    return symo_fail(plan->context, SYMO_E_ARGUMENT, "estimate_probes: there is no method %d",
                     (int)method);
  symo_estimator estimator = symo_estimator_h_star;
  estimator.products = true;
  estimator.coupling = plan->coupling;
  estimator.name = "probes";
  if (method == SYMO_AVERAGE) {
    estimator.apply = average;
    estimator.eigh = EIGH_NEVER;
    estimator.param_power = 1;
  }
  const symo_estimate_spec spec = {.estimator = &estimator};
  symo_hessian *sum = NULL;
  symo_status status = symo_estimate(plan, &spec, count, products, probes, &sum);
  if (status != SYMO_OK) return status;
  if (method == SYMO_LEAST_SQUARES) {
    *out = sum;
    return SYMO_OK;
  }
  status = symo_hessian_scale(1 / (double)count, sum, out);
  symo_hessian_destroy(sum);
  return status;
}
