/* K-FAC (Martens, Grosse 2015, arXiv 1503.05671): per weight the Fisher block is taken as
 *
 *     E[d d'] (x) E[a a'],   a = inputs with a 1 appended (the bias),
 *                            d = derivative of the example's loss by the outputs,
 *
 * in the row-major order of [W b].  Blocks between weights are zero; no damping.
 *
 * A weight that is shared, over the R positions of a convolution or the R steps of a recurrent
 * layer, has R pairs (a, d) in each example, taken as if independent: the sum over positions of
 * E[d d'] (x) the mean over positions of E[a a'] (Grosse, Martens 2016, arXiv 1602.01407; the
 * expand form of Eschenhagen et al. 2023, arXiv 2311.00636).  Of a recurrent layer Wx and [Wh b]
 * are two weights; of attention query, key and value are one.  Gains and biases of norms,
 * embeddings, and with them a tied head have the diagonal of the Fisher.
 *
 *   kfac            d at labels drawn from the model, averaged over `samples` draws per example:
 *                   the Fisher, for these losses the Gauss-Newton matrix
 *   kfac-empirical  d at the labels of the data
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

static symo_status take_factors(const compare_input *in, size_t index, size_t draws,
                                const double *const *labels, factors *f) {
  symo_net_weight w = symo_net_get_weight(in->net, index);
  size_t n = in->examples * w.rows, wide = w.inputs + (w.has_bias ? 1 : 0);
  f->inputs = symo_calloc(n * w.inputs, sizeof(double));
  f->augmented = symo_calloc(n * wide, sizeof(double));
  f->deltas = symo_calloc(n * w.outputs, sizeof(double));
  f->a = symo_calloc(wide * wide, sizeof(double));
  f->d = symo_calloc(w.outputs * w.outputs, sizeof(double));
  if (!f->inputs || !f->augmented || !f->deltas || !f->a || !f->d)
    return symo_fail_memory(in->context, "compare: kfac");
  for (size_t s = 0; s < draws; s++) {
    symo_status status =
        symo_net_statistics(in->net, in->theta, labels[s], index, f->inputs, f->deltas);
    if (status != SYMO_OK) return status;
    symo_syrk(SYMO_F64, 1.0 / ((double)in->examples * (double)draws),
              symo_mat_dense(f->deltas, n, w.outputs), 1,
              symo_mat_dense(f->d, w.outputs, w.outputs));
  }
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < w.inputs; j++) f->augmented[i * wide + j] = f->inputs[i * w.inputs + j];
    if (w.has_bias) f->augmented[i * wide + w.inputs] = 1;
  }
  symo_syrk(SYMO_F64, 1.0 / (double)n, symo_mat_dense(f->augmented, n, wide), 0,
            symo_mat_dense(f->a, wide, wide));
  symo_symmetrize(SYMO_F64, wide, f->a);
  symo_symmetrize(SYMO_F64, w.outputs, f->d);
  return SYMO_OK;
}

static symo_status add_weight(const compare_input *in, size_t index, size_t draws,
                              const double *const *labels, compare_approx *a) {
  symo_net_weight w = symo_net_get_weight(in->net, index);
  factors f = {0};
  symo_status status = take_factors(in, index, draws, labels, &f);
  if (status == SYMO_OK) {
    compare_kron where = {.rows = w.outputs,
                          .cols = w.inputs + (w.has_bias ? 1 : 0),
                          .offset = w.weight,
                          .bias = w.bias,
                          .augmented = w.has_bias};
    status = compare_kron_set(a, index, where, f.d, f.a, 1);
  }
  factors_free(&f);
  return status;
}

/* ---- the rest ---- */

/* Parameters that no weight holds, marked: those of norms and embeddings. */
static size_t mark_rest(const symo_net *net, bool *rest) {
  size_t size = symo_net_num_parameters(net), count = 0;
  for (size_t i = 0; i < size; i++) rest[i] = true;
  for (size_t k = 0; k < symo_net_num_weights(net); k++) {
    symo_net_weight w = symo_net_get_weight(net, k);
    for (size_t i = 0; i < w.outputs * w.inputs; i++) rest[w.weight + i] = false;
    for (size_t i = 0; w.has_bias && i < w.outputs; i++) rest[w.bias + i] = false;
  }
  for (size_t i = 0; i < size; i++) count += rest[i];
  return count;
}

/* One block of one number for each, from block `index` on. */
static symo_status add_rest(const compare_input *in, const bool *rest, size_t index, size_t draws,
                            const double *const *labels, compare_approx *a) {
  static const double one = 1;
  size_t size = symo_net_num_parameters(in->net);
  double *sum = symo_calloc(2 * size, sizeof *sum), *squares = sum + size;
  symo_status status = SYMO_OK;
  if (sum == NULL) return symo_fail_memory(in->context, "compare: kfac");
  for (size_t s = 0; s < draws; s++) {
    SYMO_TRY(compare_squares(in, labels[s], squares));
    for (size_t i = 0; i < size; i++) sum[i] += squares[i] / (double)draws;
  }
  for (size_t i = 0; i < size; i++)
    if (rest[i])
      SYMO_TRY(compare_kron_set(a, index++, (compare_kron){.rows = 1, .cols = 1, .offset = i},
                                &sum[i], &one, 1));
fail:
  symo_free(sum);
  return status;
}

symo_status compare_kfac(const compare_input *in, size_t draws, const double *const *labels,
                         compare_approx **out) {
  size_t size = symo_net_num_parameters(in->net), weights = symo_net_num_weights(in->net);
  compare_approx *a = NULL;
  symo_status status = SYMO_OK;
  bool *rest = symo_calloc(size, sizeof *rest);
  if (rest == NULL) return symo_fail_memory(in->context, "compare: kfac");
  size_t others = mark_rest(in->net, rest);
  SYMO_TRY(compare_approx_kron(in->context, size, weights + others, &a));
  for (size_t w = 0; w < weights; w++) SYMO_TRY(add_weight(in, w, draws, labels, a));
  if (others > 0) SYMO_TRY(add_rest(in, rest, weights, draws, labels, a));
  *out = a;
  a = NULL;
fail:
  symo_free(rest);
  compare_approx_destroy(a);
  return status;
}

static symo_status build_empirical(const compare_input *in, compare_approx **out) {
  const double *const exact[] = {NULL};
  return compare_kfac(in, 1, exact, out);
}

static symo_status build_sampled(const compare_input *in, compare_approx **out) {
  const symo_net_spec *spec = symo_net_get_spec(in->net);
  size_t each = in->examples * symo_net_targets(spec);
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
    .style = {PLOT_ORANGE, 1, 15, 2},
    .cost = COMPARE_COST_POINT,
    .summary =
        "E[d d'] (x) E[a a'] per weight, bias as an input of 1, labels drawn from the model; of "
        "shared weights the sum over positions or steps of E[d d'] times the mean of E[a a']",
    .build = build_sampled};

const compare_competitor compare_competitor_kfac_empirical = {
    .name = "kfac-empirical",
    .style = {PLOT_ORANGE, 2, 14, 2},
    .summary = "the same with the labels of the data",
    .build = build_empirical};
