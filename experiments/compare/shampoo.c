/* Shampoo (Gupta, Koren, Singer 2018, arXiv 1802.09568), from one gradient without accumulation.
 *
 * For the gradient G [out, in] of a weight, L = G G' and R = G' G.  Two readings, both here:
 *
 *   shampoo        L^{1/2} (x) R^{1/2}: the estimate of the covariance of the gradient, and so of
 * the Gauss-Newton matrix (Morwani et al. 2024, arXiv 2406.17748).  For a tensor of order k it is
 * the product of the L_i^{1/k}, so a bias b has g g'. shampoo-root   its square root L^{1/4} (x)
 * R^{1/4}, the matrix that Shampoo's step inverts. A bias has (g g')^{1/2} = g g' / |g|.
 *
 * No further normalisation, no damping.  Each keeps one degree in the gradient for all tensors (two
 * and one), so scaling the loss scales the whole matrix.  Check value: G = s u v' with unit u, v
 * gives s^2 u u' (x) v v' and s u u' (x) v v'. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

/* left = G G' and right = G' G, both triangles. */
static void grams(symo_mat g, double *left, double *right) {
  symo_syrk(SYMO_F64, 1, symo_mat_t(g), 0, symo_mat_dense(left, g.rows, g.rows));
  symo_syrk(SYMO_F64, 1, g, 0, symo_mat_dense(right, g.cols, g.cols));
  symo_symmetrize(SYMO_F64, g.rows, left);
  symo_symmetrize(SYMO_F64, g.cols, right);
}

static symo_status add_block(const compare_input *in, compare_approx *a, size_t index,
                             size_t offset, size_t rows, size_t cols, double power) {
  symo_status status = SYMO_OK;
  double *left = symo_calloc(rows * rows, sizeof *left);
  double *right = symo_calloc(cols * cols, sizeof *right);
  if (left == NULL || right == NULL) {
    status = symo_fail_memory(in->context, "compare: shampoo");
    goto fail;
  }
  grams(symo_mat_dense((void *)(uintptr_t)(in->grad + offset), rows, cols), left, right);
  /* A vector has the one factor g g', to twice the power. */
  if (cols == 1) right[0] = 1;
  SYMO_TRY(compare_kron_set(a, index, (compare_kron){.rows = rows, .cols = cols, .offset = offset},
                            left, right, cols == 1 ? 2 * power : power));
fail:
  symo_free(left);
  symo_free(right);
  return status;
}

static symo_status build(const compare_input *in, double power, compare_approx **out) {
  const symo_net_spec *spec = symo_net_get_spec(in->net);
  size_t each = spec->bias ? 2 : 1;
  compare_approx *a = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(compare_approx_kron(in->context, symo_net_num_parameters(in->net),
                               each * spec->num_layers, &a));
  for (size_t l = 0; l < spec->num_layers; l++) {
    compare_layer layer = compare_layer_at(spec, l);
    SYMO_TRY(add_block(in, a, each * l, layer.weight, layer.out, layer.in, power));
    if (spec->bias) SYMO_TRY(add_block(in, a, each * l + 1, layer.bias, layer.out, 1, power));
  }
  *out = a;
  return SYMO_OK;
fail:
  compare_approx_destroy(a);
  return status;
}

static symo_status build_covariance(const compare_input *in, compare_approx **out) {
  return build(in, 0.5, out);
}

static symo_status build_root(const compare_input *in, compare_approx **out) {
  return build(in, 0.25, out);
}

const compare_competitor compare_competitor_shampoo = {
    .name = "shampoo",
    .summary =
        "L^{1/2} (x) R^{1/2} per weight, g g' per bias; L = G G', R = G' G of the one gradient",
    .build = build_covariance};

const compare_competitor compare_competitor_shampoo_root = {
    .name = "shampoo-root",
    .summary = "L^{1/4} (x) R^{1/4} per weight, (g g')^{1/2} per bias: what Shampoo's step inverts",
    .build = build_root};
