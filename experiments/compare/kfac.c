/* K-FAC (symo/kfac.h): per weight E[d d'] (x) E[a a'], the bias an input of 1; no damping.
 *
 *   kfac            d at labels drawn from the model, averaged over `samples` draws per example: the
 *                   Fisher, for these losses the Gauss-Newton matrix
 *   kfac-empirical  d at the labels of the data
 *   ekfac           as kfac, with the second moments of the gradients of single examples in the
 *                   eigenbasis (George et al. 2018, arXiv 1806.03884)
 *
 * A weight that is shared, over the positions of a convolution or the steps of a recurrent layer, has
 * its pairs (a, d) taken as if independent (expand).  Of a recurrent layer Wx and [Wh b] are two
 * weights; of attention query, key and value are one; tables of embeddings have the shares of their
 * entries for E[a a'].  What is in no site, gains and biases of norms and a tied head, has the
 * diagonal of the Fisher.
 *
 * Check value: one linear layer, squared error, one output, labels one off the prediction: d d' =
 * 1, and the block is the Gauss-Newton matrix to rounding. */
#include "experiments/compare/kfac.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/compare/approx_form.h"

/* ---- the form ---- */

static symo_status form_dense(compare_approx *a, double *out) {
  return symo_kfac_dense(a->self, 1, SYMO_KFAC_EXACT, 0, out);
}

static symo_status form_eigenvalues(compare_approx *a, double *out) {
  return symo_kfac_eigenvalues(a->self, out);
}

static symo_status form_step(compare_approx *a, double lambda, const double *g, double *d) {
  symo_status status = symo_kfac_solve(a->self, SYMO_KFAC_EXACT, lambda, g, d);
  for (size_t i = 0; i < a->size && status == SYMO_OK; i++) d[i] = -d[i];
  return status;
}

static void form_destroy(void *self) { symo_kfac_destroy(self); }

static const compare_form form = {.name = "kfac",
                                  .dense = form_dense,
                                  .eigenvalues = form_eigenvalues,
                                  .step = form_step,
                                  .destroy = form_destroy};

/* ---- statistics ---- */

/* The mean of squared entries, where something is in no site. */
static symo_status add_rest(const compare_input *in, size_t draws, const double *const *labels,
                            symo_kfac *kfac) {
  const symo_problem p = symo_net_problem(in->net);
  size_t held = 0;
  for (size_t k = 0; k < p.num_sites; k++)
    held += p.sites[k].outputs * (p.sites[k].inputs + (p.sites[k].bias != SYMO_NONE ? 1 : 0));
  if (held == p.size) return SYMO_OK;
  double *sum = symo_calloc(2 * p.size, sizeof *sum);
  symo_status status = SYMO_OK;
  if (sum == NULL) return symo_fail_memory(in->context, "compare: kfac");
  double *squares = sum + p.size;
  for (size_t s = 0; s < draws; s++) {
    SYMO_TRY(compare_squares(in, labels[s], squares));
    symo_axpy(SYMO_F64, p.size, 1.0 / (double)draws, squares, sum);
  }
  SYMO_TRY(symo_kfac_set_diagonal(kfac, sum));
fail:
  symo_free(sum);
  return status;
}

symo_status compare_kfac(const compare_input *in, size_t draws, const double *const *labels,
                         bool corrected, compare_approx **out) {
  const symo_problem p = symo_net_problem(in->net);
  const symo_kfac_spec spec = {
      .fisher = SYMO_FISHER_EMPIRICAL, .draws = draws, .labels = labels, .corrected = corrected};
  symo_kfac *kfac = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_kfac_of_problem(in->context, &p, in->theta, &spec, &kfac));
  SYMO_TRY(add_rest(in, draws, labels, kfac));
  return compare_approx_make(in->context, &form, p.size, symo_kfac_stored(kfac), kfac, out);
fail:
  symo_kfac_destroy(kfac);
  return status;
}

/* ---- rows ---- */

static symo_status build_empirical(const compare_input *in, compare_approx **out) {
  const double *const exact[] = {NULL};
  return compare_kfac(in, 1, exact, false, out);
}

static symo_status build_drawn(const compare_input *in, bool corrected, compare_approx **out) {
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
  status = compare_kfac(in, in->samples, labels, corrected, out);
fail:
  symo_free(labels);
  symo_free(drawn);
  return status;
}

static symo_status build_sampled(const compare_input *in, compare_approx **out) {
  return build_drawn(in, false, out);
}

static symo_status build_corrected(const compare_input *in, compare_approx **out) {
  return build_drawn(in, true, out);
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

const compare_competitor compare_competitor_ekfac = {
    .name = "ekfac",
    .style = {PLOT_ORANGE, 3, 13, 2},
    .summary = "kfac with the mean squares of the gradients of single examples as eigenvalues",
    .build = build_corrected};
