/* K-FAC (Martens, Grosse 2015, arXiv 1503.05671): per dense layer the Fisher block is taken as
 *
 *     E[d d'] (x) E[a a'],   a = inputs with a 1 appended (the bias), d = derivative of the
 * example's loss by the layer's outputs,
 *
 * in the row-major order of [W b].  Blocks between layers are zero; no damping.
 *
 *   kfac            d at labels drawn from the model, averaged over `samples` draws per example:
 * the Fisher, for these losses the Gauss-Newton matrix kfac-empirical  d at the labels of the data
 *
 * Check value: one linear layer, squared error, one output, labels one off the prediction: d d' =
 * 1, and the block is the Gauss-Newton matrix to rounding. */
#include "experiments/compare/kfac.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

typedef struct factors {
  double *inputs, *augmented, *deltas; /* [N, in], [N, in + 1], [N, out] */
  double *a, *d;                       /* [in + 1, in + 1], [out, out] */
} factors;

static void factors_free(factors *f) {
  symo_free(f->inputs);
  symo_free(f->augmented);
  symo_free(f->deltas);
  symo_free(f->a);
  symo_free(f->d);
}

static symo_status layer_factors(const compare_input *in, size_t index, compare_layer layer,
                                 bool bias, size_t draws, const double *const *labels, factors *f) {
  size_t n = in->examples, wide = layer.in + (bias ? 1 : 0);
  f->inputs = symo_calloc(n * layer.in, sizeof(double));
  f->augmented = symo_calloc(n * wide, sizeof(double));
  f->deltas = symo_calloc(n * layer.out, sizeof(double));
  f->a = symo_calloc(wide * wide, sizeof(double));
  f->d = symo_calloc(layer.out * layer.out, sizeof(double));
  if (!f->inputs || !f->augmented || !f->deltas || !f->a || !f->d)
    return symo_fail_memory(in->context, "compare: kfac");
  for (size_t s = 0; s < draws; s++) {
    symo_status status =
        symo_net_statistics(in->net, in->theta, labels[s], index, f->inputs, f->deltas);
    if (status != SYMO_OK) return status;
    symo_syrk(SYMO_F64, 1.0 / ((double)n * (double)draws), symo_mat_dense(f->deltas, n, layer.out),
              1, symo_mat_dense(f->d, layer.out, layer.out));
  }
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < layer.in; j++) f->augmented[i * wide + j] = f->inputs[i * layer.in + j];
    if (bias) f->augmented[i * wide + layer.in] = 1;
  }
  symo_syrk(SYMO_F64, 1.0 / (double)n, symo_mat_dense(f->augmented, n, wide), 0,
            symo_mat_dense(f->a, wide, wide));
  symo_symmetrize(SYMO_F64, wide, f->a);
  symo_symmetrize(SYMO_F64, layer.out, f->d);
  return SYMO_OK;
}

symo_status compare_kfac(const compare_input *in, size_t draws, const double *const *labels,
                         compare_approx **out) {
  const symo_net_spec *spec = symo_net_get_spec(in->net);
  compare_approx *a = NULL;
  factors f = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(
      compare_approx_kron(in->context, symo_net_num_parameters(in->net), spec->num_layers, &a));
  for (size_t l = 0; l < spec->num_layers; l++) {
    compare_layer layer = compare_layer_at(spec, l);
    SYMO_TRY(layer_factors(in, l, layer, spec->bias, draws, labels, &f));
    compare_kron where = {.rows = layer.out,
                          .cols = layer.in + (spec->bias ? 1 : 0),
                          .offset = layer.weight,
                          .bias = layer.bias,
                          .augmented = spec->bias};
    SYMO_TRY(compare_kron_set(a, l, where, f.d, f.a, 1));
    factors_free(&f);
    f = (factors){0};
  }
  *out = a;
  return SYMO_OK;
fail:
  factors_free(&f);
  compare_approx_destroy(a);
  return status;
}

static symo_status build_empirical(const compare_input *in, compare_approx **out) {
  const double *const exact[] = {NULL};
  return compare_kfac(in, 1, exact, out);
}

static symo_status build_sampled(const compare_input *in, compare_approx **out) {
  const symo_net_spec *spec = symo_net_get_spec(in->net);
  size_t each = in->examples * symo_net_outputs(spec);
  symo_status status = SYMO_OK;
  const double **labels = symo_calloc(in->samples, sizeof *labels);
  double *drawn = NULL;
  size_t total;
  if (symo_mul_size(each, in->samples, &total)) drawn = symo_calloc(total, sizeof *drawn);
  if (labels == NULL || drawn == NULL) {
    status = symo_fail_memory(in->context, "compare: kfac");
    goto fail;
  }
  for (size_t s = 0; s < in->samples; s++) {
    labels[s] = drawn + s * each;
    SYMO_TRY(symo_net_sample_labels(in->net, in->theta, in->rng, drawn + s * each));
  }
  status = compare_kfac(in, in->samples, labels, out);
fail:
  symo_free(labels);
  symo_free(drawn);
  return status;
}

const compare_competitor compare_competitor_kfac = {
    .name = "kfac",
    .summary = "E[d d'] (x) E[a a'] per layer, bias as an input of 1, labels drawn from the model",
    .build = build_sampled};

const compare_competitor compare_competitor_kfac_empirical = {
    .name = "kfac-empirical",
    .summary = "E[d d'] (x) E[a a'] per layer, bias as an input of 1, labels of the data",
    .build = build_empirical};
