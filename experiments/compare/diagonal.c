/* The diagonal of the empirical Fisher matrix, (1/N) sum_n g_n^2 elementwise with g_n the gradient
 * of example n: what Adam and RMSprop approximate by batches.
 *
 * In dense networks the gradient of a weight is d a' in each example, so its mean square is
 * (d*d)' (a*a) / N, one product.  Where weights are shared, or there are norms, the examples are
 * taken one by one. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

static void square(size_t n, double *x) {
  for (size_t i = 0; i < n; i++) x[i] *= x[i];
}

static symo_status weight_diagonal(const compare_input *in, size_t index, double *out) {
  symo_net_weight w = symo_net_get_weight(in->net, index);
  size_t n = in->examples;
  double *a = symo_calloc(n * w.inputs, sizeof *a), *d = symo_calloc(n * w.outputs, sizeof *d);
  symo_status status = SYMO_OK;
  if (a == NULL || d == NULL) {
    status = symo_fail_memory(in->context, "compare: diagonal");
    goto fail;
  }
  SYMO_TRY(symo_net_statistics(in->net, in->theta, NULL, index, a, d));
  square(n * w.inputs, a);
  square(n * w.outputs, d);
  symo_gemm(SYMO_F64, 1.0 / (double)n, symo_mat_t(symo_mat_dense(d, n, w.outputs)),
            symo_mat_dense(a, n, w.inputs), 0, symo_mat_dense(out + w.weight, w.outputs, w.inputs));
  for (size_t k = 0; w.has_bias && k < w.outputs; k++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += d[i * w.outputs + k];
    out[w.bias + k] = sum / (double)n;
  }
fail:
  symo_free(a);
  symo_free(d);
  return status;
}

static symo_status fill(const compare_input *in, double *diagonal) {
  symo_status status = SYMO_OK;
  if (symo_net_is_plain(symo_net_get_spec(in->net))) {
    for (size_t w = 0; status == SYMO_OK && w < symo_net_num_weights(in->net); w++)
      status = weight_diagonal(in, w, diagonal);
    return status;
  }
  return compare_squares(in, NULL, diagonal);
}

static symo_status build(const compare_input *in, compare_approx **out) {
  size_t size = symo_net_num_parameters(in->net);
  double *diagonal = symo_calloc(size, sizeof *diagonal);
  if (diagonal == NULL) return symo_fail_memory(in->context, "compare: diagonal");
  symo_status status = fill(in, diagonal);
  if (status != SYMO_OK) {
    symo_free(diagonal);
    return status;
  }
  return compare_approx_diagonal(in->context, size, diagonal, (double)size, out);
}

const compare_competitor compare_competitor_diagonal = {
    .name = "diagonal",
    .style = {PLOT_PURPLE, 4, 3, 1.5},
    .cost = COMPARE_COST_POINT,
    .summary = "diagonal of the empirical Fisher: mean over examples of squared gradients",
    .build = build};
