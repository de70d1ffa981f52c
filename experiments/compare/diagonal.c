/* The diagonal of the empirical Fisher matrix, (1/N) sum_n g_n^2 elementwise with g_n the gradient
 * of example n: what Adam and RMSprop approximate by batches.
 *
 * Per example the gradient of a weight is d a', so its mean square is (d*d)' (a*a) / N, one
 * product. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

static void square(size_t n, double *x) {
  for (size_t i = 0; i < n; i++) x[i] *= x[i];
}

static symo_status layer_diagonal(const compare_input *in, size_t index, compare_layer layer,
                                  bool bias, double *out) {
  size_t n = in->examples;
  double *a = symo_calloc(n * layer.in, sizeof *a), *d = symo_calloc(n * layer.out, sizeof *d);
  symo_status status = SYMO_OK;
  if (a == NULL || d == NULL) {
    status = symo_fail_memory(in->context, "compare: diagonal");
    goto fail;
  }
  SYMO_TRY(symo_net_statistics(in->net, in->theta, NULL, index, a, d));
  square(n * layer.in, a);
  square(n * layer.out, d);
  symo_gemm(SYMO_F64, 1.0 / (double)n, symo_mat_t(symo_mat_dense(d, n, layer.out)),
            symo_mat_dense(a, n, layer.in), 0,
            symo_mat_dense(out + layer.weight, layer.out, layer.in));
  for (size_t k = 0; bias && k < layer.out; k++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += d[i * layer.out + k];
    out[layer.bias + k] = sum / (double)n;
  }
fail:
  symo_free(a);
  symo_free(d);
  return status;
}

static symo_status build(const compare_input *in, compare_approx **out) {
  const symo_net_spec *spec = symo_net_get_spec(in->net);
  size_t size = symo_net_num_parameters(in->net);
  double *diagonal = symo_calloc(size, sizeof *diagonal);
  if (diagonal == NULL) return symo_fail_memory(in->context, "compare: diagonal");
  for (size_t l = 0; l < spec->num_layers; l++) {
    symo_status status = layer_diagonal(in, l, compare_layer_at(spec, l), spec->bias, diagonal);
    if (status != SYMO_OK) {
      symo_free(diagonal);
      return status;
    }
  }
  return compare_approx_diagonal(in->context, size, diagonal, (double)size, out);
}

const compare_competitor compare_competitor_diagonal = {
    .name = "diagonal",
    .summary = "diagonal of the empirical Fisher: mean over examples of squared gradients",
    .build = build};
