/* The symmetric least-squares fit g ~ H theta over the orbit: minimising |X - T M|^2 over symmetric
 * M gives the Lyapunov equation  C_t M + M C_t = C_gt + C_gt'.  In the eigenvectors of C_t,
 *     M_ij = (C_gt + C_gt')_ij / (l_i + l_j) ,
 * and M_ij = 0 if l_i + l_j is at most 10 m eps times the largest eigenvalue.  This is the solution
 * with the smallest Frobenius norm.  M is indefinite in general.
 *
 * Check: C_t = diag(1, 3), right-hand side all ones gives M = [[1/2, 1/4], [1/4, 1/6]]. */
#include "core/spectrum.h"
#include "hessian/estimator.h"

static symo_status apply(estimate_block *b) {
  size_t m = b->m;
  symo_dtype t = b->dtype;
  symo_add_diagonal(t, m, b->damping, b->params);
  symo_status status = symo_eigh(t, m, b->params, b->w, b->work);
  if (status != SYMO_OK) return status;
  double least = symo_spectrum_zero(m, b->w, b->tolerance);
  symo_mat v = symo_mat_dense(b->params, m, m), a = symo_mat_dense(b->average, m, m);
  symo_mat s = symo_mat_dense(b->work, m, m);
  symo_symmetrize(t, m, b->average);
  symo_gemm(t, 1, v, a, 0, s);
  symo_gemm(t, 1, s, symo_mat_t(v), 0, a);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) {
      double sum = (b->w[i] > 0 ? b->w[i] : 0) + (b->w[j] > 0 ? b->w[j] : 0);
      double value = sum > least ? symo_get(t, b->average, i * m + j) / sum : 0;
      symo_put(t, b->average, i * m + j, value);
    }
  symo_gemm(t, 1, symo_mat_t(v), a, 0, s);
  symo_gemm(t, 1, s, v, 0, a);
  symo_symmetrize(t, m, b->average);
  return SYMO_OK;
}

const symo_estimator symo_estimator_h_star = {
    .name = "h-star",
    .summary = "symmetric least squares C_t M + M C_t = C_gt + C_gt'; indefinite",
    .help = "the least-squares fit (indefinite)",
    .target = ESTIMATE_HESSIAN,
    .curve = {"purple", 1, 11, 2},
    .eigh = EIGH_ALWAYS,
    .coupling = SYMO_COUPLED,
    .cross = true,
    .params = true,
    .grad_power = 1,
    .param_power = -1,
    .apply = apply,
};
