/* Shampoo (Gupta, Koren, Singer 2018, arXiv 1802.09568), from one gradient without accumulation.
 *
 * For the gradient G of a tensor of order k, axis i has the factor L_i = G_(i) G_(i)', with G_(i)
 * the matrix whose rows are the slices of G along that axis; for a matrix L_1 = G G', L_2 = G' G.
 * Two readings, both here:
 *
 *   shampoo        the product of the L_i^{1/k}: for a matrix L^{1/2} (x) R^{1/2}, the estimate of
 *                  the covariance of the gradient, and so of the Gauss-Newton matrix (Morwani et
 *                  al. 2024, arXiv 2406.17748); a bias has g g'
 *   shampoo-root   its square root, the product of the L_i^{1/(2k)}, which Shampoo's step inverts
 *                  (its exponents for tensors are -1/(2k)); a bias has g g' / |g|
 *
 * Convolutions keep their axes [out, in, kernel height, kernel width], k = 4; the order counts
 * axes of length 1 too.  Dense weights are matrices.
 *
 * No further normalisation, no damping.  Each keeps one degree in the gradient for all tensors (two
 * and one), so scaling the loss scales the whole matrix.  Check value: G = s u v' with unit u, v
 * gives s^2 u u' (x) v v' and s u u' (x) v v'. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

/* out [n, n] += the products of the slices of x along an axis: x is [outer, n, inner]. */
static void add_gram(size_t outer, size_t n, size_t inner, const double *x, double *out) {
  for (size_t o = 0; o < outer; o++) {
    symo_mat slice = symo_mat_dense((void *)(uintptr_t)(x + o * n * inner), n, inner);
    symo_syrk(SYMO_F64, 1, symo_mat_t(slice), 1, symo_mat_dense(out, n, n));
  }
  symo_symmetrize(SYMO_F64, n, out);
}

static symo_status add_block(const compare_input *in, compare_approx *a, size_t index,
                             const compare_tensor *t, double power) {
  enum { MOST = sizeof t->dims / sizeof t->dims[0] };
  symo_status status = SYMO_OK;
  double *factors[MOST] = {NULL};
  size_t total = 1, outer = 1;
  for (size_t k = 0; k < t->order; k++) total *= t->dims[k];
  for (size_t k = 0; k < t->order; k++) {
    size_t n = t->dims[k];
    factors[k] = symo_calloc(n * n, sizeof *factors[k]);
    if (factors[k] == NULL) {
      status = symo_fail_memory(in->context, "compare: shampoo");
      goto fail;
    }
    add_gram(outer, n, total / outer / n, in->grad + t->offset, factors[k]);
    outer *= n;
  }
  SYMO_TRY(compare_kron_set_axes(a, index, t->offset, t->order, t->dims,
                                 (const double *const *)factors, power / (double)t->order));
fail:
  for (size_t k = 0; k < MOST; k++) symo_free(factors[k]);
  return status;
}

/* The product of the L_i^{power / k}. */
static symo_status build(const compare_input *in, double power, compare_approx **out) {
  compare_tensor *tensors = NULL;
  compare_approx *a = NULL;
  size_t count = 0;
  symo_status status = compare_tensors(in, &count, &tensors);
  if (status != SYMO_OK) return status;
  SYMO_TRY(compare_approx_kron(in->context, symo_net_num_parameters(in->net), count, &a));
  for (size_t t = 0; t < count; t++) SYMO_TRY(add_block(in, a, t, &tensors[t], power));
  *out = a;
  a = NULL;
fail:
  symo_free(tensors);
  compare_approx_destroy(a);
  return status;
}

static symo_status build_covariance(const compare_input *in, compare_approx **out) {
  return build(in, 1, out);
}

static symo_status build_root(const compare_input *in, compare_approx **out) {
  return build(in, 0.5, out);
}

const compare_competitor compare_competitor_shampoo = {
    .name = "shampoo",
    .style = {PLOT_RED, 1, 13, 2},
    .cost = COMPARE_COST_POINT,
    .summary = "per tensor of order k the product of L_i^{1/k}, L_i the Gram matrix of the one "
               "gradient along axis i: L^{1/2} (x) R^{1/2} of a weight, g g' of a bias",
    .build = build_covariance};

const compare_competitor compare_competitor_shampoo_root = {
    .name = "shampoo-root",
    .style = {PLOT_RED, 2, 12, 2},
    .summary = "its root, what Shampoo's step inverts: L_i^{1/(2k)}, so L^{1/4} (x) R^{1/4} of a "
               "weight, (g g')^{1/2} of a bias",
    .build = build_root};
