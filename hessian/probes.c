/* Structured estimates from pairs (v, A v).  The group acts on v and on A v alike, so the orbit
 * average of A v v' is that of A times the covariance of the orbit, and the fit over the orbit is
 * the Lyapunov equation of h-star (hessian/lyapunov.c) with v in the place of the parameters.
 *
 * Both estimates are unbiased for normal probes.  Let A = S + R with S the Reynolds average.  For
 * given C_v the fit is S plus a linear image of the orbit mean of v'Rv, over v that are moved by the
 * group; C_v is the same for all of them, and the mean over the group of rho' R rho is 0.
 *
 * With a prior, M = c P + D, and D is the fit to (v, A v - c P v) that is drawn to zero: the same
 * equation with C_v + strength I, the damping of h-star. */
#include "hessian/probes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/estimator.h"
#include "hessian/hessian.h"

/* The driver has left C_va + C_va' in the lower triangle. */
static symo_status average(estimate_block *b) {
  symo_scal(b->dtype, b->m * b->m, 0.5, b->average);
  symo_symmetrize(b->dtype, b->m, b->average);
  return SYMO_OK;
}

/* The estimator of the pairs, for the plan's coupling. */
static symo_estimator of_pairs(const symo_plan *plan) {
  symo_estimator estimator = symo_estimator_h_star;
  estimator.products = true;
  estimator.coupling = plan->coupling;
  estimator.name = "probes";
  return estimator;
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
  symo_estimator estimator = of_pairs(plan);
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

/* ---- with a prior ---- */

symo_status symo_probes_fit(const symo_hessian *prior, double strength, double scale, size_t count,
                            const symo_const_vector *probes, const symo_const_vector *left,
                            symo_hessian **out) {
  const symo_plan *plan = prior->plan;
  const symo_estimator estimator = of_pairs(plan);
  const symo_estimate_spec spec = {.estimator = &estimator, .damping = strength};
  symo_hessian *correction = NULL;
  symo_status status = symo_estimate(plan, &spec, count, left, probes, &correction);
  if (status == SYMO_OK) status = symo_hessian_add(scale, prior, 1, correction, out);
  if (status == SYMO_OK) memcpy((*out)->name, correction->name, sizeof correction->name);
  symo_hessian_destroy(correction);
  return status;
}

double symo_probes_scale(symo_dtype dtype, size_t n, const void *product, const void *known) {
  const double norm = symo_nrm2(dtype, n, known);
  return norm > 0 ? symo_dot(dtype, n, known, product) / norm / norm : 0;
}

/* Flat copies of the products and of P times the probes, [count, P] each. */
typedef struct left_over {
  char *product, *known;
  void **data; /* [2 count][tensors] */
  symo_const_vector *left;
} left_over;

static void drop(left_over *l) {
  symo_free(l->product);
  symo_free(l->known);
  symo_free(l->data);
  symo_free(l->left);
}

static symo_status allocate(const symo_plan *plan, size_t count, left_over *l) {
  const symo_layout *layout = plan->layout;
  const size_t tensors = layout->num_tensors, item = symo_dtype_size(plan->dtype);
  size_t bytes = 0;
  if (symo_mul_size(count * item, layout->parameters, &bytes)) {
    l->product = symo_malloc(bytes + 1);
    l->known = symo_malloc(bytes + 1);
  }
  l->data = symo_calloc(2 * count * tensors + 1, sizeof *l->data);
  l->left = symo_calloc(count + 1, sizeof *l->left);
  if (l->product == NULL || l->known == NULL || l->data == NULL || l->left == NULL)
    return symo_fail_memory(plan->context, "estimate_probes");
  for (size_t i = 0; i < 2 * count; i++) {
    char *base = i < count ? l->product : l->known;
    symo_layout_split(layout, plan->dtype, base + i % count * layout->parameters * item,
                      l->data + i * tensors);
  }
  for (size_t i = 0; i < count; i++)
    l->left[i] = symo_const_vector_of(plan->dtype, (const void *const *)(l->data + i * tensors));
  return SYMO_OK;
}

static symo_status check_near(const symo_hessian *prior, double strength, size_t count,
                              const symo_const_vector *probes, const symo_const_vector *products,
                              symo_hessian **out) {
  const char *where = "estimate_probes_near";
  if (probes == NULL || products == NULL || out == NULL)
    return symo_fail_null(prior->context, where,
                          probes == NULL     ? "probes"
                          : products == NULL ? "products"
                                             : "out");
  if (!(strength > 0) || !isfinite(strength))
    return symo_fail(prior->context, SYMO_E_ARGUMENT,
                     "%s: strength %g (it must be positive and finite)", where, strength);
  if (count == 0)
    return symo_fail(prior->context, SYMO_E_ARGUMENT, "%s: no probes (pass at least one)", where);
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < 2 * count && status == SYMO_OK; i++) {
    char which[64];
    (void)snprintf(which, sizeof which, "%s: %s %zu", where, i < count ? "probe" : "product",
                   i % count);
    status = symo_layout_check_arrays(prior->plan->layout, prior->plan->dtype,
                                      i < count ? probes[i] : products[i - count], which);
  }
  return status;
}

symo_status symo_estimate_probes_near(const symo_hessian *prior, double strength, size_t count,
                                      const symo_const_vector *probes,
                                      const symo_const_vector *products, double *scale,
                                      symo_hessian **out) {
  if (prior == NULL) return SYMO_E_ARGUMENT;
  const symo_plan *plan = prior->plan;
  const symo_layout *layout = plan->layout;
  const size_t tensors = layout->num_tensors;
  left_over l = {0};
  double c = 0;
  symo_status status = check_near(prior, strength, count, probes, products, out);
  if (status != SYMO_OK) return status;
  SYMO_TRY(allocate(plan, count, &l));
  for (size_t i = 0; i < count; i++) {
    symo_vector copy = symo_vector_of(plan->dtype, l.data + i * tensors),
                known = symo_vector_of(plan->dtype, l.data + (count + i) * tensors);
    for (size_t k = 0; k < tensors; k++)
      symo_nd_shift(0, symo_layout_view(layout, plan->dtype, products[i], k),
                    symo_layout_view(layout, plan->dtype, symo_vector_const(copy), k));
    SYMO_TRY(symo_hessian_matvec(prior, probes[i], known));
  }
  if (!symo_all_finite(plan->dtype, count * layout->parameters, l.product))
    SYMO_TRY(symo_fail(plan->context, SYMO_E_NONFINITE,
                       "estimate_probes_near: a product holds NaN or infinity (check the matrix)"));
  c = symo_probes_scale(plan->dtype, count * layout->parameters, l.product, l.known);
  symo_axpy(plan->dtype, count * layout->parameters, -c, l.known, l.product);
  SYMO_TRY(symo_probes_fit(prior, strength, c, count, probes, l.left, out));
  if (scale != NULL) *scale = c;
fail:
  drop(&l);
  return status;
}
