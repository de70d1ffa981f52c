/* The positive semi-definite M with M C_t M = C_g, the geometric mean of C_t^{-1} and C_g
 * (Pusz and Woronowicz 1975):  M = C_t^{-1/2} (C_t^{1/2} C_g C_t^{1/2})^{1/2} C_t^{-1/2}.
 *
 * The mean is the same with any factor C_t = L L' in place of the root:
 *     M = L^{-T} (L' C_g L)^{1/2} L^{-1} ,
 * so a well-conditioned C_t costs a Cholesky factorisation and one eigendecomposition.  Otherwise
 * its eigenvalues at most 10 m eps times the largest are left out on both sides (pseudo-inverse).
 *
 * Check: C_t = diag(4, 1), C_g = diag(1, 9) gives M = diag(1/2, 3). */
#include <math.h>

#include "core/spectrum.h"
#include "hessian/estimator.h"

/* a := its square root, eigenvalues that only rounding made left out. */
static symo_status root_in_place(estimate_block *b, void *a) {
  symo_status status = symo_eigh(b->dtype, b->m, a, b->w, b->work);
  if (status != SYMO_OK) return status;
  const symo_spectrum s = {.power = 0.5, .tolerance = b->tolerance};
  symo_spectrum_power(&s, b->m, b->w, b->w, NULL);
  symo_from_eigh(b->dtype, b->m, a, b->w, b->work, a);
  return SYMO_OK;
}

static symo_status by_cholesky(estimate_block *b) {
  const void *l = b->params;
  symo_mat a = symo_mat_dense(b->average, b->m, b->m);
  symo_symmetrize(b->dtype, b->m, b->average);
  symo_trmm(b->dtype, b->m, l, true, a);
  symo_trmm(b->dtype, b->m, l, true, symo_mat_t(a));
  symo_status status = root_in_place(b, b->average);
  if (status != SYMO_OK) return status;
  symo_trsm(b->dtype, b->m, l, true, a);
  symo_trsm(b->dtype, b->m, l, true, symo_mat_t(a));
  symo_symmetrize(b->dtype, b->m, b->average);
  return SYMO_OK;
}

/* a := diag(d) a diag(d). */
static void scale_both(symo_dtype dtype, size_t m, const double *d, void *a) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++)
      symo_put(dtype, a, i * m + j, d[i] * d[j] * symo_get(dtype, a, i * m + j));
}

static symo_status by_eigenvectors(estimate_block *b) {
  size_t m = b->m;
  symo_dtype t = b->dtype;
  symo_status status = symo_eigh(t, m, b->params, b->w, b->work);
  if (status != SYMO_OK) return status;
  double *root = b->roots;
  const symo_spectrum f = {.power = 0.5, .tolerance = b->tolerance};
  symo_spectrum_power(&f, m, b->w, root, NULL);
  symo_mat v = symo_mat_dense(b->params, m, m), a = symo_mat_dense(b->average, m, m);
  symo_mat s = symo_mat_dense(b->work, m, m);
  symo_symmetrize(t, m, b->average);
  symo_gemm(t, 1, v, a, 0, s);
  symo_gemm(t, 1, s, symo_mat_t(v), 0, a);
  scale_both(t, m, root, b->average);
  status = root_in_place(b, b->average);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < m; i++) root[i] = root[i] > 0 ? 1 / root[i] : 0;
  scale_both(t, m, root, b->average);
  symo_gemm(t, 1, symo_mat_t(v), a, 0, s);
  symo_gemm(t, 1, s, v, 0, a);
  symo_symmetrize(t, m, b->average);
  return SYMO_OK;
}

static symo_status apply(estimate_block *b) {
  symo_add_diagonal(b->dtype, b->m, b->damping, b->params);
  if (b->m == 1) {
    double t = symo_get(b->dtype, b->params, 0), g = symo_get(b->dtype, b->average, 0);
    bool kept = t > 0 && g > 0 && b->tolerance < 1; /* else one of them is rounding alone */
    symo_put(b->dtype, b->average, 0, kept ? sqrt(g / t) : 0);
    return SYMO_OK;
  }
  /* Far from the tolerance of the pseudo-inverse both ways agree to rounding.  The factor takes the
   * lower triangle; the upper one and `roots` keep C_t for the other way. */
  double rcond = 0;
  symo_symmetrize(b->dtype, b->m, b->params);
  for (size_t i = 0; i < b->m; i++) b->roots[i] = symo_get(b->dtype, b->params, i * b->m + i);
  if (symo_cholesky(b->dtype, b->m, b->params, &rcond, b->work) == SYMO_OK &&
      rcond > fmax(sqrt(symo_epsilon(b->dtype)), b->tolerance))
    return by_cholesky(b);
  for (size_t i = 0; i < b->m; i++) {
    symo_put(b->dtype, b->params, i * b->m + i, b->roots[i]);
    for (size_t j = 0; j < i; j++)
      symo_put(b->dtype, b->params, i * b->m + j, symo_get(b->dtype, b->params, j * b->m + i));
  }
  return by_eigenvectors(b);
}

const symo_estimator symo_estimator_h_pd = {
    .name = "h-pd",
    .summary = "the positive semi-definite M with M C_t M = C_g",
    .help = "the geometric mean of C_g and the inverse of C_t (positive)",
    .target = ESTIMATE_ABS,
    .curve = {"blue", 1, 7, 2.5},
    .eigh = EIGH_ALWAYS,
    .coupling = SYMO_COUPLED,
    .params = true,
    .grad_power = 1,
    .param_power = -1,
    .apply = apply,
};
