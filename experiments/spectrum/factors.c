/* Kronecker factors of a weight, as the problem of the network sums them (symo/factors.h): of all
 * examples, positions of a shared weight as examples (expand), at labels drawn from the model.
 *
 * Where an example has T tokens to predict, its loss is their mean, and the covariance of its
 * gradient at sampled labels is 1 / T of its Gauss-Newton matrix: B is multiplied by T. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/spectrum/exponents.h"

enum { SEEDS = 1 << 30 };

/* out [n, n], both triangles: sum over count, of which the lower triangle is given. */
static void mean_of(symo_dtype dtype, size_t n, const void *sum, double count, double *out) {
  for (size_t i = 0; i < n * n; i++) out[i] = symo_get(dtype, sum, i) / count;
  symo_symmetrize(SYMO_F64, n, out);
}

/* Draw after draw, of which the first adds what enters. */
static symo_status draw(const spectrum_subject *s, const symo_problem *problem, size_t samples,
                        symo_rng *rng, symo_factor_sums *sums) {
  const problem_call call = {s->context, "Kronecker factors", problem, s->theta};
  symo_factor_request request = {.fisher = SYMO_FISHER_SAMPLED,
                                 .seed = symo_rng_below(rng, SEEDS),
                                 .num_sites = problem->num_sites,
                                 .sums = sums};
  symo_status status = SYMO_OK;
  for (size_t k = 0; k < samples && status == SYMO_OK; k++, request.seed++) {
    double loss;
    request.known = k > 0;
    status = symo_problem_call_factors(&call, &loss, NULL, &request);
  }
  return status;
}

symo_status spectrum_factors(const spectrum_subject *s, size_t weight, size_t samples,
                             symo_rng *rng, double *a, double *b) {
  const symo_problem problem = symo_net_problem(s->net);
  const symo_net_spec *spec = symo_net_get_spec(s->net);
  const double tokens = spec->loss == SYMO_LOSS_TOKENS ? (double)symo_net_targets(spec) : 1;
  const symo_factor_site *site = &problem.sites[weight]; /* sites begin with the weights */
  const size_t bytes = symo_dtype_size(problem.dtype);
  symo_factor_sums *sums = symo_calloc(problem.num_sites, sizeof *sums);
  void *inputs = symo_calloc(site->inputs * site->inputs, bytes);
  void *outputs = symo_calloc(site->outputs * site->outputs, bytes);
  symo_status status = SYMO_OK;
  if (sums == NULL || inputs == NULL || outputs == NULL) {
    status = symo_fail_memory(s->context, "Kronecker factors");
    goto fail;
  }
  for (size_t i = 0; i < problem.num_sites; i++) sums[i].dtype = problem.dtype;
  sums[weight].inputs = inputs, sums[weight].outputs = outputs;
  SYMO_TRY(draw(s, &problem, samples, rng, sums));
  mean_of(problem.dtype, site->inputs, inputs, sums[weight].input_count, a);
  mean_of(problem.dtype, site->outputs, outputs, sums[weight].output_count / tokens, b);
fail:
  symo_free(sums);
  symo_free(inputs);
  symo_free(outputs);
  return status;
}
